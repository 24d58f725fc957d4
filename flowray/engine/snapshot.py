"""ExecutionState to versioned JSON and back. A snapshot shortens the fold of a log; the log stays the truth (R29)."""

from __future__ import annotations

from typing import Any

import msgspec

from flowray.engine.start_points import restored_selection
from flowray.engine.state import STATE_VERSION, ExecutionState
from flowray.errors import ErrorCode, FlowrayError
from flowray.values import as_value

_decoder = msgspec.json.Decoder(ExecutionState)


def snapshot_to_json(state: ExecutionState) -> bytes:
    """The whole state as JSON with its version. The same events folded in the same order give the same bytes."""
    return msgspec.json.encode(state)


def snapshot_from_json(data: bytes | str) -> ExecutionState:
    """Undo ``snapshot_to_json``. Raises FlowrayError UNSUPPORTED_VERSION for one that a newer flowray wrote."""
    found = msgspec.json.decode(data, type=dict[str, Any]).get("version", STATE_VERSION)
    if found > STATE_VERSION:
        raise FlowrayError(
            ErrorCode.UNSUPPORTED_VERSION,
            f"The snapshot has version {found}; this flowray reads up to {STATE_VERSION}",
            hint="Upgrade flowray, or drive the execution from its event log.",
        )
    state = _decoder.decode(data)
    state.outputs = as_value(state.outputs)
    state.finish_output = as_value(state.finish_output)
    state.selection = restored_selection(state.selection)
    for container in state.containers.values():
        container.items = as_value(container.items)
        container.last = {node_id: as_value(value) for node_id, value in container.last.items()}
        container.results = {number: as_value(value) for number, value in container.results.items()}
    for scope in state.scopes.values():
        scope.item = as_value(scope.item)
        scope.exports = {node_id: as_value(value) for node_id, value in scope.exports.items()}
        for node in scope.nodes.values():
            node.output = as_value(node.output)
            node.wait_output = as_value(node.wait_output)
    return state
