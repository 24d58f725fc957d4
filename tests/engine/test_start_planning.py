"""Which nodes a run from, until or of a node runs, what it takes over, and what it refuses by name."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition.node_type import Role
from flowray.engine import stimuli as st
from flowray.engine.outcomes import PastRun, read_run
from flowray.engine.plan_index import PlanIndex
from flowray.engine.start_planning import StartRequest, plan_start
from flowray.engine.start_points import Outcome, Selection
from flowray.errors import ErrorCode, FlowrayError
from flowray.plan import ExecutionPlan
from tests.engine.harness import Run, err, items, ok, run
from tests.engine.plans import PlanMaker


def past_of(played: Run) -> PastRun:
    return read_run(played.index, played.log)


def chosen(plan: ExecutionPlan, past: PastRun | None = None, **request: Any) -> Selection:
    """The selection of a request that can be had."""
    found = plan_start(PlanIndex(plan), StartRequest(**request), past, "e0")
    assert found is not None
    return found


def refused(plan: ExecutionPlan, past: PastRun | None = None, **request: Any) -> list[tuple[str, str]]:
    """``(pointer, message)`` of everything that is wrong with a request."""
    with pytest.raises(FlowrayError) as raised:
        plan_start(PlanIndex(plan), StartRequest(**request), past, "e0")
    assert raised.value.code is ErrorCode.INVALID_START_POINT
    return [(finding["pointer"], finding["message"]) for finding in raised.value.details["errors"]]


def runs(selection: Selection) -> set[str]:
    assert selection.may_run is not None
    return set(selection.may_run)


def diamond() -> ExecutionPlan:
    """a → b, c → d; d reads b and c."""
    maker = PlanMaker().node("a").node("b", reads=["a"]).node("c", reads=["a"]).node("d", reads=["b", "c"])
    return maker.edge("a -> b", "a -> c", "b -> d", "c -> d").build()


def test_nothing_asked_for_is_the_whole_plan() -> None:
    assert plan_start(PlanIndex(diamond()), StartRequest(), None, None) is None


def test_from_a_node_runs_it_and_what_follows_and_takes_the_rest_over() -> None:
    selection = chosen(diamond(), past_of(run(diamond())), from_node="b")
    assert (runs(selection), list(selection.given), selection.run_from) == ({"b", "d"}, ["a", "c"], "b")
    assert selection.source == "e0"


def test_until_a_node_runs_what_leads_to_it() -> None:
    selection = chosen(diamond(), until_node="b")
    assert (runs(selection), selection.run_until, selection.given) == ({"a", "b"}, "b", {})


def test_until_a_node_nothing_runs_that_leads_only_to_a_pinned_one() -> None:
    plan = PlanMaker().chain("a", "b", "c").build()
    selection = chosen(plan, until_node="c", pins={"b": 5})
    assert (runs(selection), selection.given) == ({"c"}, {"b": Outcome(output=5, pinned=True)})


def test_from_one_node_until_another_runs_what_lies_between() -> None:
    past = past_of(run(diamond()))
    selection = chosen(diamond(), past, from_node="b", until_node="b")
    assert (runs(selection), list(selection.given)) == ({"b"}, ["a"])
    assert refused(diamond(), past, from_node="b", until_node="c") == [
        ("/until_node", "no path leads from 'b' to 'c'")
    ]  # fmt: skip


def test_one_node_alone_needs_what_it_reads() -> None:
    assert refused(diamond(), only_node="d") == [
        ("/only_node", "'d' reads 'b', which neither runs nor has an outcome to take over"),
        ("/only_node", "'d' reads 'c', which neither runs nor has an outcome to take over"),
    ]
    selection = chosen(diamond(), only_node="d", pins={"b": 1, "c": None})
    assert (runs(selection), set(selection.given)) == ({"d"}, {"b", "c"})
    assert (selection.run_from, selection.run_until) == ("d", "d")


def test_one_node_alone_reads_the_inputs_that_it_is_given() -> None:
    """What hands the inputs on runs along: it only says what the caller has said."""
    plan = PlanMaker().node("in", role=Role.SOURCE).node("a").node("b", reads=["in"]).edge("in -> a", "a -> b").build()
    selection = chosen(plan, only_node="b")
    assert runs(selection) == {"in", "b"}
    played = Run(plan)
    played.send(st.Start(ts=0, inputs={"x": 1}, selection=selection))
    assert played.play().outputs == {"b": {"from": "b"}}
    assert played.started() == ["in", "b"]


def test_a_name_with_several_providers_needs_one_of_them() -> None:
    maker = PlanMaker().node("a").node("b").node("c", providers={"v": ("a", "b")}).edge("a -> c", "b -> c")
    assert runs(chosen(maker.build(), only_node="c", pins={"b": 1})) == {"c"}
    assert refused(maker.build(), only_node="c")[0][1].startswith("'c' reads 'v' of 'a', 'b'")


def test_failed_only_runs_what_failed_what_never_ran_and_what_follows() -> None:
    plan = (
        PlanMaker().node("a").node("b").node("j", reads=["a", "b"]).node("k").edge("a -> j", "b -> j", "a -> k").build()
    )
    selection = chosen(plan, past_of(run(plan, {"b": err()})), failed_only=True)
    assert (runs(selection), set(selection.given)) == ({"b", "j"}, {"a", "k"})
    assert refused(plan, past_of(run(plan)), failed_only=True)[0][0] == "/failed_only"


def test_failed_only_goes_on_behind_a_failed_node_that_is_pinned() -> None:
    plan = PlanMaker().chain("a", "b", "c").build()
    selection = chosen(plan, past_of(run(plan, {"b": err()})), failed_only=True, pins={"b": 5})
    assert (runs(selection), list(selection.given)) == ({"b", "c"}, ["a"])
    played = Run(plan)
    played.send(st.Start(ts=0, selection=selection))
    assert (played.play().ended, played.started()) == ("completed", ["c"])


def test_failed_only_runs_what_has_changed_too() -> None:
    plan = PlanMaker().chain("a", "b", "c").build()
    edited = PlanMaker().node("a").node("b", config={"new": 1}).node("c").edge("a -> b", "b -> c").build()
    assert runs(chosen(edited, past_of(run(plan)), failed_only=True)) == {"b", "c"}
    looped = PlanMaker().loop("L").node("x", scope="L")
    changed = PlanMaker().loop("L").node("x", scope="L", config={"new": 1})
    past = past_of(run(looped.build(), {"L": items(1)}))
    assert runs(chosen(changed.build(), past, failed_only=True)) == {"L"}


def test_from_a_node_whose_upstream_never_ran_is_refused() -> None:
    plan = PlanMaker().chain("a", "b", "c").build()
    played = Run(plan)
    played.send(st.Start(ts=0, selection=chosen(plan, until_node="a")))
    past = past_of(played.play())
    assert refused(plan, past, from_node="c") == [
        ("/from_node", "'c' runs after 'b', which neither runs nor has an outcome to take over")
    ]
    assert runs(chosen(plan, past, from_node="b")) == {"b", "c"}
    assert runs(chosen(plan, past, from_node="c", pins={"b": 1})) == {"c"}


def test_a_join_is_not_run_without_a_side_that_never_ended() -> None:
    played = Run(diamond()).start()
    played.finish("a")
    played.finish("b")
    played.send(st.CancelRequested(ts=played.now))
    messages = [message for _, message in refused(diamond(), past_of(played), from_node="b")]
    assert messages[0] == "'d' runs after 'c', which neither runs nor has an outcome to take over"
    assert runs(chosen(diamond(), past_of(played), from_node="b", pins={"c": 1})) == {"b", "d"}


def test_a_side_that_failed_stays_failed_and_reads_null() -> None:
    plan = PlanMaker().node("a").node("b").node("j", reads=["a", "b"]).edge("a -> j", "b -> j").build()
    selection = chosen(plan, past_of(run(plan, {"b": err()})), from_node="a")
    played = Run(plan)
    played.send(st.Start(ts=0, selection=selection))
    played.play()
    assert (played.ended, played.slices["j"].outputs) == ("completed", {"a": {"from": "a"}})


def test_a_node_inside_a_container_and_an_unknown_one_are_refused() -> None:
    plan = PlanMaker().loop("L").node("x", scope="L").build()
    assert refused(plan, from_node="x") == [
        ("/from_node", "'x' lies inside 'L', which runs as a whole: name 'L'")
    ]  # fmt: skip
    assert refused(plan, until_node="nope") == [("/until_node", "'nope' is no node of the plan")]
    assert refused(plan, until_node="nope", pins={"gone": 1})[1][0] == "/pins/gone"


@pytest.mark.parametrize(
    ("request_", "pointer"),
    [
        ({"only_node": "a", "until_node": "a"}, "/only_node"),
        ({"failed_only": True, "from_node": "a"}, "/failed_only"),
        ({"failed_only": True}, "/failed_only"),
        ({"pins": {"a": {"$flowray": "stored", "payload_id": "other.1"}}}, "/pins/a"),
    ],
)
def test_what_cannot_be_had_together(request_: dict[str, Any], pointer: str) -> None:
    assert refused(PlanMaker().chain("a", "b").build(), **request_)[0][0] == pointer


def test_a_branch_is_pinned_with_its_handles() -> None:
    plan = PlanMaker().branch("c").node("x").edge("c yes-> x").build()
    assert refused(plan, pins={"c": True})[0][0] == "/pins/c"
    assert refused(plan, pins={"c": {"output": 1, "handles": "yes"}})[0][0] == "/pins/c"
    pinned = chosen(plan, pins={"c": {"output": 1, "handles": ["yes"]}}).at_turn["c"]
    assert pinned == Outcome(output=1, handles=("yes", "source"), pinned=True)


def test_a_pin_wins_over_an_outcome_of_the_past() -> None:
    plan = PlanMaker().chain("a", "b").build()
    selection = chosen(plan, past_of(run(plan)), from_node="b", pins={"a": "pinned"})
    assert selection.given == {"a": Outcome(output="pinned", pinned=True)}


def test_a_pinned_node_that_follows_takes_its_turn() -> None:
    plan = PlanMaker().chain("a", "b", "c").build()
    selection = chosen(plan, past_of(run(plan)), from_node="a", pins={"b": 5})
    assert (selection.at_turn, runs(selection)) == ({"b": Outcome(output=5, pinned=True)}, {"a", "b", "c"})
    played = Run(plan)
    played.send(st.Start(ts=0, selection=selection))
    assert played.play().started() == ["a", "c"]


def test_other_inputs_run_what_hands_them_on_and_the_rest_waits_for_it() -> None:
    plan = PlanMaker().node("in").node("a").node("b", reads=["in", "a"]).edge("in -> a", "a -> b").build()
    selection = chosen(plan, past_of(run(plan)), from_node="b", fresh_inputs=True)
    assert (runs(selection), list(selection.at_turn), selection.given) == ({"in", "b"}, ["a"], {})
    played = Run(plan, {"in": ok("new")})
    played.send(st.Start(ts=0, selection=selection))
    played.play()
    assert played.slices["b"].outputs == {"in": "new", "a": {"from": "a"}}


def test_a_node_of_another_type_is_not_taken_over() -> None:
    old = PlanMaker().chain("a", "b").build()
    new = PlanMaker().node("a", type="other").node("b").edge("a -> b").build()
    assert "'b' runs after 'a'" in refused(new, past_of(run(old)), from_node="b")[0][1]


def test_the_error_handler_runs_again_and_is_not_taken_over() -> None:
    """R20: a run of a part may fail, too."""
    maker = PlanMaker(error_handler="h").node("a").node("b").node("h").edge("a -> b")
    plan = maker.build()
    past = past_of(run(plan, {"b": err()}))
    selection = chosen(plan, past, from_node="b")
    assert (runs(selection), list(selection.given)) == ({"b", "h"}, ["a"])
    played = Run(plan, {"b": err()})
    played.send(st.Start(ts=0, selection=selection))
    played.play()
    assert (played.ended, played.started()) == ("failed", ["b", "h"])
    calm = Run(plan)
    calm.send(st.Start(ts=0, selection=chosen(plan, until_node="a")))
    assert (calm.play().ended, calm.started()) == ("completed", ["a"])
