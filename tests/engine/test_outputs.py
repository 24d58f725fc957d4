"""What an execution returns (R8), and its progress."""

from __future__ import annotations

from flowray.engine.outputs import progress
from flowray.engine.signals import VariableOperation
from flowray.plan import DialectSemantics
from flowray.values import StoredValue
from tests.engine.harness import Run, err, ok, route, run
from tests.engine.plans import PlanMaker


def test_r8_outputs_of_output_nodes_merge_in_plan_order_later_wins() -> None:
    plan = PlanMaker().output("o1").output("o2").node("x").build()
    played = Run(plan, {"o1": ok({"a": 1, "b": 1}), "o2": ok({"b": 2})}).start()
    played.finish("o2")
    assert played.play().outputs == {"a": 1, "b": 2}


def test_r8_an_output_node_whose_output_is_no_object_goes_by_its_id() -> None:
    assert run(PlanMaker().output("o").build(), {"o": ok("text")}).outputs == {"o": "text"}


def test_r8_only_completed_output_nodes_count() -> None:
    plan = PlanMaker().branch("c").output("o1").output("o2").edge("c x-> o1", "c y-> o2").build()
    assert run(plan, {"c": route("x"), "o1": ok({"v": 1})}).outputs == {"v": 1}


def test_r8_without_output_nodes_terminals_by_id() -> None:
    plan = PlanMaker().branch("c").node("a").node("b").chain("x", "y").edge("c go-> a", "c no-> b").build()
    assert run(plan, {"c": route("go"), "a": ok(1), "y": ok(2)}).outputs == {"a": 1, "y": 2}


def test_r8_a_quiet_end_is_a_terminal() -> None:
    plan = PlanMaker().branch("c").node("a").edge("c go-> a").build()
    assert run(plan, {"c": route("nowhere", output="chosen")}).outputs == {"c": "chosen"}


def test_r8_failed_executions_return_what_they_have() -> None:
    assert run(PlanMaker().node("a").node("b").build(), {"a": err(), "b": ok(2)}).outputs == {"b": 2}


def test_r8_flowmaestro_returns_variables_if_there_is_no_output_node() -> None:
    maker = PlanMaker().node("a")
    maker.dialect = DialectSemantics(name="flowmaestro", outputs_default="variables")
    maker.variables = {"start": 1}
    played = run(maker.build(), {"a": ok(variables=(VariableOperation("set", "x", 5),))})
    assert played.outputs == {"start": 1, "x": 5}


def test_flowmaestro_without_variables_merges_what_nothing_follows() -> None:
    maker = PlanMaker().chain("a", "b").node("c")
    maker.dialect = DialectSemantics(name="flowmaestro", outputs_default="variables")
    assert run(maker.build(), {"b": ok({"x": 1}), "c": ok(2)}).outputs == {"x": 1, "c": 2}


def test_r8_sim_returns_the_bare_terminal() -> None:
    maker = PlanMaker().chain("a", "b")
    maker.dialect = DialectSemantics(name="sim", outputs_default="bare_terminal")
    assert run(maker.build(), {"b": ok("bare")}).outputs == "bare"


def test_r36_a_large_output_stays_a_reference() -> None:
    played = run(PlanMaker().output("o").build(), {"o": ok(StoredValue("p1", 70_000))})
    assert played.outputs["o"]["$flowray"] == "stored"
    assert played.outputs["o"]["payload_id"] == "p1"


def test_progress_counts_root_nodes() -> None:
    plan = PlanMaker().branch("c").node("a").node("b").node("f").edge("c x-> a", "c y-> b").build()
    played = Run(plan, {"c": route("x"), "f": err()})
    assert progress(played.index, played.state) == {
        "total": 4, "completed": 0, "failed": 0, "skipped": 0, "running": [], "completed_nodes": [], "percent": 0,
    }  # fmt: skip
    played.start()
    played.finish("c")
    played.finish("f")
    assert progress(played.index, played.state) == {
        "total": 4, "completed": 1, "failed": 1, "skipped": 1, "running": ["a"], "completed_nodes": ["c"],
        "percent": 75,
    }  # fmt: skip
    played.play()
    assert progress(played.index, played.state)["percent"] == 100


def test_r8_the_bare_terminal_is_the_last_to_complete() -> None:
    maker = PlanMaker().node("a").node("b").node("c").edge("a -> c")
    maker.dialect = DialectSemantics("sim", outputs_default="bare_terminal")
    played = Run(maker.build(), {"b": ok("b"), "c": ok("c")}).start()
    for name in ("a", "c", "b"):
        played.finish(name)
    assert (played.ended, played.outputs) == ("completed", "b")


def test_r8_without_a_bare_terminal_those_that_ended_the_run() -> None:
    maker = PlanMaker().node("a").node("b").node("h").edge("a error-> h", "b error-> h")
    maker.dialect = DialectSemantics("sim", outputs_default="bare_terminal")
    assert run(maker.build(), {"a": ok(1), "b": ok(2)}).outputs == {"a": 1, "b": 2}
