"""Loops and parallels: how many scopes, in which order, with which results, and what a failing item does."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition.policies import ErrorStrategy, JoinRule
from flowray.engine import stimuli as st
from flowray.engine.commands import RunNode
from flowray.engine.iteration import SYSTEM_ITERATION_LIMIT
from flowray.engine.retries import MAX_LOSSES
from flowray.engine.signals import NodeError, Signals
from flowray.values import StoredValue
from tests.engine.harness import LOST, START_MS, Run, asks, err, goes_on, items, ok, route, run, sleeps
from tests.engine.plans import PlanMaker


def loop(mode: str = "forEach", **fields: Any) -> PlanMaker:
    """``L`` around ``x``, then ``after``."""
    return PlanMaker().loop("L", mode, **fields).node("x", scope="L").node("after").edge("L -> after")


def parallel(**fields: Any) -> PlanMaker:
    """``P`` around ``x``, then ``after``."""
    return PlanMaker().parallel("P", **fields).node("x", scope="P").node("after").edge("P -> after")


def item(call: Any, seen: Any) -> Any:
    """Reply with the present item."""
    return ok((seen.loop or seen.parallel)["item"])


def test_for_each_runs_in_order_and_collects_results() -> None:
    played = run(loop().build(), {"L": items("a", "b", "c"), "x": item})
    assert played.output_of("L") == ["a", "b", "c"]
    assert [name for name in played.started() if name != "L"] == ["L[0]/x", "L[1]/x", "L[2]/x", "after"]
    assert [(e.scope, e.index, e.total, e.item) for e in played.of_type("scope.started")] == [
        ("L[0]", 0, 3, "a"), ("L[1]", 1, 3, "b"), ("L[2]", 2, 3, "c"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "answer"),
    [("for", ok({"total": 0})), ("forEach", items()), ("while", goes_on())],
)
def test_zero_iterations_run_the_exit_once_with_an_empty_list(mode: str, answer: Any) -> None:
    played = run(loop(mode).build(), {"L": answer})
    assert played.output_of("L") == []
    assert played.statuses() == {"L": "completed", "after": "completed"}


def test_for_runs_a_number_of_times() -> None:
    played = run(loop("for").build(), {"L": ok({"total": 3}), "x": lambda call, seen: ok(seen.loop["index"])})
    assert played.output_of("L") == [0, 1, 2]


def test_while_asks_before_each_round() -> None:
    played = run(loop("while").build(), {"L": goes_on(True, True)})
    assert len(played.output_of("L")) == 2
    asked = [(c.sentinel, c.round) for c in played.commands if isinstance(c, RunNode) and c.sentinel]
    assert asked == [("open", 0), ("condition", 0), ("condition", 1), ("condition", 2)]


def test_do_while_runs_once_before_it_asks() -> None:
    played = run(loop("doWhile").build(), {"L": goes_on(True, False)})
    assert len(played.output_of("L")) == 1
    asked = [(c.sentinel, c.round) for c in played.commands if isinstance(c, RunNode) and c.sentinel]
    assert asked == [("open", 0), ("condition", 1)]


@pytest.mark.parametrize("mode", ["while", "doWhile"])
def test_r12_own_max_iterations_is_a_normal_end(mode: str) -> None:
    played = run(loop(mode, max_iterations=2).build(), {"L": goes_on(*[True] * 9)})
    assert (played.ended, len(played.output_of("L"))) == ("completed", 2)


def test_r12_own_max_iterations_cuts_a_collection() -> None:
    played = run(loop(max_iterations=2).build(), {"L": items(1, 2, 3), "x": item})
    assert played.output_of("L") == [1, 2]


def test_r12_system_limit_is_an_error_before_the_first_item() -> None:
    played = run(loop("for").build(), {"L": ok({"total": SYSTEM_ITERATION_LIMIT + 1})})
    assert played.ended == "failed"
    assert played.state.errors[0].code == "ITERATION_LIMIT_EXCEEDED"
    assert played.of_type("scope.started") == []


def test_r12_system_limit_of_a_conditional_loop_is_an_error_not_a_silent_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowray.engine.iteration.SYSTEM_ITERATION_LIMIT", 3)
    played = run(loop("while").build(), {"L": goes_on(*[True] * 9)})
    assert (played.ended, played.state.errors[0].code) == ("failed", "ITERATION_LIMIT_EXCEEDED")
    assert run(loop("while").build(), {"L": goes_on(True, True, True)}).ended == "completed"


@pytest.mark.parametrize("answer", ["text", None, {"total": -1}, {"items": "abc"}, StoredValue("p1", 99)])
def test_an_answer_that_is_no_collection_is_an_error(answer: Any) -> None:
    played = run(loop().build(), {"L": ok(answer)})
    assert (played.ended, played.state.errors[0].code) == ("failed", "COLLECTION_INVALID")


def test_r15_a_condition_that_throws_is_an_error_of_the_loop() -> None:
    def answer(call: Any, seen: Any) -> Any:
        if call.sentinel == "condition" and call.round == 1:
            return err("EXPRESSION_ERROR", "x is not defined")
        return ok({"total": None, "continue": True})

    played = run(loop("while").build(), {"L": answer})
    assert played.statuses() == {"L": "failed", "after": "skipped"}
    assert played.state.errors[0].node_id == "L"


def test_sentinel_of_a_dead_process_is_asked_again() -> None:
    played = run(loop().build(), {"L": [LOST, items(1)]})
    assert played.ended == "completed"


def test_r39_a_sentinel_that_kills_its_process_every_time_fails_the_container() -> None:
    played = run(loop().build(), {"L": LOST})
    assert (played.ended, played.state.errors[0].code) == ("failed", "NODE_LOST")
    assert len(played.of_type("node.retrying")) == MAX_LOSSES
    assert len(played.of_type("node.started")) == 1


def test_losses_of_a_sentinel_are_counted_per_question() -> None:
    lost = [LOST] * (MAX_LOSSES - 1)
    answers = [*lost, ok({"total": None}), *lost, ok({"continue": True}), *lost, ok({"continue": False})]
    assert run(loop("while").build(), {"L": answers}).ended == "completed"


def test_what_a_sentinel_logs_belongs_to_its_container() -> None:
    played = Run(loop("while").build(), {"L": goes_on(True)}).start()
    played.finish("L")
    question = played.call("L")
    line = st.NodeLogged(ts=1, instance="L", attempt=question.attempt, message="checked")
    assert question.attempt == 2
    assert [(event.node_id, event.attempt) for event in played.send(line)] == [("L", 1)]


def test_answers_to_former_questions_are_dropped() -> None:
    played = Run(loop("while").build(), {"L": goes_on(True, True, True)}).start()
    opening = played.call("L")
    played.finish("L")
    again = st.AttemptSucceeded(ts=1, instance="L", attempt=opening.attempt, output={"total": None})
    assert played.send(again) == []
    first = played.call("L")
    played.finish("L")
    played.finish("L[0]/x")
    late = st.AttemptSucceeded(ts=1, instance="L", attempt=first.attempt, output={"continue": False})
    assert played.send(late) == []
    assert played.send(st.AttemptLost(ts=1, instance="L", attempt=first.attempt)) == []
    assert len(played.play().output_of("L")) == 3


def test_r12_result_of_several_terminals_is_an_object_by_node_id() -> None:
    maker = PlanMaker().loop("L").branch("c", scope="L").node("x", scope="L").node("y", scope="L").node("z", scope="L")
    maker.edge("c one-> x", "c two-> y", "c two-> z")
    script = {"L": items(1, 2, 3), "L[0]/c": route("one"), "L[1]/c": route("two"), "L[2]/c": route("none"),
              "x": ok("X"), "y": ok("Y"), "z": ok("Z")}  # fmt: skip
    assert run(maker.build(), script).output_of("L") == ["X", {"y": "Y", "z": "Z"}, None]


def test_r12_an_ordering_edge_does_not_take_a_terminal_its_result() -> None:
    """It waits, never enables (R4): nothing of the flow follows ``x``, so its value is the result."""
    maker = PlanMaker().loop("L").node("x", scope="L").node("y", scope="L").edge("x -> y", kind="ordering")
    played = run(maker.build(), {"L": items(1), "x": ok("X")})
    assert [e.instance for e in played.of_type("node.skipped")] == ["L[0]/y"]
    assert played.output_of("L") == ["X"]


def test_branch_inside_a_body_settles_per_iteration() -> None:
    maker = PlanMaker().loop("L").branch("c", scope="L").node("a", scope="L").node("out", scope="L")
    maker.edge("c true-> out", "c false-> a", "a -> out")
    script = {"L": items(1, 2), "L[0]/c": route("true"), "L[1]/c": route("false"), "out": ok("o")}
    played = run(maker.build(), script)
    assert played.output_of("L") == ["o", "o"]
    assert [e.instance for e in played.of_type("node.skipped")] == ["L[0]/a"]


def test_join_all_inside_a_body() -> None:
    maker = PlanMaker().loop("L").node("a", scope="L").node("b", scope="L")
    maker.node("j", scope="L", join=JoinRule.ALL).edge("a -> j", "b -> j")
    played = run(maker.build(), {"L": items(1, 2), "L[0]/a": err(), "j": ok("j")})
    assert "L[0]/j" not in played.started()


def test_empty_body() -> None:
    played = run(PlanMaker().loop("L").node("after").edge("L -> after").build(), {"L": items(1, 2)})
    assert (played.ended, played.output_of("L")) == ("completed", [None, None])


# -- item failures -------------------------------------------------------------------------------------------------


def failing_second(call: Any, seen: Any) -> Any:
    values = seen.loop or seen.parallel
    return err("X", "bad item") if values["index"] == 1 else ok(values["item"])


def test_r10_item_policy_fail_starts_no_new_item_and_fails_the_container() -> None:
    played = run(loop(item_failure="fail").build(), {"L": items(1, 2, 3), "x": failing_second})
    assert played.statuses() == {"L": "failed", "after": "skipped"}
    assert "L[2]/x" not in played.started()
    error = played.state.errors[0]
    assert (error.code, error.node_id, error.instance) == ("X", "x", "L[1]/x")
    assert len(played.state.errors) == 1


def test_r12_item_policy_collect_puts_the_error_at_its_index() -> None:
    played = run(loop(item_failure="collect").build(), {"L": items(1, 2, 3), "x": failing_second})
    assert played.ended == "completed"
    assert played.output_of("L") == [1, {"error": {"message": "bad item", "code": "X", "node_id": "x"}}, 3]


def test_item_policy_continue_leaves_null_at_its_index() -> None:
    played = run(loop(item_failure="continue").build(), {"L": items(1, 2, 3), "x": failing_second})
    assert (played.ended, played.output_of("L")) == ("completed", [1, None, 3])
    assert not played.state.errors


def test_r10_running_items_of_a_failed_parallel_drain() -> None:
    played = Run(parallel(item_failure="fail").build(), {"P": items(1, 2), "x": failing_second}).start()
    played.finish("P")
    played.finish("P[1]/x")
    assert played.statuses()["P"] == "running"
    played.finish("P[0]/x")
    assert played.statuses() == {"P": "failed", "after": "skipped"}


def test_container_error_edge_lives_when_it_fails() -> None:
    maker = loop().node("h").edge("L error-> h")
    played = run(maker.build(), {"L": items(1, 2), "x": failing_second})
    assert (played.ended, played.statuses()) == ("completed", {"L": "failed", "after": "skipped", "h": "completed"})
    assert run(maker.build(), {"L": items(1)}).statuses()["h"] == "skipped"


def test_r11_on_error_continue_of_a_container_gives_its_results_so_far() -> None:
    played = run(loop(on_error=ErrorStrategy.CONTINUE).build(), {"L": items(1, 2, 3), "x": failing_second})
    assert played.ended == "completed"
    assert played.output_of("L")[0] == 1
    assert len(played.output_of("L")) == 2
    assert played.of_type("node.completed")[-2].handled_error.code == "X"


def test_error_edge_inside_a_body_handles_its_error() -> None:
    maker = PlanMaker().loop("L").node("x", scope="L").node("h", scope="L").edge("x error-> h")
    played = run(maker.build(), {"L": items(1, 2), "x": failing_second, "h": ok("handled")})
    assert (played.ended, played.output_of("L")) == ("completed", [1, "handled"])


# -- exits ---------------------------------------------------------------------------------------------------------


def with_exit(handle: str = "stop") -> PlanMaker:
    """``L`` around branch ``c`` and ``x``; ``c`` may leave for ``out``; ``after`` follows the loop."""
    maker = PlanMaker().loop("L").branch("c", scope="L").node("x", scope="L").node("out").node("after")
    return maker.edge("c go-> x", f"c {handle}-> out", "L -> after").start("L")


def test_r4_exit_edge_that_fires_ends_the_loop_after_its_iteration() -> None:
    script = {"L": items(1, 2, 3), "L[0]/c": route("go"), "L[1]/c": route("stop", "go"), "x": item}
    played = run(with_exit().build(), script)
    assert played.statuses() == {"L": "completed", "out": "completed", "after": "completed"}
    assert played.output_of("L") == [1, 2]
    assert "L[2]/c" not in played.started()


def test_r4_exit_edge_that_never_fires_is_dead_once_the_loop_is_done() -> None:
    played = Run(with_exit().build(), {"L": items(1), "c": route("go")}).start()
    played.finish("L")
    played.finish("L[0]/c")
    assert played.statuses()["out"] == "pending"
    played.play()
    assert played.statuses() == {"L": "completed", "out": "skipped", "after": "completed"}


def test_r4_exit_ends_a_conditional_loop() -> None:
    maker = PlanMaker().loop("L", "while").branch("c", scope="L").node("out").edge("c stop-> out").start("L")
    played = run(maker.build(), {"L": goes_on(*[True] * 9), "c": route("stop")})
    assert played.statuses() == {"L": "completed", "out": "completed"}
    assert len(played.output_of("L")) == 1


def test_r4_error_edge_that_leaves_a_body_is_an_exit() -> None:
    maker = PlanMaker().loop("L").node("x", scope="L").node("h").edge("x error-> h").start("L")
    played = run(maker.build(), {"L": items(1, 2, 3), "x": failing_second})
    assert (played.ended, played.statuses()) == ("completed", {"L": "completed", "h": "completed"})
    assert "L[2]/x" not in played.started()


def test_r4_exit_edges_of_a_skipped_loop_are_dead() -> None:
    maker = PlanMaker().branch("b").loop("L").branch("c", scope="L").node("out").edge("b yes-> L", "c stop-> out")
    maker.start("b").start("c")
    assert run(maker.build(), {"b": route("no")}).skipped == {"L", "out"}


# -- nesting and concurrency ---------------------------------------------------------------------------------------


def nested() -> PlanMaker:
    """``L`` around ``P`` around ``x``."""
    maker = PlanMaker().loop("L").parallel("P", scope="L").node("x", scope="P").node("y", scope="L")
    return maker.edge("P -> y").node("after").edge("L -> after")


def test_nested_containers_collect_in_order() -> None:
    script = {
        "L": items(1, 2),
        "P": items("a", "b"),
        "x": lambda call, seen: ok(f"{seen.loop['item']}{seen.parallel['item']}"),
        "y": lambda call, seen: ok(call.instance),
    }
    played = Run(nested().build(), script, pick=lambda pending: len(pending) - 1).start().play()
    assert played.output_of("L[0]/P") == ["1a", "1b"]
    assert played.output_of("L[1]/P") == ["2a", "2b"]
    assert played.output_of("L") == ["L[0]/y", "L[1]/y"]
    assert {name for name in played.started() if name.endswith("/x")} == {
        "L[0]/P[0]/x", "L[0]/P[1]/x", "L[1]/P[0]/x", "L[1]/P[1]/x",
    }  # fmt: skip


def test_failure_travels_outwards_through_nested_containers() -> None:
    played = run(nested().build(), {"L": items(1), "P": items(1, 2), "L[0]/P[1]/x": err("DEEP")})
    assert played.ended == "failed"
    assert played.statuses() == {"L": "failed", "after": "skipped"}
    assert played.state.errors[0].code == "DEEP"


def test_pause_inside_a_nested_container_holds_only_its_branch() -> None:
    played = run(nested().build(), {"L": items(1), "P": items("a", "b"), "L[0]/P[0]/x": asks("ok?")})
    assert played.state.status.value == "paused"
    played.send(st.WaitAnswered(ts=played.now, instance="L[0]/P[0]/x", data="yes"))
    assert played.play().ended == "completed"
    assert played.output_of("L[0]/P")[0] == "yes"


@pytest.mark.parametrize("order", [0, -1])
def test_parallel_results_stand_in_branch_order(order: int) -> None:
    played = Run(parallel().build(), {"P": items(*range(6)), "x": item}, pick=lambda pending: order % len(pending))
    assert played.start().play().output_of("P") == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("width", [1, 2, 5])
def test_r13_max_concurrency_of_a_parallel(width: int) -> None:
    played = run(parallel(max_concurrency=width).build(), {"P": items(*range(5))})
    assert played.most_running == width
    assert len(played.output_of("P")) == 5


def test_r13_a_waiting_iteration_counts_in_its_containers_concurrency() -> None:
    script = {"P": items(1, 2), "P[0]/x": sleeps(START_MS + 10_000)}
    played = Run(parallel(max_concurrency=1).build(), script).start()
    played.finish("P")
    played.finish("P[0]/x")
    assert not played.pending
    assert played.play().ended == "completed"


def test_r13_containers_hold_no_slot() -> None:
    maker = PlanMaker(max_concurrent_nodes=1).loop("L").loop("M", scope="L").node("x", scope="M")
    assert run(maker.build(), {"L": items(1), "M": items(1)}).ended == "completed"


def test_r9_finish_inside_a_body_starts_nothing_more() -> None:
    script = {"L": items(1, 2, 3), "x": ok("enough", signals=Signals(finish=True))}
    played = run(loop().build(), script)
    assert (played.ended, played.outputs) == ("completed", "enough")
    assert "L[1]/x" not in played.started()
    assert played.statuses()["after"] == "skipped"


def test_a_failed_sentinel_with_the_wrong_number_is_dropped() -> None:
    played = Run(loop().build(), {"L": items(1)}).start()
    error = NodeError(message="", code="X")
    assert played.send(st.AttemptFailed(ts=1, instance="L", attempt=9, error=error)) == []
    assert played.play().ended == "completed"


def test_all_results_are_the_outputs_of_the_whole_body_in_plan_order() -> None:
    """SIM's dialect: errors that were handled count, skipped nodes do not."""
    maker = PlanMaker().loop("L", results="all").chain("x", "y", scope="L").node("h", scope="L").edge("x error-> h")
    script = {"L": items(1, 2), "L[0]/x": ok("x0"), "y": ok("y"), "L[1]/x": err(message="bad"), "h": ok("h")}
    played = run(maker.build(), script)
    first, second = played.output_of("L")["results"]
    assert first == ["x0", "y"]
    assert (second[0]["message"], second[1:]) == ("bad", ["h"])


def test_all_results_of_no_rounds_are_an_empty_list() -> None:
    assert run(loop(results="all").build(), {"L": items()}).output_of("L") == {"results": []}
