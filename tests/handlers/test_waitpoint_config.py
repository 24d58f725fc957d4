"""What every node that waits for an answer has in common is tested with the pause node, which adds least."""

from __future__ import annotations

from tests.handlers.running import fail, succeed


async def test_a_wait_for_a_callback_takes_the_same_fields() -> None:
    config = {"waitType": "webhook", "timeoutValue": "none", "waitpoint": "paid", "variableName": "payment"}
    pause = (await succeed("wait", config)).signals.pause
    assert pause is not None
    assert (pause.timeout_value, pause.name, pause.variables, pause.kind) == ("none", "paid", ("payment",), "callback")


async def test_a_schema_that_is_none_is_found_before_anybody_waits() -> None:
    error = await fail("pause", {"expectedInput": {"type": "sometimes"}})
    assert error.code == "INVALID_NODE_CONFIG"
    assert "schema of the answer" in error.message
