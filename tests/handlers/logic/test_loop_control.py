"""The break and continue nodes: what they ask for."""

from __future__ import annotations

import pytest

from tests.handlers.running import succeed


@pytest.mark.parametrize("kind", ["break", "continue"])
async def test_they_ask_and_may_leave_a_value(kind: str) -> None:
    result = await succeed(kind, {"value": "{{found}}"}, inputs={"found": 7})
    assert (result.output, result.signals.loop_control) == (7, kind)
    assert (await succeed(kind, {})).output is None
