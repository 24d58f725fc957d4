"""The tables, as SQLAlchemy Core describes them. No queries; what creates and changes them are the migrations.

Every table has ``workspace_id``. Times are ms since the epoch, UTC. JSON is kept as text: databases' own JSON types
refuse some valid JSON (PostgreSQL's jsonb has no NUL character) and change numbers.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    literal_column,
    text,
)
from sqlalchemy.sql.elements import ColumnElement

from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.persistence.records import DEFAULT_WORKSPACE

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class JsonText(TypeDecorator[Any]):
    """JSON as text. None is the SQL NULL; a StoredValue stands as its wire form."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else _encode(value).decode()

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else _decode(value)


def _workspace(*, primary_key: bool = False) -> Column[str]:
    return Column("workspace_id", Text, nullable=False, server_default=DEFAULT_WORKSPACE, primary_key=primary_key)


def _of_execution(*, primary_key: bool = False) -> Column[str]:
    return Column(
        "execution_id", Text, ForeignKey("executions.id", ondelete="CASCADE"), nullable=False, primary_key=primary_key
    )


workflows = Table(
    "workflows",
    metadata,
    _workspace(primary_key=True),
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    Column("definition", JsonText, nullable=False),
    Column("diagnostics", JsonText, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("created_by", Text),
    Index(None, "workspace_id", "created_at", "id"),
)

workflow_versions = Table(
    "workflow_versions",
    metadata,
    _workspace(primary_key=True),
    Column("workflow_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("definition", JsonText, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text),
)

plans = Table(
    "plans",
    metadata,
    _workspace(),
    Column("hash", Text, primary_key=True),
    Column("plan", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

executions = Table(
    "executions",
    metadata,
    _workspace(),
    Column("id", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("plan_hash", Text, ForeignKey("plans.hash"), nullable=False),
    Column("workflow_id", Text),
    Column("workflow_version", Integer),
    Column("workflow_name", Text, nullable=False),
    Column("created_by", Text),
    Column("inputs", JsonText, nullable=False),
    Column("options", JsonText, nullable=False),
    Column("outputs", JsonText),
    Column("partial", Boolean, nullable=False),
    Column("error", JsonText),
    Column("errors", JsonText, nullable=False),
    Column("handled_errors", JsonText, nullable=False),
    Column("progress", JsonText, nullable=False),
    Column("usage", JsonText, nullable=False),
    Column("waiting_for", JsonText, nullable=False),
    Column("labels", JsonText, nullable=False),
    Column("metadata", JsonText, nullable=False),
    Column("trigger", Text),
    Column("parent_id", Text),
    Column("parent_key", Text),
    Column("root_id", Text),
    Column("depth", Integer, nullable=False, server_default=text("0")),
    Column("rerun_of", Text),
    Column("selection", JsonText),
    Column("batch_id", Text),
    Column("deadline_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("updated_at", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("owner_id", Text),
    Column("orchestrator_actor_id", Text),
    Column("log_location", Text),
    Column("snapshot_id", Text),
    Column("recoveries", Integer, nullable=False),
    Column("failed_recoveries", Integer, nullable=False, server_default=text("0")),
    Column("crash_reason", Text),
    Column("cancel_reason", Text),
    Column("pause", JsonText),
    Column("wake_at", BigInteger),
    Column("retain_until", BigInteger),
    Column("callback", JsonText),
    Column("idempotency_key", Text),
    Column("request_hash", Text),
    Column("engine_version", Text, nullable=False),
    # Of the claim that gave the execution to its present owner: lets a claim be repeated after a lost acknowledgement.
    Column("claim_id", Text),
    Column("claim_recovery", Boolean, nullable=False, server_default=text("false")),
    # Rows of the first schema are in no queue.
    Column("queue", Text, nullable=False, server_default=""),
    Column("concurrency_key", Text, nullable=False, server_default=""),
    Column("queued_at", BigInteger),
    Column("queue_order", BigInteger, nullable=False, server_default=text("0")),
    Column("not_before", BigInteger),
    Column("expires_at", BigInteger),
    Column("admitted_at", BigInteger),
    Column("idempotency_expires_at", BigInteger),
)


def is_active() -> ColumnElement[bool]:
    """The execution has not ended.

    Literals rather than parameters: a database uses a partial index only if it sees that the query implies it.
    """
    return executions.c.status.not_in([literal_column(f"'{status}'") for status in sorted(TERMINAL_EXECUTION)])


_e = executions.c
Index("ix_executions_page", _e.workspace_id, _e.created_at, _e.id)
Index("ix_executions_status", _e.workspace_id, _e.status, _e.created_at, _e.id)
Index("ix_executions_workflow", _e.workspace_id, _e.workflow_id, _e.created_at, _e.id)
Index(
    "ix_executions_batch", _e.batch_id, sqlite_where=_e.batch_id.is_not(None), postgresql_where=_e.batch_id.is_not(None)
)
Index(
    "ix_executions_parent",
    _e.parent_id,
    sqlite_where=_e.parent_id.is_not(None),
    postgresql_where=_e.parent_id.is_not(None),
)
# How many descendants an execution has is counted before each further one.
Index("ix_executions_root", _e.root_id, sqlite_where=_e.root_id.is_not(None), postgresql_where=_e.root_id.is_not(None))
# The sweep looks only at executions that have not ended, of which there are few.
Index(
    "ix_executions_active_owner",
    _e.owner_id,
    _e.created_at,
    _e.id,
    sqlite_where=is_active(),
    postgresql_where=is_active(),
)
Index("ix_executions_plan", _e.plan_hash)
# What is due for deletion: by a time of its own, or so long after its end. Reruns are looked for before.
Index(
    "ix_executions_retain",
    _e.retain_until,
    sqlite_where=_e.retain_until.is_not(None),
    postgresql_where=_e.retain_until.is_not(None),
)
Index(
    "ix_executions_ended",
    _e.ended_at,
    sqlite_where=_e.ended_at.is_not(None),
    postgresql_where=_e.ended_at.is_not(None),
)
Index(
    "ix_executions_rerun",
    _e.rerun_of,
    sqlite_where=_e.rerun_of.is_not(None),
    postgresql_where=_e.rerun_of.is_not(None),
)
# Only executions that were released while something was to happen at a time have one.
Index("ix_executions_wake", _e.wake_at, sqlite_where=_e.wake_at.is_not(None), postgresql_where=_e.wake_at.is_not(None))
# Inline executions have no workflow; their keys are unique among themselves, so NULL must equal NULL here.
Index(
    "uq_executions_idempotency",
    _e.workspace_id,
    text("coalesce(workflow_id, '')"),
    _e.idempotency_key,
    unique=True,
    sqlite_where=_e.idempotency_key.is_not(None),
    postgresql_where=_e.idempotency_key.is_not(None),
)

events = Table(
    "events",
    metadata,
    _workspace(),
    _of_execution(primary_key=True),
    Column("first_seq", BigInteger, nullable=False),
    # The key, rather than first_seq: readers ask for what comes after a seq, which may lie within a batch.
    Column("last_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
    Column("ts", BigInteger, nullable=False),
    Column("events", LargeBinary, nullable=False),
)

node_logs = Table(
    "node_logs",
    metadata,
    _workspace(),
    _of_execution(primary_key=True),
    Column("id", Text, primary_key=True),
    Column("node_id", Text, nullable=False),
    Column("instance", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("success", Boolean),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("input", JsonText),
    Column("output", JsonText),
    Column("error", JsonText),
    Column("usage", JsonText),
    Column("stream_id", Text),
    Column("lane", Text, nullable=False),
    Index(None, "execution_id", "seq", "id"),
)

snapshots = Table(
    "snapshots",
    metadata,
    _workspace(),
    Column("id", Text, primary_key=True),
    _of_execution(),
    Column("seq", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "execution_id", "seq", unique=True),
)

inbox = Table(
    "inbox",
    metadata,
    _workspace(),
    Column("id", Text, primary_key=True),
    _of_execution(),
    Column("kind", Text, nullable=False),
    Column("data", JsonText),
    Column("waitpoint_id", Text),
    Column("by", Text),
    Column("received_at", BigInteger, nullable=False),
    Column("claimed_epoch", BigInteger),
    Column("consumed_at", BigInteger),
    Column("outcome", Text),
    Column("dedupe_key", Text),
    # From where a request came: ``{via, address}``.
    Column("origin", JsonText),
    UniqueConstraint("execution_id", "dedupe_key", name="uq_inbox_dedupe"),
)
_i = inbox.c
Index(
    "ix_inbox_unconsumed",
    _i.execution_id,
    _i.received_at,
    _i.id,
    sqlite_where=_i.consumed_at.is_(None),
    postgresql_where=_i.consumed_at.is_(None),
)

owners = Table(
    "owners",
    metadata,
    _workspace(),
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("generation", Text, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
    Column("actor_name", Text),
    Column("actor_id", Text),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("log_location", Text),
    Column("registered_at", BigInteger, nullable=False),
    Index(None, "lease_until"),
)

waitpoints = Table(
    "waitpoints",
    metadata,
    _workspace(),
    Column("id", Text, primary_key=True),
    # Named waitpoints can be created, and completed, before any execution waits for them.
    Column("execution_id", Text, ForeignKey("executions.id", ondelete="CASCADE")),
    Column("instance", Text),
    Column("node_id", Text),
    Column("token", Text),
    Column("token_hash", Text),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("prompt", JsonText),
    Column("expected_input", JsonText),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("completed_at", BigInteger),
    Column("completed_by", Text),
    Column("data", JsonText),
    Column("name", Text),
    Column("source", Text),
    Column("filter", JsonText),
    Column("tags", JsonText),
    Column("completed_from", JsonText),
    Column("request_hash", Text),
    Index(None, "execution_id", "status"),
    Index(None, "token_hash", unique=True),
    Index("ix_waitpoints_page", "workspace_id", "status", "created_at", "id"),
    Index(None, "status", "expires_at"),
)
# Who waits for an event or for a waitpoint of its own: only those that do have a source.
Index(
    "ix_waitpoints_source",
    waitpoints.c.source,
    waitpoints.c.status,
    sqlite_where=waitpoints.c.source.is_not(None),
    postgresql_where=waitpoints.c.source.is_not(None),
)

payloads = Table(
    "payloads",
    metadata,
    _workspace(),
    Column("id", Text, primary_key=True),
    # No foreign key: large inputs are kept before the execution's row commits (R34).
    Column("execution_id", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "execution_id"),
    Index(None, "created_at"),
    # Whose values are to be looked through is found without the values themselves.
    Index("ix_payloads_owner_age", "execution_id", "created_at"),
)

metadata_changes = Table(
    "metadata_changes",
    metadata,
    _workspace(),
    _of_execution(primary_key=True),
    Column("id", Text, primary_key=True),
    Column("changed_at", BigInteger, nullable=False),
    Index("ix_metadata_changes_age", "changed_at"),
)

settings = Table(
    "settings",
    metadata,
    _workspace(primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
