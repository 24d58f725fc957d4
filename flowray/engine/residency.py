"""How many bytes of outputs an execution keeps inline, and how large the next one may be to stay so (R16). Pure.

Above the limit values are stored by the lane that produces them and travel as descriptors: they spill, nothing fails,
and reading them goes through to the payload store (R7). Not counted: what the last round left to readers outside it.
"""

from __future__ import annotations

from collections.abc import Iterator

from flowray.engine.plan_index import PlanIndex
from flowray.engine.state import ContainerState, ExecutionState, NodeState, ScopeState
from flowray.values import INLINE_LIMIT_BYTES, StoredValue, Value, as_value, encode_json

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
        state.recent.append(output.payload_id)
        # Only caches forget the older ones; whoever still reads them gets them from the payload store.
        while len(state.recent) > keep_last:
            state.dropped.append(state.recent.pop(0))


def forget(state: ExecutionState, node: NodeState) -> None:
    """An instance's output is pruned."""
    state.resident_bytes -= node.bytes
    node.output, node.has_output, node.pruned, node.bytes = None, False, True, 0


def keep_result(state: ExecutionState, container: ContainerState, scope: ScopeState, index: int, result: Value) -> None:
    """A scope is gone; what it returned stays."""
    size = _size(result)
    container.results[index] = result
    container.result_bytes += size
    state.resident_bytes += size - sum(node.bytes for node in scope.nodes.values())


def drop_inner(state: ExecutionState, container: ContainerState, scope: ScopeState, result: Value) -> None:
    """A scope is gone: caches may forget what it held besides its result and what outlives it (R36)."""
    held = (result, *scope.exports.values(), *container.last.values())
    kept = {payload_id for value in held for payload_id in _named(value)}
    outputs = (node.output for node in scope.nodes.values())
    state.dropped.extend(
        value.payload_id for value in outputs if isinstance(value, StoredValue) and value.payload_id not in kept
    )


def _named(value: Value) -> Iterator[str]:
    """What a value refers to: itself, or, as the result of several nodes, the outputs that it consists of (R12)."""
    value = as_value(value)
    if isinstance(value, StoredValue):
        yield value.payload_id
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            stored = as_value(part)
            if isinstance(stored, StoredValue):
                yield stored.payload_id


def forget_results(state: ExecutionState, container: ContainerState) -> None:
    """A container has ended: its results live on in its output, if at all."""
    state.resident_bytes -= container.result_bytes


def _size(value: Value) -> int:
    return 0 if value is None or isinstance(value, StoredValue) else len(encode_json(value))
