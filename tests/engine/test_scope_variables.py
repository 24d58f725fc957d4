"""Branches are isolated: each sees its scope's start and itself, and all of it happens when the section ends (R17)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from flowray.engine.signals import VariableOperation
from tests.engine.harness import Reply, Run, err, goes_on, items, ok, run
from tests.engine.plans import PlanMaker


def does(*operations: tuple[str, str, Any]) -> Reply:
    """Change variables."""
    return ok(variables=tuple(VariableOperation(op, name, value) for op, name, value in operations))


def sees(name: str) -> Any:
    """Reply with the variable as the node sees it."""
    return lambda call, seen: ok(seen.variables.get(name))


def branches(**fields: Any) -> PlanMaker:
    """``P`` around ``write`` and ``read``, then ``after``."""
    maker = PlanMaker().parallel("P", **fields).node("write", scope="P").node("read", scope="P")
    maker.variables = {"n": 10, "log": []}
    return maker.edge("write -> read").node("after").edge("P -> after")


def adds(call: Any, seen: Any) -> Reply:
    """Add the item to ``n`` and append it to ``log``."""
    item = (seen.parallel or seen.loop)["item"]
    return does(("increment", "n", item), ("append", "log", item))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3)))[:6])
def test_r17_a_branch_sees_its_start_and_itself_and_all_merge_in_index_order(order: tuple[int, ...]) -> None:
    played = Run(branches().build(), {"P": items(1, 2, 3), "write": adds, "read": sees("n")}).start()
    played.finish("P")
    for number in order:
        played.finish(f"P[{number}]/write")
    assert played.state.variables == {"n": 10, "log": []}
    played.play()
    assert played.output_of("P") == [11, 12, 13]
    assert played.state.variables == {"n": 16, "log": [1, 2, 3]}


def test_r17_the_highest_branch_wins_a_set_with_a_warning() -> None:
    script = {"P": items("a", "b"), "write": lambda call, seen: does(("set", "last", seen.parallel["item"]))}
    for pick in (0, 1):
        played = Run(branches().build(), script, pick=lambda pending, p=pick: min(p, len(pending) - 1)).start().play()
        assert played.state.variables["last"] == "b"
        (warning,) = played.of_type("node.log")
        assert (warning.instance, warning.level) == ("P", "warning")
        assert warning.fields == {"variable": "last", "branches": [0, 1]}


def test_setting_the_same_value_is_no_conflict() -> None:
    played = run(branches().build(), {"P": items(1, 2), "write": does(("set", "done", True))})
    assert played.of_type("node.log") == []
    assert played.state.variables["done"] is True


def test_r17_a_failed_section_keeps_what_its_branches_did() -> None:
    script = {"P": items(1, 2), "write": adds, "read": lambda call, seen: err() if "[1]" in call.instance else ok()}
    played = run(branches().build(), script)
    assert (played.ended, played.state.variables) == ("failed", {"n": 13, "log": [1, 2]})


def test_variables_of_a_round_are_seen_by_the_next() -> None:
    """Scenario 53."""
    maker = PlanMaker().loop("L", "while").node("x", scope="L")
    maker.variables = {"a": 1, "b": 1}
    script = {
        "L": goes_on(*[True] * 5),
        "x": lambda call, seen: does(
            ("set", "a", seen.variables["b"]), ("set", "b", seen.variables["a"] + seen.variables["b"])
        ),
    }
    assert run(maker.build(), script).state.variables == {"a": 8, "b": 13}


def test_rounds_that_run_side_by_side_are_isolated_too() -> None:
    maker = PlanMaker().loop("L", max_concurrency=2).node("x", scope="L")
    maker.variables = {"n": 0, "log": []}
    played = Run(maker.build(), {"L": items(1, 2, 3), "x": adds}, pick=lambda pending: len(pending) - 1).start().play()
    assert played.state.variables == {"n": 6, "log": [1, 2, 3]}


def test_a_loop_in_a_branch_changes_the_branch() -> None:
    maker = (
        PlanMaker().parallel("P").loop("L", scope="P").node("x", scope="L").node("read", scope="P").edge("L -> read")
    )
    maker.variables = {"n": 0}
    seen_in_rounds: list[int] = []

    def count(call: Any, seen: Any) -> Reply:
        seen_in_rounds.append(seen.variables["n"])
        return does(("increment", "n", 1))

    played = run(maker.build(), {"P": items(1, 2), "L": items(1, 2), "x": count, "read": sees("n")})
    assert played.output_of("P") == [2, 2]
    assert sorted(seen_in_rounds) == [0, 0, 1, 1]
    assert played.state.variables == {"n": 4}


def test_a_parallel_in_a_branch_merges_into_the_branch() -> None:
    maker = PlanMaker().parallel("O").parallel("I", scope="O").node("x", scope="I").node("read", scope="O")
    maker.edge("I -> read").variables = {"n": 0, "log": []}
    played = run(maker.build(), {"O": items(1, 2), "I": items(5, 6), "x": adds, "read": sees("n")})
    assert played.output_of("O") == [11, 11]
    assert played.state.variables == {"n": 22, "log": [5, 6, 5, 6]}


def test_r29_isolated_variables_survive_their_owner() -> None:
    played = Run(branches().build(), {"P": items(1, 2, 3), "write": adds, "read": sees("n")}).start()
    played.finish("P")
    played.finish("P[1]/write")
    played.crash_and_recover()
    played.play()
    assert played.output_of("P") == [11, 12, 13]
    assert played.state.variables == {"n": 16, "log": [1, 2, 3]}
