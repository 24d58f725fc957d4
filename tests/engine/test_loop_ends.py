"""Why loops end, and the ways out: conditions, limits, break, continue, exits, and cycles made loops (R4, R5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowray.definition.policies import ErrorStrategy
from flowray.engine.instances import parent_of_scope, split_instance
from flowray.engine.iteration import IMPLICIT_ITERATION_LIMIT
from flowray.engine.signals import Signals
from flowray.plan import Container, ExecutionPlan
from tests.compiler.workflows import plan_of
from tests.engine.harness import Reply, Run, err, goes_on, items, ok, route, run
from tests.engine.plans import PlanMaker

BREAK = Reply(signals=Signals(loop_control="break"))
CONTINUE = Reply(signals=Signals(loop_control="continue"))


def per_round(*replies: Reply) -> Callable[[Any, Any], Reply]:
    """One reply per round of the loop around the node; the last repeats."""

    def answer(call: Any, seen: Any) -> Reply:
        number = parent_of_scope(split_instance(call.instance)[0])[1]
        return replies[min(number, len(replies) - 1)]

    return answer


def end_reason(played: Run, container: str = "L") -> str | None:
    """What the container's completed event says."""
    found = [event.end_reason for event in played.of_type("node.completed") if event.instance == container]
    assert len(found) == 1
    reason: str | None = found[0]
    return reason


def loop(mode: str = "forEach", **fields: Any) -> ExecutionPlan:
    """``L`` around ``x``, then ``after``."""
    maker = PlanMaker().loop("L", mode, **fields).node("x", scope="L").node("after")
    return maker.edge("L -> after").build()


@pytest.mark.parametrize(
    ("plan", "answer", "reason", "rounds"),
    [
        (loop(), items(1, 2), "items", 2),
        (loop(), items(), "items", 0),
        (loop("for"), ok({"total": 3}), "items", 3),
        (loop(max_iterations=2), items(1, 2), "items", 2),
        (loop(max_iterations=2), items(1, 2, 3), "max_iterations", 2),
        (loop("while"), goes_on(True), "condition", 1),
        (loop("while", max_iterations=3), goes_on(True), "condition", 1),
        (loop("while", max_iterations=3), goes_on(*[True] * 9), "max_iterations", 3),
        (loop("doWhile"), goes_on(False), "condition", 1),
    ],
)
def test_scenario_52_the_end_says_why(plan: ExecutionPlan, answer: Any, reason: str, rounds: int) -> None:
    played = run(plan, {"L": answer})
    assert (end_reason(played), len(played.output_of("L"))) == (reason, rounds)


def test_a_collection_with_a_condition_asks_before_each_round() -> None:
    def answer(call: Any, seen: Any) -> Reply:
        if call.sentinel == "open":
            return items("a", "b", "c")
        return ok({"continue": seen.loop["item"] != "c"})

    played = run(loop(asks_each_round=True), {"L": answer, "x": lambda call, seen: ok(seen.loop["item"])})
    assert (played.output_of("L"), end_reason(played)) == (["a", "b"], "condition")


def test_a_condition_that_never_ends_a_collection_lets_the_items_end_it() -> None:
    def answer(call: Any, seen: Any) -> Reply:
        return items(1, 2) if call.sentinel == "open" else ok({"continue": True})

    played = run(loop(asks_each_round=True), {"L": answer})
    assert (len(played.output_of("L")), end_reason(played)) == (2, "items")


def leaving() -> PlanMaker:
    """In ``L``, ``c`` chooses between ``out`` and ``work``; ``log`` runs beside both."""
    maker = PlanMaker().loop("L").branch("c", scope="L").node("leave", scope="L").node("work", scope="L")
    return maker.edge("c yes -> leave", "c no -> work").node("after").edge("L -> after")


def test_scenario_55_break_keeps_the_results_so_far() -> None:
    script = {
        "L": items(1, 2, 3, 4),
        "c": per_round(route("no"), route("no"), route("yes")),
        "leave": BREAK,
        "work": ok("w"),
    }
    played = run(leaving().build(), script)
    assert (played.output_of("L"), end_reason(played)) == (["w", "w", None], "break")
    assert played.statuses()["after"] == "completed"


def test_break_lets_the_rest_of_its_round_drain() -> None:
    maker = leaving().node("log", scope="L").node("log2", scope="L").edge("log -> log2")
    script = {"L": items(1, 2), "c": route("yes"), "leave": BREAK}
    played = Run(maker.build(), script, pick=lambda pending: min(1, len(pending) - 1)).start().play()
    assert "L[0]/log2" in played.started()
    assert "L[1]/c" not in played.started()
    assert end_reason(played) == "break"


def test_continue_goes_on_with_the_next_round() -> None:
    maker = leaving().node("never", scope="L").edge("leave -> never")
    choice = per_round(route("no"), route("yes"), route("no"))
    script: dict[str, Any] = {"L": items(1, 2, 3), "c": choice, "leave": CONTINUE, "work": ok("w")}
    played = run(maker.build(), script)
    assert (played.output_of("L"), end_reason(played)) == (["w", None, "w"], "items")
    assert not [name for name in played.started() if name.endswith("never")]


def test_break_ends_only_the_loop_it_lies_in() -> None:
    maker = PlanMaker().loop("O").loop("L", scope="O").node("leave", scope="L").node("x", scope="O").edge("L -> x")
    played = run(maker.build(), {"O": items(1, 2), "L": items(1, 2, 3), "leave": BREAK})
    assert [name for name in played.started() if name.endswith("leave")] == ["O[0]/L[0]/leave", "O[1]/L[0]/leave"]
    assert end_reason(played, "O") == "items"


def test_break_stops_concurrent_rounds_from_starting() -> None:
    played = run(loop(max_concurrency=2), {"L": items(1, 2, 3, 4), "x": BREAK})
    assert (len(played.output_of("L")), end_reason(played)) == (2, "break")


def test_r4_an_exit_edge_is_a_reason() -> None:
    maker = PlanMaker().loop("L").branch("c", scope="L").node("found").edge("c yes -> found")
    played = run(maker.build(), {"L": items(1, 2, 3), "c": per_round(route(), route("yes"))})
    assert (end_reason(played), played.statuses()["found"]) == ("exit", "completed")


CYCLE = {"dialect": "flowmaestro"}


def test_r5_a_cycle_repeats_until_its_branch_leaves_it() -> None:
    plan = plan_of("in:input a b c:if out:output", "in>a a>b b>c c-false>a c-true>out", **CYCLE)
    played = run(plan, {"c": per_round(route("false"), route("false"), route("true"))})
    loop_id = "a__cycle"
    assert [name for name in played.started() if name.endswith("/a")] == [f"{loop_id}[{i}]/a" for i in range(3)]
    assert (played.ended, end_reason(played, loop_id)) == ("completed", "exit")
    assert played.statuses()["out"] == "completed"


def test_r5_a_round_reads_the_round_before() -> None:
    plan = plan_of(
        "in:input a c:if out:output", "in>a a>c c-false>a c-true>out", {"a": {"x": "{{a.n}} {{c.n}}"}}, **CYCLE
    )
    seen: list[Any] = []

    def answer(call: Any, context: Any) -> Reply:
        seen.append(context.outputs.get("a"))
        return ok(len(seen))

    run(plan, {"a": answer, "c": per_round(route("false"), route("true"))})
    assert seen == [None, 1]


def test_r5_an_endless_cycle_is_an_error_that_says_so() -> None:
    plan = plan_of("in:input a c:if out:output", "in>a a>c c-false>a c-true>out", **CYCLE)
    played = run(plan, {"c": route("false")})
    assert (played.ended, played.state.errors[0].code) == ("failed", "ITERATION_LIMIT_EXCEEDED")
    assert len([name for name in played.started() if name.endswith("/a")]) == IMPLICIT_ITERATION_LIMIT
    assert played.statuses()["out"] == "skipped"


def test_r5_a_cycle_whose_branch_selects_nothing_ends_quietly() -> None:
    plan = plan_of("in:input a c:if out:output", "in>a a>c c-false>a c-true>out", **CYCLE)
    played = run(plan, {"c": route()})
    assert (played.ended, end_reason(played, "a__cycle")) == ("completed", "condition")
    assert played.statuses()["out"] == "skipped"


def test_r5_goto_back_tries_again_until_the_node_succeeds() -> None:
    goto = {"b": {"$": {"onError": {"strategy": "goto", "gotoNode": "a"}}}}
    plan = plan_of("in:input a b out:output", "in>a a>b b>out", goto)
    assert plan.nodes["b"].on_error is ErrorStrategy.GOTO
    played = run(plan, {"b": per_round(err(), err(), ok("done"))})
    assert (played.ended, end_reason(played, "a__cycle")) == ("completed", "exit")
    assert len([name for name in played.started() if name.endswith("/b")]) == 3
    assert [error.code for error in played.state.handled_errors] == ["NODE_FAILED", "NODE_FAILED"]


def test_a_failing_round_of_a_cycle_fails_its_loop() -> None:
    plan = plan_of("in:input a c:if out:output", "in>a a>c c-false>a c-true>out", **CYCLE)
    played = run(plan, {"a": per_round(ok(1), err()), "c": route("false")})
    assert (played.ended, played.state.errors[0].node_id) == ("failed", "a")


def test_r29_a_cycle_survives_its_owner() -> None:
    plan = plan_of("in:input a c:if out:output", "in>a a>c c-false>a c-true>out", **CYCLE)
    played = Run(plan, {"c": lambda call, seen: route("true" if call.instance.startswith("a__cycle[2]") else "false")})
    played.start()
    for _ in range(5):
        played.move()
    played.crash_and_recover()
    played.play()
    assert (played.ended, end_reason(played, "a__cycle")) == ("completed", "exit")


def test_a_container_without_the_new_fields_is_what_it_was() -> None:
    """Plans stored by an earlier release still mean the same."""
    assert Container(id="L") == Container(id="L", asks_each_round=False, repeats=())
