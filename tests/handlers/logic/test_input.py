"""Input and its conversions (R57)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.handlers.running import output


async def test_named_unnamed_and_default() -> None:
    given = {"task": "write", "n": 3}
    assert await output("input", {"inputName": "task"}, inputs=given) == {"task": "write"}
    assert await output("input", {}, inputs=given) == given
    assert await output("input", {"inputName": "gone"}, inputs=given) == {"gone": None}
    assert await output("input", {"inputName": "gone", "defaultValue": "d"}, inputs={"gone": None}) == {"gone": "d"}
    assert await output("input", {"inputVariable": "task"}, inputs=given) == {"task": "write"}
    assert await output("input", {"inputName": "task", "defaultValue": "{{x}}"}, inputs={}) == {"task": "{{x}}"}


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("json", '{"a": 1}', {"a": 1}), ("json", "no", "no"), ("number", "4.5", 4.5), ("number", "x", "x"),
        ("boolean", "TRUE", True), ("boolean", "0", False), ("text", "5", "5"), ("json", [1], [1]),
    ],
)  # fmt: skip
async def test_conversions(kind: str, given: Any, value: Any) -> None:
    assert await output("input", {"inputName": "x", "inputType": kind}, inputs={"x": given}) == {"x": value}
