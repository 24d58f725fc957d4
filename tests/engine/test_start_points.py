"""A part of a plan runs: what is given holds at once or at its turn, the first node is forced, the last one ends it."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition.policies import JoinRule
from flowray.engine import stimuli as st
from flowray.engine.events import NodeReused, decode_events, encode_events
from flowray.engine.signals import NodeError, VariableOperation
from flowray.engine.snapshot import snapshot_from_json, snapshot_to_json
from flowray.engine.start_points import Outcome, Selection, selection_from_json, selection_to_json
from flowray.plan import DialectSemantics, ExecutionPlan
from flowray.values import StoredValue
from tests.engine.harness import START_MS, Run, err, items, ok, route
from tests.engine.plans import PlanMaker

STORED = StoredValue(payload_id="e1.abc", bytes=99)


def play(plan: ExecutionPlan, selection: Selection, script: Any = None) -> Run:
    """A whole run of a selection."""
    played = Run(plan, script or {})
    played.send(st.Start(ts=START_MS, selection=selection))
    return played.play()


def only(*node_ids: str) -> dict[str, bool]:
    return dict.fromkeys(node_ids, True)


def abc(**fields: Any) -> ExecutionPlan:
    return PlanMaker().chain("a", "b", "c", reads=(), **fields).build()


def test_given_outcomes_hold_before_anything_runs_and_the_rest_runs_on_them() -> None:
    plan = PlanMaker().node("a").node("b", reads=["a"]).edge("a -> b").build()
    played = play(plan, Selection(run_from="b", may_run=only("b"), given={"a": Outcome(output=7)}))
    assert played.slices["b"].outputs == {"a": 7}
    assert played.started() == ["b"]
    assert played.types()[:3] == ["execution.started", "node.reused", "node.ready"]
    assert played.ended == "completed"


def test_given_outcomes_stand_in_one_event_each_and_not_twice() -> None:
    played = play(abc(), Selection(run_from="c", may_run=only("c"), given={"a": Outcome(1), "b": Outcome(2)}))
    assert played.of_type("execution.started")[0].selection == Selection(run_from="c", may_run=only("c"))
    assert [event.output for event in played.of_type("node.reused")] == [1, 2]


def test_the_first_node_runs_though_no_edge_into_it_lives() -> None:
    plan = PlanMaker().branch("c").node("x", join=JoinRule.ALL).node("y").edge("c yes-> x", "c no-> y").build()
    taken = Outcome(output={}, handles=("no",))
    assert play(plan, Selection(run_from="x", may_run=only("x"), given={"c": taken})).completed == {"c", "x"}


def test_recorded_handles_decide_which_edges_live() -> None:
    plan = PlanMaker().branch("c").node("x").node("y").edge("c yes-> x", "c no-> y").build()
    played = play(plan, Selection(may_run=only("x", "y"), given={"c": Outcome(handles=("no",))}))
    assert played.statuses() == {"c": "completed", "x": "skipped", "y": "completed"}


def test_a_handled_failure_is_taken_over_as_one() -> None:
    plan = PlanMaker().node("a").node("h").node("b").edge("a error-> h", "a -> b").build()
    error = NodeError(message="boom", code="X", node_id="a")
    outcome = Outcome(output={"code": "X"}, handles=("error",), failed=True, error=error)
    played = play(plan, Selection(run_from="h", may_run=only("h"), given={"a": outcome}))
    assert played.statuses() == {"a": "failed", "h": "completed", "b": "skipped"}
    assert (played.ended, played.state.handled_errors) == ("completed", [error])


def test_r9_after_the_last_node_nothing_starts_and_its_edges_are_void() -> None:
    played = play(abc(), Selection(run_until="b", may_run=only("a", "b")))
    assert played.statuses() == {"a": "completed", "b": "completed", "c": "skipped"}
    assert list(played.state.scopes[""].edges.values()) == [True, None]
    assert (played.ended, played.outputs) == ("completed", {"b": {"from": "b"}})


def test_the_output_of_the_last_node_is_bare_where_the_dialect_has_it_bare() -> None:
    maker = PlanMaker().chain("a", "b")
    maker.dialect = DialectSemantics(outputs_default="bare_terminal")
    assert play(maker.build(), Selection(run_until="a", may_run=only("a")), {"a": ok(5)}).outputs == 5


def test_a_last_node_that_is_an_output_gives_what_outputs_give() -> None:
    plan = PlanMaker().node("a").output("o").node("z").edge("a -> o", "o -> z").build()
    assert play(plan, Selection(run_until="o", may_run=only("a", "o")), {"o": ok({"y": 1})}).outputs == {"y": 1}


def test_a_last_node_that_fails_fails_the_execution() -> None:
    played = play(abc(), Selection(run_until="b", may_run=only("a", "b")), {"b": err()})
    assert (played.ended, played.statuses()["c"]) == ("failed", "skipped")


def test_a_pinned_node_takes_its_turn_like_any_other() -> None:
    plan = PlanMaker().branch("c").node("x").node("y").edge("c yes-> x", "c no-> y").build()
    pins = {"x": Outcome(output="X", pinned=True), "y": Outcome(output="Y", pinned=True)}
    played = play(plan, Selection(at_turn=pins), {"c": route("yes")})
    assert played.statuses() == {"c": "completed", "x": "completed", "y": "skipped"}
    assert (played.started(), played.outputs) == (["c"], {"x": "X"})


def test_a_pinned_node_in_a_loop_is_pinned_in_every_round() -> None:
    plan = PlanMaker().loop("L").node("x", scope="L").node("y", scope="L", reads=["x"]).edge("x -> y").build()
    script = {"L": items(1, 2), "y": lambda call, seen: ok([seen.outputs["x"], seen.loop["item"]])}
    played = play(plan, Selection(at_turn={"x": Outcome(output="p", pinned=True)}), script)
    assert played.output_of("L") == [["p", 1], ["p", 2]]
    assert "L[0]/x" not in played.started()


def test_what_is_taken_over_at_its_turn_needs_no_live_edge() -> None:
    plan = PlanMaker().node("in").node("a").node("b").edge("in error-> a", "a -> b").build()
    selection = Selection(run_from="b", may_run=only("in", "b"), at_turn={"a": Outcome(output=1)})
    played = play(plan, selection)
    assert (played.statuses(), played.started()) == (
        {"in": "completed", "a": "completed", "b": "completed"}, ["in", "b"],
    )  # fmt: skip


def test_a_container_is_taken_over_with_its_body_its_exits_and_its_variables() -> None:
    maker = PlanMaker().loop("L").node("x", scope="L").node("out").node("r", reads=["L", "x"])
    maker.edge("x found-> out", "L -> r").variables = {"n": 0}
    plan = maker.build()
    (leaves,) = [edge.id for edge in plan.scopes[""].edges if edge.origin is not None]
    outcome = Outcome(
        output=[1, 2], exports={"x": 2}, exits=(leaves,), variables=(VariableOperation("increment", "n", 2),)
    )
    played = play(plan, Selection(run_from="r", may_run=only("r", "out"), given={"L": outcome}))
    assert played.slices["r"].outputs == {"L": [1, 2], "x": 2}
    assert played.state.variables == {"n": 2}
    assert played.completed == {"L", "r", "out"}


def test_a_crash_changes_nothing() -> None:
    """R29: what comes at its turn is in the log, too."""
    played = Run(abc())
    selection = Selection(run_from="c", may_run=only("a", "c"), at_turn={"b": Outcome(output=STORED)})
    played.send(st.Start(ts=START_MS, selection=selection))
    played.crash_and_recover()
    played.play()
    assert (played.ended, played.statuses()["b"]) == ("completed", "completed")
    assert played.of_type("node.reused")[0].output == STORED


@pytest.mark.parametrize("where", ["given", "at_turn"])
def test_as_json_and_back(where: str) -> None:
    selection = Selection(
        source="e0", may_run=only("b"), **{where: {"a": Outcome(output=STORED, exports={"x": STORED}, handles=("y",))}}
    )
    assert selection_from_json(selection_to_json(selection)) == selection
    assert selection_from_json(selection_to_json(None)) is None


def test_the_event_of_a_taken_over_node_as_json_and_back() -> None:
    event = NodeReused(ts=1, instance="a", node_id="a", output=STORED, exports={"x": STORED, "y": 1}, exits=("e1",))
    assert decode_events(encode_events([event])) == [event]


def test_a_snapshot_keeps_what_is_still_to_be_taken_over() -> None:
    played = Run(abc())
    selection = Selection(run_from="c", may_run=only("a", "c"), at_turn={"b": Outcome(output=STORED)})
    played.send(st.Start(ts=START_MS, selection=selection))
    assert snapshot_from_json(snapshot_to_json(played.state)).selection == selection
