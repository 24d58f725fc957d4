"""Operations on variables (R17)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from flowray.engine import stimuli as st
from flowray.engine.signals import Pause, Signals, VariableOperation
from flowray.engine.variables import OPERATIONS, apply_operation, misfit
from tests.engine.harness import Run, items, ok, run
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


@pytest.mark.parametrize(
    ("op", "present", "value", "declared", "problem"),
    [
        ("set", 1, "x", None, None),
        ("set", 1, "x", "number", "it is declared number and would become string"),
        ("set", 1, None, "number", None),
        ("set", 1, 2.5, "integer", "it is declared integer and would become number"),
        ("set", 1, True, "number", "it is declared number and would become boolean"),
        ("append", [1], "x", "array", None),
        ("append", "a", 1, "string", "it is declared string and would become array"),
        ("append", 1, 2, None, None),
        ("increment", "x", 1, None, "increment needs numbers, not string and number"),
        ("increment", None, "x", None, "increment needs numbers, not null and string"),
        ("increment", 1, 0.5, "integer", "it is declared integer and would become number"),
        ("increment", 1, None, "integer", None),
        ("merge", [], {}, None, "merge needs objects, not array and object"),
        ("merge", None, {"a": 1}, "object", None),
    ],
)
def test_what_a_variable_does_not_take(op: str, present: Any, value: Any, declared: str | None, problem: Any) -> None:
    assert misfit(present, VariableOperation(op, "x", value), declared) == problem


def typed_run(types: dict[str, str], *operations: VariableOperation, **start: Any) -> Any:
    """``w`` changes variables of declared types; ``h`` is its error path."""
    maker = PlanMaker().chain("w", "after").node("h").edge("w error-> h")
    maker.variables = start
    plan = msgspec.structs.replace(maker.build(), variable_types=types)
    return run(plan, {"w": ok("done", variables=operations)})


def test_a_change_that_breaks_the_declared_type_fails_its_node() -> None:
    played = typed_run({"n": "number"}, VariableOperation("set", "n", "five"), n=1)
    (failed,) = played.of_type("node.failed")
    assert (failed.error.code, failed.routed) == ("VARIABLE_MISMATCH", True)
    assert failed.error.message == "cannot set variable 'n': it is declared number and would become string"
    assert played.state.variables == {"n": 1}
    assert played.statuses() == {"w": "failed", "after": "skipped", "h": "completed"}


def test_operations_of_one_node_are_checked_one_after_the_other() -> None:
    reset, add = VariableOperation("set", "x", []), VariableOperation("append", "x", 1)
    assert typed_run({"x": "array"}, reset, add, x=None).state.variables == {"x": [1]}
    assert typed_run({}, VariableOperation("set", "x", "a"), VariableOperation("increment", "x", 1), x=1).ended == (
        "completed"
    )


def test_an_operation_is_checked_against_the_value_of_its_moment() -> None:
    """Two nodes at once: each saw a number, but one makes it text first."""
    maker = PlanMaker().node("a").node("b")
    maker.variables = {"x": 1}
    script = {
        "a": ok(variables=(VariableOperation("set", "x", "text"),)),
        "b": ok(variables=(VariableOperation("increment", "x", 1),)),
    }
    played = Run(maker.build(), script).start()
    played.finish("a")
    played.finish("b")
    assert (
        played.state.errors[0].message
        == "cannot increment variable 'x': increment needs numbers, not string and number"
    )
    assert played.state.variables == {"x": "text"}


def test_an_answer_that_breaks_the_declared_type_fails_the_node_that_waited() -> None:
    maker = PlanMaker().node("p").node("h").edge("p error-> h")
    maker.variables = {"n": 1}
    plan = msgspec.structs.replace(maker.build(), variable_types={"n": "number"})
    asked = ok(signals=Signals(pause=Pause(reason="how many?", variables=("n",))))
    played = Run(plan, {"p": asked}).start()
    played.finish("p")
    played.send(st.WaitAnswered(ts=played.now, instance="p", data="many"))
    assert played.play().statuses() == {"p": "failed", "h": "completed"}
    assert played.of_type("node.failed")[0].error.code == "VARIABLE_MISMATCH"
    assert played.state.variables == {"n": 1}


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
