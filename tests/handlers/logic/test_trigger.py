"""The trigger hands its payload on."""

from __future__ import annotations

from tests.handlers.running import output


async def test_the_payload_is_the_inputs() -> None:
    config = {"triggerType": "webhook", "provider": "slack", "outputVariable": "message"}
    assert await output("trigger", config, inputs={"data": {"text": "hi"}}) == {"data": {"text": "hi"}}
