"""The variables node: several assignments, with types (R17)."""

from __future__ import annotations

from typing import Any

from flowray.engine.signals import VariableOperation
from tests.handlers.running import fail, succeed

ASSIGNMENTS: list[dict[str, Any]] = [
    {"variableName": "n", "valueType": "number", "value": "42"},
    {"name": "ghost", "type": "string", "value": "{{x}}"},
]


async def test_all_are_set_as_their_types_say() -> None:
    result = await succeed("variables", {"assignments": ASSIGNMENTS}, inputs={"x": 7})
    assert result.output == {"n": 42, "ghost": "7"}
    assert result.variables == (VariableOperation("set", "n", 42), VariableOperation("set", "ghost", "7"))


async def test_in_sims_dialect_only_declared_variables_are_set() -> None:
    """Its scenario J09."""
    result = await succeed(
        "variables", {"assignments": ASSIGNMENTS}, inputs={"x": 7}, variables={"n": 0}, dialect="sim"
    )
    assert result.output == {"n": 42, "ghost": "7"}
    assert result.variables == (VariableOperation("set", "n", 42),)


async def test_what_does_not_fit() -> None:
    """Its scenario J10."""
    error = await fail("variables", {"assignments": [{"variableName": "n", "valueType": "number", "value": "abc"}]})
    assert (error.code, error.message) == ("INVALID_NODE_CONFIG", "cannot set variable 'n': 'abc' is not a number")
    assert "assignments/0/variableName" in (await fail("variables", {"assignments": [{"value": 1}]})).message
