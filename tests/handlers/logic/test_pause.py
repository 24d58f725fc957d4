"""The pause node: the signal it gives."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from flowray.engine.signals import Pause
from tests.handlers.running import fail, succeed


async def pause(config: dict[str, Any], **task: Any) -> Pause:
    found = (await succeed("pause", config, **task)).signals.pause
    assert found is not None
    return found


async def test_it_waits_for_a_person() -> None:
    schema = {"type": "object", "properties": {"text": {"pattern": "^{{2}}$"}}}
    found = await pause({"reason": "Check {{name}}", "message": "Look", "expectedInput": schema}, inputs={"name": "it"})
    assert found == Pause(reason="Check it", prompt="Look", expected_input=schema)
    assert found.timeout_value is msgspec.UNSET


@pytest.mark.parametrize(
    ("config", "reason"),
    [({"prompt": "Sign here"}, "Sign here"), ({"pauseReason": "audit"}, "audit"), ({}, "Stop")],
)
async def test_it_always_has_a_reason(config: dict[str, Any], reason: str) -> None:
    assert (await pause(config, node_name="Stop")).reason == reason


async def test_how_long_and_what_then() -> None:
    assert (await pause({"timeoutMs": 50}, timeout_ms=900)).timeout_ms == 50
    assert (await pause({}, timeout_ms=900)).timeout_ms == 900
    assert (await pause({"timeoutValue": None})).timeout_value is None
    assert (await pause({"timeoutValue": 1, "onTimeout": "error"})).timeout_value is msgspec.UNSET
    assert (await pause({"onTimeout": "value"})).timeout_value is None
    assert (await fail("pause", {"timeoutMs": 0})).code == "INVALID_NODE_CONFIG"


async def test_names() -> None:
    found = await pause({"variableName": "verdict", "waitpoint": "go"})
    assert (found.variables, found.name) == (("verdict",), "go")


async def test_the_alias() -> None:
    assert (await succeed("pauseNode", {"reason": "r"})).signals.pause == Pause(reason="r")
