"""Operations on variables (R17)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine.signals import VariableOperation
from flowray.engine.variables import OPERATIONS, apply_operation
from tests.engine.harness import items, ok, run
from tests.engine.plans import PlanMaker


@pytest.mark.parametrize(
    ("op", "present", "value", "result"),
    [
        ("set", 1, 2, 2),
        ("append", None, "a", ["a"]),
        ("append", ["a"], "b", ["a", "b"]),
        ("append", "ab", "c", "abc"),
        ("append", 1, 2, [1, 2]),
        ("increment", 1, 2, 3),
        ("increment", None, None, 1),
        ("increment", "text", 5, 5),
        ("increment", 1, "text", "text"),
        ("merge", {"a": 1, "b": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ("merge", 1, {"b": 2}, {"b": 2}),
        ("merge", {"a": 1}, "x", "x"),
    ],
)
def test_r17_operations(op: str, present: Any, value: Any, result: Any) -> None:
    variables = {} if present is None else {"x": present}
    apply_operation(variables, VariableOperation(op, "x", value))
    assert variables == {"x": result}


def test_earlier_readers_keep_their_value() -> None:
    kept: list[int] = [1]
    variables: dict[str, Any] = {"x": kept}
    apply_operation(variables, VariableOperation("append", "x", 2))
    assert (kept, variables["x"]) == ([1], [1, 2])


def test_operations_are_the_four() -> None:
    assert {"set", "append", "increment", "merge"} == OPERATIONS


def test_r17_variables_set_in_one_iteration_are_seen_by_the_next() -> None:
    maker = PlanMaker().loop("L").node("x", scope="L")
    maker.variables = {"n": 10}
    reply = ok(variables=(VariableOperation("increment", "n", 1),))
    seen: list[int] = []

    def x(call: Any, context: Any) -> Any:
        seen.append(context.variables["n"])
        return reply

    played = run(maker.build(), {"L": items(1, 2, 3), "x": x})
    assert seen == [10, 11, 12]
    assert played.state.variables == {"n": 13}
    assert maker.variables == {"n": 10}
