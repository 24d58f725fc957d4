"""The player of real workflows takes every combination there is, and its laws notice what they are there for."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import pytest

from flowray.compiler.builder import build_plan
from flowray.definition.loading import load_definition
from flowray.engine.plan_index import PlanIndex
from flowray.plan import ExecutionPlan
from tests.conformance.corpus_laws import merges, violations
from tests.conformance.corpus_player import Played, Script, combinations, play, scripted_types
from tests.engine.plans import PlanMaker


def choices(plan: ExecutionPlan, most: int = 64) -> list[dict[str, Any]]:
    """What each combination chose where there was a choice."""
    return [
        {decision: played.script.choices[decision] for decision, _, _ in played.script.taken}
        for played in combinations(PlanIndex(plan), most)
    ]


def diamond() -> ExecutionPlan:
    """A branch whose ways meet again, then a node that may fail."""
    maker = PlanMaker().node("in").branch("if", type="conditional").node("yes").node("no").node("meet").output("out")
    maker.node("rescue").edge("in -> if", "if true-> yes", "if false-> no", "yes -> meet", "no -> meet")
    return maker.edge("meet -> out", "meet error-> rescue").build()


def looping() -> ExecutionPlan:
    maker = PlanMaker().loop("each").branch("if", type="conditional", scope="each").node("act", scope="each")
    return maker.edge("if true-> act").build()


def compiled(document: dict[str, Any]) -> ExecutionPlan:
    definition = load_definition({"name": "w", **document}).require()
    return build_plan(definition, scripted_types([node.type for node in definition.nodes.values()])).require()


def test_every_handle_and_every_failure_that_is_routed_combine() -> None:
    assert choices(diamond()) == [
        {"if": "true", "meet": "succeeds"},
        {"if": "false", "meet": "succeeds"},
        {"if": "true", "meet": "fails"},
        {"if": "false", "meet": "fails"},
    ]
    assert merges(PlanIndex(diamond())) == {"meet"}


def test_loops_repeat_twice_once_and_never_and_each_round_decides_for_itself() -> None:
    found = choices(looping())
    assert [entry["each"] for entry in found] == [2, 1, 0, 2, 2, 1, 2]
    twice = [(entry["each[0]/if"], entry["each[1]/if"]) for entry in found if entry["each"] == 2]
    assert sorted(twice) == [
        ("no edge", "no edge"), ("no edge", "true"), ("true", "no edge"), ("true", "true"),
    ]  # fmt: skip


def test_where_there_are_too_many_each_option_comes_before_combinations() -> None:
    assert choices(diamond(), most=3) == choices(diamond())[:3]


def test_a_cycle_is_left_after_its_second_round() -> None:
    plan = compiled(
        {
            "dialect": "flowmaestro",
            "entryPoint": "in",
            "nodes": {
                "in": {"type": "input", "name": "in", "config": {"inputName": "x"}},
                "try": {"type": "http", "name": "try", "config": {}},
                "if": {"type": "conditional", "name": "if", "config": {"expression": "{{x}}"}},
                "out": {"type": "output", "name": "out", "config": {"outputName": "y", "value": "{{x}}"}},
            },
            "edges": [
                {"id": "1", "source": "in", "target": "try"},
                {"id": "2", "source": "try", "target": "if"},
                {"id": "3", "source": "if", "target": "try", "sourceHandle": "false"},
                {"id": "4", "source": "if", "target": "out", "sourceHandle": "true"},
            ],
        }
    )
    runs = list(combinations(PlanIndex(plan)))
    rounds = [len(played.run.of_type("scope.started")) for played in runs]
    assert sorted(rounds) == [1, 2]
    assert [violations(played) for played in runs] == [[], []]


def test_persons_are_answered_and_times_pass() -> None:
    maker = PlanMaker().node("ask", type="humanReview").node("rest", type="wait").edge("ask -> rest")
    (played,) = combinations(PlanIndex(maker.build()))
    assert (played.run.ended, played.rested, played.run.completed) == ("completed", ["paused"], {"ask", "rest"})
    assert violations(played) == []


def _forget_an_output(played: Played) -> None:
    played.replies.pop("yes")


def _change_an_output(played: Played) -> None:
    played.replies["yes"] = "something else"


def _lose_a_merge(played: Played) -> None:
    played.run.events = [event for event in played.run.events if getattr(event, "node_id", "") != "meet"]


def _run_the_other_way_too(played: Played) -> None:
    started = next(event for event in played.run.of_type("node.started") if event.node_id == "yes")
    played.run.events.insert(1, _renamed(started, "no"))


def _renamed(event: Any, node_id: str) -> Any:
    other = copy(event)
    return type(other)(**{**{name: getattr(other, name) for name in other.__struct_fields__}, "instance": node_id})


def _lose_the_end_of_the_log(played: Played) -> None:
    played.run.log.pop()


def _lose_the_outputs(played: Played) -> None:
    played.run.state.outputs = {}


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (_forget_an_output, "an output is not in the log exactly once"),
        (_change_an_output, "an output is not in the log exactly once"),
        (_lose_a_merge, "R3: meet did not run, against its edges"),
        (_run_the_other_way_too, "R3: no ran, against its edges"),
        (_lose_the_end_of_the_log, "L1: the log replays to another state"),
        (_lose_the_outputs, "R8: the outputs are {} instead of"),
    ],
)
def test_the_laws_notice(tamper: Callable[[Played], None], found: str) -> None:
    played = play(Script(PlanIndex(diamond())))
    assert violations(played) == []
    tamper(played)
    assert any(found in problem for problem in violations(played))
