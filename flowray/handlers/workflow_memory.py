"""The memory that all executions of a workflow share, as a handler uses it (R17): what is read, and what is refused.

Limits are checked here, against what is committed now. A commit refuses nothing: it would have to fail an execution for
what another one did at the same moment.
"""

from __future__ import annotations

from collections.abc import Iterable

from flowray.engine.shared_memory import DELETE, SharedEntry, changed, unfit
from flowray.engine.signals import VariableOperation
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.handler import NodeInput
from flowray.handlers.services import MemoryPlace, MemoryView

MAX_KEY_BYTES = 500
"""Of a key, in UTF-8: databases index it."""


def check_shareable(operations: Iterable[VariableOperation], workflow_id: str | None) -> None:
    """Raises INVALID_NODE_CONFIG for an operation on the workflow's memory that could not be written."""
    for operation in operations:
        if not operation.workflow:
            continue
        if workflow_id is None:
            raise no_workflow()
        _check_key(operation.name)


def _check_key(key: str) -> None:
    size = len(key.encode(errors="replace"))
    if not 0 < size <= MAX_KEY_BYTES or "\0" in key:
        raise FlowrayError(
            ErrorCode.INVALID_NODE_CONFIG,
            f"{key[:60]!r} is no key of the workflow's memory",
            hint=f"a key has 1 to {MAX_KEY_BYTES} bytes of UTF-8 and no NUL character",
        )


async def view(node: NodeInput, key: str | None = None) -> tuple[MemoryPlace, MemoryView]:
    """The workflow's memory as it is committed: the entry ``key``, or all entries.

    Raises INVALID_NODE_CONFIG for an execution of no stored workflow, and for what cannot be a key.
    """
    if node.memory is None:
        raise no_workflow()
    if key is not None:
        _check_key(key)
    return node.memory, await node.services.memory.read(node.memory, key)


def check_change(place: MemoryPlace, found: MemoryView, operation: VariableOperation) -> None:
    """Raises VARIABLE_MISMATCH or SHARED_MEMORY_LIMIT_EXCEEDED if the operation cannot be done to what was found."""
    before = dict(found.entries)
    problem = unfit(before, operation)
    if problem is not None:
        raise FlowrayError(
            ErrorCode.VARIABLE_MISMATCH,
            f"cannot {operation.op} the entry {operation.name[:100]!r} of the workflow's memory: {problem}",
            hint="Convert the value first.",
        )
    if operation.op == DELETE:
        return
    problem = _over_limit(place, found, before.get(operation.name), changed(before, operation)[operation.name])
    if problem is not None:
        raise FlowrayError(
            ErrorCode.SHARED_MEMORY_LIMIT_EXCEEDED,
            f"the workflow's memory would have {problem}",
            hint="Store less, delete entries, or set settings.sharedMemory.",
        )


def _over_limit(place: MemoryPlace, found: MemoryView, old: SharedEntry | None, new: SharedEntry) -> str | None:
    if new.bytes > place.max_value_bytes:
        return f"an entry of {new.bytes} bytes; the limit is {place.max_value_bytes}"
    if old is None and found.count + 1 > place.max_entries:
        return f"{found.count + 1} entries; the limit is {place.max_entries}"
    grown = new.bytes - (old.bytes if old is not None else 0)
    if grown > 0 and found.bytes + grown > place.max_total_bytes:
        return f"{found.bytes + grown} bytes; the limit is {place.max_total_bytes}"
    return None


def no_workflow() -> FlowrayError:
    """Of an execution that belongs to no stored workflow."""
    return FlowrayError(
        ErrorCode.INVALID_NODE_CONFIG,
        "scope 'workflow' needs a stored workflow: this execution runs a definition that nobody else can run",
        hint="save the workflow and start it by its id, or use scope 'execution'",
    )
