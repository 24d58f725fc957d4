"""ExecutionState to versioned JSON and back. A snapshot shortens the fold of a log; the log stays the truth (R29)."""

from __future__ import annotations

import msgspec

from flowray.engine.start_points import restored_selection
from flowray.engine.state import STATE_VERSION, ExecutionState
from flowray.engine.versions import FIRST, Steps, brought_up
from flowray.values import as_value

_decoder = msgspec.json.Decoder(ExecutionState)

STEPS: Steps = {}
"""From each earlier version, what makes the next one of it. The first is the present one, so there is none yet."""


class Versioned(msgspec.Struct):
    """What is looked at first."""

    version: int = FIRST


def snapshot_to_json(state: ExecutionState) -> bytes:
    """The whole state as JSON with its version. The same events folded in the same order give the same bytes."""
    # Fields at their defaults are left out, but what a version means must not change with the default.
    encoded = msgspec.json.encode(state)
    return b'{"version":%d%s%s' % (STATE_VERSION, b"" if encoded == b"{}" else b",", encoded[1:])


def snapshot_from_json(data: bytes | str) -> ExecutionState:
    """Undo ``snapshot_to_json``. Raises FlowrayError UNSUPPORTED_VERSION for one that a newer flowray wrote."""
    found = msgspec.json.decode(data, type=Versioned).version
    if found == STATE_VERSION:
        state = _decoder.decode(data)
    else:
        document = brought_up(msgspec.json.decode(data), "snapshot", STATE_VERSION, STEPS)
        state = msgspec.convert(document, ExecutionState, str_keys=True)
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
            node.journal = as_value(node.journal)
            if node.answer is not None:
                node.answer = msgspec.structs.replace(node.answer, output=as_value(node.answer.output))
    return state
