"""A recorded execution says how its root nodes ended, in order, and what it never decided."""

from __future__ import annotations

from typing import Any

from flowray.engine import stimuli as st
from flowray.engine.outcomes import PastRun, read_run
from flowray.engine.signals import Signals, VariableOperation
from flowray.engine.start_planning import StartRequest, plan_start
from flowray.plan import ExecutionPlan
from tests.engine.harness import Reply, Run, asks, err, items, ok, route, run
from tests.engine.plans import PlanMaker


def add(name: str, value: Any = 1, op: str = "append") -> VariableOperation:
    return VariableOperation(op, name, value)


def past(plan: ExecutionPlan, script: Any = None) -> PastRun:
    played = run(plan, script or {})
    return read_run(played.index, played.log)


def test_outcomes_stand_in_the_order_in_which_they_came() -> None:
    plan = PlanMaker().node("a").branch("c").node("z").edge("c yes-> z").build()
    played = Run(plan, {"c": route("no", output={"chosen": "no"}), "a": ok(1)}).start()
    played.finish("c")
    played.finish("a")
    found = read_run(played.index, played.log)
    assert list(found.outcomes) == ["c", "a"]
    assert (found.outcomes["c"].output, found.outcomes["c"].handles) == ({"chosen": "no"}, ("no", "source"))
    assert (found.skipped, found.failed) == ({"z"}, set())


def test_handled_failures_are_outcomes_and_unhandled_ones_are_failures() -> None:
    plan = PlanMaker().node("a").node("h").node("b").node("after").edge("a error-> h", "b -> after").build()
    found = past(plan, {"a": err("X"), "b": err("Y")})
    assert (found.outcomes["a"].failed, found.outcomes["a"].handles) == (True, ("error",))
    assert found.outcomes["a"].output["code"] == "X"
    assert (list(found.outcomes), found.failed, found.skipped) == (["a", "h"], {"b"}, {"after"})


def test_what_a_cancelled_execution_never_came_to_is_undecided() -> None:
    plan = PlanMaker().chain("a", "b", "c").build()
    played = Run(plan).start()
    played.finish("a")
    played.send(st.CancelRequested(ts=played.now))
    found = read_run(played.index, played.log)
    assert [found.is_decided(name) for name in "abc"] == [True, False, False]


def test_what_follows_a_void_node_is_undecided_however_its_edges_ended() -> None:
    plan = PlanMaker().chain("a", "b", "c", "d").build()
    played = Run(plan)
    played.send(st.Start(ts=0, selection=plan_start(played.index, StartRequest(until_node="a"), None, None)))
    played.play()
    found = read_run(played.index, played.log)
    assert (list(found.outcomes), found.skipped) == (["a"], set())


def test_a_loop_is_one_outcome_with_what_its_rounds_did_to_variables() -> None:
    maker = PlanMaker().loop("L").node("x", scope="L").node("r", reads=["x"]).edge("L -> r")
    maker.variables = {"log": []}
    found = past(
        maker.build(), {"L": items(1, 2), "x": lambda call, seen: ok(1, variables=(add("log", call.instance),))}
    )
    assert list(found.outcomes) == ["L", "r"]
    assert found.outcomes["L"].variables == (add("log", "L[0]/x"), add("log", "L[1]/x"))
    assert found.outcomes["L"].exports == {"x": 1}


def test_r17_branches_change_variables_in_the_order_of_their_indexes() -> None:
    maker = PlanMaker().parallel("P").loop("L", scope="P").node("x", scope="L")
    maker.variables = {"log": []}
    script = {"P": items(1, 2), "L": items(1), "x": lambda call, seen: ok(1, variables=(add("log", call.instance),))}
    played = Run(maker.build(), script, pick=lambda pending: len(pending) - 1).start().play()
    found = read_run(played.index, played.log)
    assert [change.value for change in found.outcomes["P"].variables] == ["P[0]/L[0]/x", "P[1]/L[0]/x"]
    assert [change.value for change in found.outcomes["P"].variables] == played.state.variables["log"]


def test_a_fired_exit_edge_is_kept() -> None:
    plan = PlanMaker().loop("L").node("x", scope="L").node("out").edge("x done-> out").build()
    stop = Reply(output=1, signals=Signals(selected_routes=("done",)))
    found = past(plan, {"L": items(1, 2), "x": stop})
    assert found.outcomes["L"].exits == (plan.scopes[""].edges[0].id,)


def test_a_run_that_took_outcomes_over_hands_them_on() -> None:
    maker = PlanMaker().chain("a", "b", "c")
    maker.variables = {"n": 0}
    first = run(maker.build(), {"a": ok(1, variables=(add("n", 5, "set"),))})
    again = Run(maker.build())
    request = StartRequest(from_node="b")
    selection = plan_start(again.index, request, read_run(first.index, first.log), "e0")
    again.send(st.Start(ts=0, selection=selection))
    again.play()
    found = read_run(again.index, again.log)
    assert (found.outcomes["a"].output, found.outcomes["a"].variables) == (1, (add("n", 5, "set"),))


def test_an_execution_that_still_waits_has_the_outcomes_it_has() -> None:
    played = Run(PlanMaker().chain("a", "p").build(), {"p": asks()}).start()
    played.play()
    assert list(read_run(played.index, played.log).outcomes) == ["a"]
