"""The variable node: operations, types (R17)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine.signals import VariableOperation
from tests.handlers.running import fail, output, succeed


@pytest.mark.parametrize(
    ("config", "before", "after", "sent"),
    [
        ({"value": "High {{n}}"}, None, "High 2", "High 2"),
        ({"value": "{{n}}"}, None, 2, 2),
        ({"value": "42", "valueType": "number"}, None, 42, 42),
        ({"value": "TRUE", "valueType": "boolean"}, None, True, True),
        ({"value": "[1]", "valueType": "json"}, None, [1], [1]),
        ({"value": 7, "valueType": "string"}, None, "7", "7"),
        ({"operation": "append", "value": 3}, [1], [1, 3], 3),
        ({"operation": "append", "value": 3}, None, [3], 3),
        ({"operation": "increment"}, 4, 5, 1),
        ({"operation": "increment", "value": "2.5"}, None, 2.5, 2.5),
        ({"operation": "merge", "value": {"b": 2}}, {"a": 1}, {"a": 1, "b": 2}, {"b": 2}),
    ],
)
async def test_operations(config: dict[str, Any], before: Any, after: Any, sent: Any) -> None:
    variables = {} if before is None else {"v": before}
    result = await succeed("variable", {"variableName": "v", **config}, variables=variables, inputs={"n": 2})
    assert result.output == after
    assert result.variables == (VariableOperation(op=config.get("operation", "set"), name="v", value=sent),)


async def test_get_reads_and_changes_nothing() -> None:
    result = await succeed("variable", {"operation": "get", "name": "v"}, variables={"v": 9})
    assert (result.output, result.variables) == (9, ())


async def test_what_does_not_fit() -> None:
    assert await output("variable", {"variableName": "v"}) is None
    error = await fail("variable", {"variableName": "v", "value": "x", "valueType": "number"})
    assert error.message == "cannot set variable 'v': 'x' is not a number"
    assert (
        await fail("variable", {"variableName": "v", "value": "maybe", "valueType": "boolean"})
    ).code == "INVALID_NODE_CONFIG"
    assert (
        await fail("variable", {"variableName": "v", "operation": "merge", "value": 1})
    ).code == "INVALID_NODE_CONFIG"
    assert (
        await fail("variable", {"variableName": "v", "operation": "increment"}, variables={"v": "x"})
    ).code == "INVALID_NODE_CONFIG"
    assert (await fail("variable", {"value": 1})).code == "INVALID_NODE_CONFIG"
