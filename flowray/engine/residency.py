"""How many bytes of outputs an execution keeps inline, and how large the next one may be to stay so (R16). Pure.

Above the limit values are stored by the lane that produces them and travel as descriptors: they spill, nothing fails,
and reading them goes through to the payload store (R7). Not counted: what the last round left to readers outside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flowray.engine.manifests import size_of
from flowray.engine.plan_index import PlanIndex
from flowray.engine.state import ContainerState, ExecutionState, NodeState, ScopeState
from flowray.values import INLINE_LIMIT_BYTES, StoredValue, Value, encode_json, holds_descriptor, payload_ids

SMALL_BYTES = 512
"""Values up to this size always stay inline: a descriptor is hardly shorter."""


def inline_limit(index: PlanIndex, state: ExecutionState) -> int:
    """Bytes of JSON that an output dispatched now may have without being stored."""
    settings = index.plan.settings
    if settings.keep_last is not None:
        return SMALL_BYTES
    left = settings.max_total_bytes - state.resident_bytes
    return max(SMALL_BYTES, min(INLINE_LIMIT_BYTES, left))


def keep(index: PlanIndex, state: ExecutionState, node: NodeState, output: Value) -> None:
    """An instance has its output."""
    node.output, node.has_output = output, True
    node.bytes = _size(output)
    state.resident_bytes += node.bytes
    keep_last = index.plan.settings.keep_last
    if keep_last is not None and isinstance(output, StoredValue):
        state.recent.extend(payload_ids(output))
        # Only caches forget the older ones; whoever still reads them gets them from the payload store.
        while len(state.recent) > keep_last:
            state.dropped.append(state.recent.pop(0))


def drop(state: ExecutionState, gone: Iterable[Value], *held: Iterable[Value]) -> None:
    """Caches may forget stored values, but for those that are ``held`` and what the execution ends with (R7, R9)."""
    ids = [name for value in gone for name in payload_ids(value)]
    if not ids:
        return
    kept = {name for values in (*held, (state.finish_output,)) for value in values for name in payload_ids(value)}
    state.dropped.extend(name for name in ids if name not in kept)


def keep_journal(state: ExecutionState, node: NodeState, journal: Value) -> None:
    """A step of an instance has left what the next one begins with, and nobody reads what the one before had left."""
    state.resident_bytes += _size(journal) - _size(node.journal)
    drop(state, (node.journal,))
    node.journal = journal


def forget(state: ExecutionState, node: NodeState) -> None:
    """An instance's output is pruned."""
    state.resident_bytes -= node.bytes
    node.output, node.has_output, node.pruned, node.bytes = None, False, True, 0


def keep_result(state: ExecutionState, container: ContainerState, scope: ScopeState, index: int, result: Value) -> None:
    """A scope is gone; what it returned stays, unless the results of its container are left to the log."""
    state.resident_bytes -= sum(node.bytes for node in scope.nodes.values())
    if container.in_log:
        container.result_bytes += size_of(result) + 1
        return
    size = _size(result)
    container.results[index] = result
    container.result_bytes += size
    state.resident_bytes += size


def leave_results(state: ExecutionState, container: ContainerState, last: Value) -> None:
    """Nobody reads a container's results. Once they are large, or the ``last`` is stored, only the log has them."""
    if container.in_log or not (container.result_bytes > INLINE_LIMIT_BYTES or holds_descriptor(last)):
        return
    drop(state, container.results.values(), container.last.values())
    state.resident_bytes -= container.result_bytes
    container.result_bytes = sum(size_of(result) + 1 for result in container.results.values())
    container.in_log = True
    container.results.clear()


def forget_collected(state: ExecutionState, container: ContainerState, gone: Sequence[Value]) -> None:
    """Results are in a chunk now: caches may forget those that were stored by themselves, but for what others read."""
    size = sum(map(_size, gone))
    container.result_bytes -= size
    state.resident_bytes -= size
    drop(state, gone, container.last.values())


def drop_inner(state: ExecutionState, container: ContainerState, scope: ScopeState, result: Value) -> None:
    """A scope is gone: caches may forget what it held besides its result and what outlives it (R36)."""
    stored = (node.output for node in scope.nodes.values() if isinstance(node.output, StoredValue))
    drop(state, stored, scope.exports.values(), container.last.values(), () if container.in_log else (result,))


def forget_results(state: ExecutionState, container: ContainerState) -> None:
    """A container has ended: its results live on in its output, if at all."""
    if not container.in_log:
        state.resident_bytes -= container.result_bytes


def _size(value: Value) -> int:
    """Bytes that are inline: of a stored value only what of a manifest rides along."""
    if isinstance(value, StoredValue):
        return len(encode_json(value.rest)) if value.rest else 0
    return 0 if value is None else len(encode_json(value))
