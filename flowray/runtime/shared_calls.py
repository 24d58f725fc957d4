"""Calls of sub-workflows by an idempotency key: the first starts a child, the others wait for it as well (R19).

Such a child is an execution of its own: it ends with no caller and has no caller's deadline, and its key lives as that
of any other start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowray.engine.commands import StartChild
from flowray.engine.signals import ChildCall
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.stores import Journal, Reader
from flowray.persistence.writes import AnyResult, Done, Existing, Inserted, InsertExecution, Refused
from flowray.persistence.writes.shared_children import JoinChild
from flowray.values import INLINE_LIMIT_BYTES, StoredValue, as_value, stable_hash

Call = tuple[ExecutionRecord, StartChild]
"""A parent, and what it asks for."""


class SharedCalls:
    """Starts or joins shared children, in the caller's thread. ``make`` prepares the write of a new one.

    Raises what a call is to be refused with, or FlowrayError DATABASE_UNAVAILABLE, after which all may be repeated.
    """

    def __init__(
        self,
        journal: Journal,
        reader: Reader,
        *,
        make: Callable[[Call], InsertExecution],
        begin: Callable[[ExecutionRecord], None],
        found: Callable[[Call, ExecutionRecord], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._journal = journal
        self._reader = reader
        self._make = make
        self._begin = begin
        self._found = found
        self._now_ms = now_ms

    def call(self, call: Call) -> tuple[str, ...]:
        """Have the parent wait for the child of this key. Returns executions into whose inboxes something was put."""
        parent, command = call
        known = self._reader.shared_children.child_of(parent.id, command.key)
        if known is None:
            insert = self._make(call)
            (result,) = self._journal.commit([insert])
            if not isinstance(result, Existing):
                self._started(call, insert.record, result)
                return ()
            self._check_same(command.call, insert.record, result)
            known = result.id
        return self._join(call, known)

    def _started(self, call: Call, child: ExecutionRecord, result: AnyResult) -> None:
        if isinstance(result, Inserted):
            self._found(call, child)
            if not result.elsewhere:
                self._begin(child)
        elif isinstance(result, Refused):
            raise FlowrayError(ErrorCode.INTERNAL, f"its row was refused: {result.detail}")
        # Fenced: the parent has another owner, who sees to its children.

    def _join(self, call: Call, child_id: str) -> tuple[str, ...]:
        parent, command = call
        self._check_no_circle(parent, child_id)
        write = JoinChild(
            child_id=child_id, parent_id=parent.id, parent_key=command.key, parent_epoch=parent.epoch,
            ts=self._now_ms(),
        )  # fmt: skip
        (result,) = self._journal.commit([write])
        child = self._reader.execution_by_id(child_id)
        if isinstance(result, Refused) or child is None:
            raise FlowrayError(ErrorCode.NOT_FOUND, f"the execution {child_id!r} with this key was deleted just now")
        if not isinstance(result, Done):
            return ()
        self._found(call, child)
        return result.told

    @staticmethod
    def _check_same(call: ChildCall, wanted: ExecutionRecord, found: Existing) -> None:
        if found.request_hash != wanted.request_hash:
            raise FlowrayError(
                ErrorCode.IDEMPOTENCY_MISMATCH,
                f"the idempotency key {call.idempotency_key!r} was used to call with other inputs, or another version",
                details={"execution_id": found.id},
                hint="calls that share a child must ask for the same; use a new key for something new",
            )

    def _check_no_circle(self, parent: ExecutionRecord, child_id: str) -> None:
        """Who waits for itself waits for ever. Two that close a circle at the same moment are not noticed: their own
        time limits end that.
        """
        seen: set[str] = set()
        looking = [parent.id]
        while looking:
            execution_id = looking.pop()
            if execution_id == child_id:
                raise FlowrayError(
                    ErrorCode.CALL_DEPTH_EXCEEDED,
                    "the sub-workflow with this key waits for the execution that calls it: neither would ever end",
                    details={"execution_id": child_id},
                    hint="a workflow must not call itself, directly or by others, under one key",
                )
            if execution_id in seen:
                continue
            seen.add(execution_id)
            looking += self._reader.shared_children.callers(execution_id)
            found = self._reader.execution_by_id(execution_id)
            if found is not None and found.parent_id is not None:
                looking.append(found.parent_id)


def shared_key(call: ChildCall) -> str:
    """The idempotency key of a shared child's row: no start has it, and each inline definition has its own."""
    of_definition = "" if call.definition is None else stable_hash(call.definition)
    return f"call:{of_definition}:{call.idempotency_key}"


def request_hash(call: ChildCall) -> str:
    """What calls of one key must agree on."""
    return stable_hash({"version": call.version, "inputs": call.inputs})


def check_inputs(inputs: dict[str, Any]) -> None:
    """Raises INVALID_INPUT for a stored value: it is its caller's, and may be gone before the child."""
    large = [name for name, value in inputs.items() if isinstance(as_value(value), StoredValue)]
    if large:
        raise FlowrayError(
            ErrorCode.INVALID_INPUT,
            f"the inputs {', '.join(large)} are larger than {INLINE_LIMIT_BYTES} bytes, which is the limit for a child"
            " with an idempotency key",
            hint="a child that outlives its caller cannot refer to its values: pass what the child needs to find them",
        )
