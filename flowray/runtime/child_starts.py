"""Starts child executions: resolves the workflow, checks the limits, commits the row (R19). Has no thread of its own.

What is asked for again, by the same owner or the next, finds the child that is there: its id follows from the parent.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import msgspec

from flowray.definition.inputs import InputContract, prepare_inputs
from flowray.engine import stimuli as st
from flowray.engine.children import REFUSED
from flowray.engine.commands import StartChild, StopChild
from flowray.engine.signals import ChildCall, NodeError
from flowray.engine.statuses import ExecutionStatus
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.idempotency import KEY_LIFE_MS
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.stores import Journal, Reader
from flowray.persistence.writes import Inserted, InsertExecution, InsertInbox, Refused
from flowray.runtime.child_plans import ChildPlans
from flowray.runtime.children import cancel_row, child_id
from flowray.runtime.identifiers import new_id
from flowray.runtime.shared_calls import Call, SharedCalls, check_inputs, request_hash, shared_key
from flowray.values import Json, StoredValue, as_value

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class ChildLimits:
    """Guards against endless recursion (R19). ``max_depth``: calls below the first caller; ``max_descendants``: all
    executions below it, counted without a lock, so that several owners at once may pass it by a few.
    """

    max_depth: int = 25
    max_descendants: int = 1_000


class ChildStarter:
    """Does what the Children port asks, at once and in the caller's thread.

    ``own`` fills in owner and epoch of a new row, ``begin`` drives it once it is committed; ``post`` reaches the
    parent's driver. Raises FlowrayError DATABASE_UNAVAILABLE, after which everything may be repeated.
    """

    def __init__(
        self,
        journal: Journal,
        reader: Reader,
        plans: ChildPlans,
        *,
        own: Callable[[ExecutionRecord], ExecutionRecord],
        begin: Callable[[Sequence[ExecutionRecord]], None],
        post: Callable[[str, st.AnyStimulus], None],
        now_ms: Callable[[], int],
        limits: ChildLimits | None = None,
    ) -> None:
        self._journal = journal
        self._reader = reader
        self._plans = plans
        self._own = own
        self._begin = begin
        self._post = post
        self._now_ms = now_ms
        self._limits = limits or ChildLimits()
        self._shared = SharedCalls(
            journal, reader, make=self._new_shared, begin=lambda record: begin([record]), found=self._found,
            now_ms=now_ms,
        )  # fmt: skip

    def start(self, calls: Sequence[Call]) -> list[str]:
        """Start every child, or find it. New ones share one commit and are owned by this process.

        Returns the parents whose shared children had ended before: that is in their inboxes now.
        """
        inserts: list[tuple[Call, InsertExecution]] = []
        new_by_root: Counter[str] = Counter()
        told: list[str] = []
        for call in calls:
            parent, command = call
            if command.call.idempotency_key:
                told += self._try(call, partial(self._shared.call, call)) or ()
                continue
            known = self._reader.execution_by_id(child_id(parent.id, command.key))
            if known is not None:
                self._found(call, known)
                continue
            insert = self._insert(call, new_by_root)
            if insert is not None:
                inserts.append((call, insert))
        if inserts:
            self._commit(inserts)
        return told

    def stop(self, parent: ExecutionRecord, command: StopChild) -> str:
        """Cancel a child, if it is there and runs; returns its id, for its owner to be woken."""
        row = cancel_row(parent.id, command)
        self._journal.commit([InsertInbox(record=row, workspace_id=parent.workspace_id)])
        return row.execution_id

    def _insert(self, call: Call, new_by_root: Counter[str]) -> InsertExecution | None:
        return self._try(call, lambda: self._new(call, new_by_root))

    def _try(self, call: Call, act: Callable[[], T]) -> T | None:
        try:
            return act()
        except Exception as error:
            # The call of one node must not keep the children of others from being started.
            if not isinstance(error, FlowrayError):
                logger.exception("flowray: a child of execution %s could not be prepared", call[0].id)
            elif error.code == ErrorCode.DATABASE_UNAVAILABLE:
                raise
            self.refuse(call, error)
        return None

    def _new(self, call: Call, new_by_root: Counter[str]) -> InsertExecution:
        parent, command = call
        root_id = parent.root_id or parent.id
        self._check_limits(parent, command, self._reader.descendants(root_id) + new_by_root[root_id])
        made = self._plans.of(command.call, parent.workspace_id)
        now = self._now_ms()
        deadlines = [at for at in (command.deadline_ms, command.call.deadline_ms) if at is not None]
        record = ExecutionRecord(
            id=child_id(parent.id, command.key),
            status=ExecutionStatus.QUEUED.value,
            plan_hash=made.plan_hash,
            workflow_id=made.workflow_id,
            workflow_version=made.version,
            workflow_name=made.name,
            workspace_id=parent.workspace_id,
            created_by=parent.created_by,
            inputs=fit_inputs(made.contract, command.call.inputs),
            trigger=made.trigger,
            parent_id=parent.id,
            parent_key=command.key,
            root_id=root_id,
            depth=parent.depth + 1,
            deadline_at=min(deadlines, default=None),
            created_at=now,
            updated_at=now,
        )
        new_by_root[root_id] += 1
        return InsertExecution(record=self._own(record), plan=made.plan, parent_epoch=parent.epoch)

    def _new_shared(self, call: Call) -> InsertExecution:
        """A child that belongs to no family: whoever calls it first is only named as its parent, and takes its slot."""
        parent, command = call
        check_inputs(command.call.inputs)
        insert = self._new(call, Counter())
        record = msgspec.structs.replace(
            insert.record, id=new_id(), parent_key=None, root_id=None,
            idempotency_key=shared_key(command.call), request_hash=request_hash(command.call),
            idempotency_expires_at=insert.record.created_at + KEY_LIFE_MS,
        )  # fmt: skip
        return InsertExecution(record=record, plan=insert.plan, parent_epoch=parent.epoch, shared_key=command.key)

    def _check_limits(self, parent: ExecutionRecord, command: StartChild, descendants: int) -> None:
        if parent.depth >= self._limits.max_depth:
            raise FlowrayError(
                ErrorCode.CALL_DEPTH_EXCEEDED,
                f"sub-workflows are nested deeper than the limit of {self._limits.max_depth}",
                details={"limit": self._limits.max_depth, "chain": [*self._chain(parent), _called(command.call)]},
                hint="a workflow that calls itself needs a branch that ends the recursion",
            )
        if descendants >= self._limits.max_descendants:
            raise FlowrayError(
                ErrorCode.DESCENDANT_LIMIT_EXCEEDED,
                f"the first caller has {descendants} executions below it; the limit is {self._limits.max_descendants}",
                details={"limit": self._limits.max_descendants, "root_id": parent.root_id or parent.id},
                hint="FLOWRAY_MAX_DESCENDANTS sets the limit",
            )

    def _chain(self, record: ExecutionRecord) -> list[str]:
        """Names of the workflows from the first caller down to ``record``."""
        names: list[str] = []
        found: ExecutionRecord | None = record
        while found is not None:
            names.append(found.workflow_name or found.workflow_id or "inline")
            found = self._reader.execution_by_id(found.parent_id) if found.parent_id is not None else None
        return names[::-1]

    def _commit(self, inserts: Sequence[tuple[Call, InsertExecution]]) -> None:
        results = self._journal.commit([insert for _, insert in inserts])
        begun = []
        for (call, insert), result in zip(inserts, results, strict=True):
            if isinstance(result, Inserted):
                self._found(call, insert.record)
                if not result.elsewhere:
                    begun.append(insert.record)
            elif isinstance(result, Refused):
                self.refuse(call, FlowrayError(ErrorCode.INTERNAL, f"its row was refused: {result.detail}"))
            # Fenced: the parent has another owner, who sees to its children.
        self._begin(begun)

    def _found(self, call: Call, child: ExecutionRecord) -> None:
        parent, command = call
        stimulus = st.ChildStarted(
            ts=self._now_ms(), instance=command.instance, key=command.key, child_id=child.id,
            workflow_id=child.workflow_id, version=child.workflow_version,
        )  # fmt: skip
        self._post(parent.id, stimulus)

    def refuse(self, call: Call, error: Exception) -> None:
        """Tell the parent that its child cannot be started."""
        parent, command = call
        if not isinstance(error, FlowrayError):
            error = FlowrayError(ErrorCode.INTERNAL, f"{type(error).__name__}: {error}")
        cause = NodeError(
            message=error.message, code=str(error.code), retryable=error.retryable, details=dict(error.details),
            hint=error.hint,
        )  # fmt: skip
        stimulus = st.ChildEnded(
            ts=self._now_ms(), instance=command.instance, key=command.key, status=REFUSED, error=cause
        )
        self._post(parent.id, stimulus)


def fit_inputs(contract: InputContract, inputs: Mapping[str, Any]) -> dict[str, Json]:
    """The inputs of a child, as ``prepare_inputs`` has them (R57). Raises what that raises.

    A value kept in the payload store is passed on as it is: an owner does not read large values (R27). That it is
    given counts; whether it fits, the nodes that read it find out.
    """
    stored = {name: value for name, value in inputs.items() if isinstance(as_value(value), StoredValue)}
    if not stored:
        return prepare_inputs(contract, inputs)
    declared = tuple(entry for entry in contract.declared if entry.name not in stored)
    schema = None if contract.schema is None else _without(contract.schema, stored)
    small = {name: value for name, value in inputs.items() if name not in stored}
    passed: dict[str, Json] = msgspec.to_builtins(stored)
    return prepare_inputs(InputContract(declared, schema), small) | passed


def _without(schema: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(schema)
    if isinstance(kept.get("properties"), dict):
        kept["properties"] = {name: value for name, value in kept["properties"].items() if name not in names}
    if isinstance(kept.get("required"), list):
        kept["required"] = [name for name in kept["required"] if name not in names]
    return kept


def _called(call: ChildCall) -> str:
    return call.workflow_id or "inline"
