"""Applies writes to a SQL database, a group in one transaction. Decides nothing: see each ``sql.py``."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from flowray.errors import ErrorCode
from flowray.persistence.callbacks.sql import claim_callbacks, redeliver_callbacks, settle_callbacks
from flowray.persistence.connections.sql import APPLY as APPLY_CONNECTION_WRITES
from flowray.persistence.database.engine import database_errors, is_postgresql, is_unavailable, repeats_at_once, writing
from flowray.persistence.database.transaction import Transaction
from flowray.persistence.inbox.sql import insert_inbox
from flowray.persistence.knowledge.sql import APPLY as APPLY_KNOWLEDGE_WRITES
from flowray.persistence.limits.sql import delete_limits, save_limits, share_limits
from flowray.persistence.queues.sql import configure_queues
from flowray.persistence.retention.sql import APPLY as APPLY_RETENTION_WRITES
from flowray.persistence.retention.sql_spent import APPLY as APPLY_SPENT_WRITES
from flowray.persistence.sql.executions import append_events, insert_executions
from flowray.persistence.sql.imports import import_executions
from flowray.persistence.sql.metadata import change_all_metadata
from flowray.persistence.sql.owners import claim_executions, register_owners, release_owners, renew_leases
from flowray.persistence.sql.shared_children import join_children
from flowray.persistence.sql.stages import stages
from flowray.persistence.sql.workflows import delete_workflows, put_payloads, save_workflows
from flowray.persistence.triggers.sql import APPLY as APPLY_TRIGGER_WRITES
from flowray.persistence.waitpoints.sql_shared import complete_waitpoints, create_waitpoints, expire_waitpoints
from flowray.persistence.workflow_memory.sql import clear_memory
from flowray.persistence.writes import (
    AnyResult,
    AnyWrite,
    AppendEvents,
    ClaimExecutions,
    ClearMemory,
    DeleteWorkflow,
    InsertExecution,
    InsertInbox,
    PutPayload,
    Refused,
    RegisterOwner,
    ReleaseOwner,
    RenewLease,
    SaveWorkflow,
)
from flowray.persistence.writes.callbacks import ClaimCallbacks, RedeliverCallback, SettleCallback
from flowray.persistence.writes.imports import ImportExecution
from flowray.persistence.writes.limits import DeleteLimit, SaveLimit, ShareLimits
from flowray.persistence.writes.metadata import ChangeMetadata
from flowray.persistence.writes.queues import ConfigureQueue
from flowray.persistence.writes.shared_children import JoinChild
from flowray.persistence.writes.waitpoints import CompleteWaitpoint, CreateWaitpoint, ExpireWaitpoints

logger = logging.getLogger(__name__)

_APPLY: dict[type[AnyWrite], Callable[[Transaction, Sequence[Any]], list[AnyResult]]] = {
    SaveWorkflow: save_workflows,
    DeleteWorkflow: delete_workflows,
    RegisterOwner: register_owners,
    RenewLease: renew_leases,
    ReleaseOwner: release_owners,
    PutPayload: put_payloads,
    ClaimCallbacks: claim_callbacks,
    SettleCallback: settle_callbacks,
    RedeliverCallback: redeliver_callbacks,
    SaveLimit: save_limits,
    DeleteLimit: delete_limits,
    ShareLimits: share_limits,
    ClearMemory: clear_memory,
    **APPLY_KNOWLEDGE_WRITES,
    **APPLY_TRIGGER_WRITES,
    **APPLY_CONNECTION_WRITES,
    **APPLY_RETENTION_WRITES,
    **APPLY_SPENT_WRITES,
    ConfigureQueue: configure_queues,
    InsertExecution: insert_executions,
    JoinChild: join_children,
    AppendEvents: append_events,
    InsertInbox: insert_inbox,
    CreateWaitpoint: create_waitpoints,
    CompleteWaitpoint: complete_waitpoints,
    ExpireWaitpoints: expire_waitpoints,
    ChangeMetadata: change_all_metadata,
    ImportExecution: import_executions,
    ClaimExecutions: claim_executions,
}

_DEADLOCK_REPEATS = 5


class SqlCommitter:
    """A Committer on SQLite or PostgreSQL. Thread-safe; see ``stores.Committer`` for the contract.

    A refused or fenced write is found before anything of it is written, so a group needs no savepoints. Only when the
    database itself rejects a statement (text it cannot hold, a broken reference) is the group repeated with a savepoint
    around each write, and the culprit alone is answered with Refused.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = writing(engine)
        # Within one process a lock is fairer and quicker than SQLite's own polling for its lock.
        self._lock: AbstractContextManager[Any] = nullcontext() if is_postgresql(engine) else threading.Lock()

    def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        if not writes:
            return []
        with self._lock, database_errors("commit"):
            for repeat in range(_DEADLOCK_REPEATS):
                try:
                    return self._commit(writes)
                except DBAPIError as error:
                    if repeats_at_once(error) and repeat + 1 < _DEADLOCK_REPEATS:
                        continue
                    if is_unavailable(error):
                        raise
                    break
                except SQLAlchemyError as error:
                    if is_unavailable(error):
                        raise
                    break
                except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):
                    break  # a value that no column can hold
            return self._commit_each(writes)

    def _commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        results: list[AnyResult | None] = [None] * len(writes)
        with self._engine.begin() as connection:
            tx = Transaction(connection, writes)
            for stage in stages(writes):
                for kind, numbered in stage.items():
                    applied = _APPLY[kind](tx, [write for _, write in numbered])
                    for (number, _), result in zip(numbered, applied, strict=True):
                        results[number] = result
        return [result for result in results if result is not None]

    def _commit_each(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        results: list[AnyResult] = []
        with self._engine.begin() as connection:
            Transaction(connection, writes)  # locks the rows of the group in order
            for write in writes:
                try:
                    with connection.begin_nested():
                        results.extend(_APPLY[type(write)](Transaction(connection, [write]), [write]))
                except Exception as error:
                    if isinstance(error, SQLAlchemyError) and is_unavailable(error):
                        raise
                    logger.exception("the database refused a write: %s", type(write).__name__)
                    results.append(_refused(error))
        return results


def _refused(error: Exception) -> Refused:
    code = ErrorCode.INVALID_REQUEST if isinstance(error, DataError | IntegrityError) else ErrorCode.INTERNAL
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return Refused(code=code, detail=f"{type(cause).__name__}: {str(cause).strip()[:300]}")
