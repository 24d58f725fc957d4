"""The output node: value, fields, template, formats."""

from __future__ import annotations

from typing import Any

import pytest

from tests.handlers.running import fail, output


@pytest.mark.parametrize(
    ("config", "value"),
    [
        ({"value": "{{a}}"}, {"x": 1}),
        ({"value": "{{a}}", "format": "json"}, {"x": 1}),
        ({"value": "{{a}}", "format": "string"}, '{"x":1}'),
        ({"value": '{"n": {{a.x}}}', "format": "json"}, {"n": 1}),
        ({"value": "prose", "format": "json"}, "prose"),
        ({"value": "4.5", "format": "number"}, 4.5),
        ({"value": "false", "format": "boolean"}, True),
        ({"value": "{{none}}", "format": "boolean"}, False),
        ({"value": "{{none}}", "format": "string"}, ""),
        ({"value": {"deep": ["{{a.x}}"]}}, {"deep": [1]}),
        ({"fields": ["a", "b", "gone"]}, {"a": {"x": 1}, "b": 2}),
        ({"template": "b is {{b}}", "format": "text"}, "b is 2"),
        ({"template": "{{b}}"}, "2"),
        ({"template": "{{a}}"}, '{"x":1}'),
    ],
)
async def test_values(config: dict[str, Any], value: Any) -> None:
    context = {"a": {"x": 1}, "b": 2, "none": None}
    assert await output("output", {"outputName": "r", **config}, inputs=context) == {"r": value}


async def test_what_is_missing() -> None:
    assert "outputName" in (await fail("output", {"value": 1})).message
    assert "value: Required" in (await fail("output", {"outputName": "r"})).message
    error = await fail("output", {"outputName": "r", "value": "x", "format": "number"})
    assert error.message == "the output value 'x' is not a number"
    assert await output("output", {"outputVariable": "r", "value": 1}) == {"r": 1}
