"""The fallback fails, and says what to do."""

from __future__ import annotations

from flowray.handlers.unknown import UnknownTypeHandler, unknown_type
from tests.fakes.services import node_input


async def test_it_takes_everything_and_fails() -> None:
    handler = UnknownTypeHandler(lambda: ["http", "llm"])
    assert handler.can_handle("anything")
    result = await handler.execute(node_input({}, node_type="htttp"))
    assert not result.success
    assert result.error is not None
    assert result.error.code == "UNKNOWN_NODE_TYPE"
    assert result.error.message == "no handler for node type 'htttp'; did you mean http?"


def test_near_misses_ignore_case() -> None:
    result = unknown_type("FOREACH", ["forEach", "loop", "http"])
    assert result.error is not None
    assert result.error.details == {"type": "FOREACH", "near": ["forEach"], "known": ["forEach", "http", "loop"]}
