"""Budgets end an execution once it has spent more; who spent what is counted."""

from __future__ import annotations

import pytest

from flowray.engine import stimuli as st
from flowray.engine.budget import agreed
from flowray.engine.signals import Budget, Signals, Usage
from flowray.plan import PlanSettings
from tests.engine.harness import SILENT, START_MS, Run, asks, err, ok, run
from tests.engine.plans import PlanMaker

TEN = Usage(6, 4, "m", 0.25, "USD")


def test_the_tighter_bound_holds() -> None:
    settings = PlanSettings(max_tokens=100, max_cost=2.0)
    assert agreed(settings, None) == Budget(100, 2.0)
    assert agreed(settings, Budget(50, 3.0)) == Budget(50, 2.0)
    assert agreed(PlanSettings(), Budget(max_cost=1.0)) == Budget(None, 1.0)
    assert agreed(PlanSettings(), Budget()) is None


def test_it_ends_once_more_tokens_are_spent() -> None:
    plan = PlanMaker(max_tokens=19).chain("a", "b", "c").build()
    played = run(plan, {"a": ok("A", usage=TEN), "b": ok("B", usage=TEN), "c": ok("C")})
    assert (played.ended, played.completed) == ("failed", {"a", "b"})
    failed = played.of_type("execution.failed")[0]
    assert failed.error.code == "BUDGET_EXCEEDED"
    assert failed.error.message == "The execution has spent more than its budget: 20 tokens of 19"
    assert failed.error.details == {"budget": {"max_tokens": 19}, "tokens": 20, "cost": 0.5}
    assert failed.usage.input_tokens == 12


@pytest.mark.parametrize(("given", "ended"), [(Budget(20), "completed"), (Budget(max_cost=0.4), "failed")])
def test_what_is_spent_exactly_is_enough_and_money_counts_too(given: Budget, ended: str) -> None:
    played = Run(PlanMaker().chain("a", "b", "c").build(), {"a": ok(usage=TEN), "b": ok(usage=TEN), "c": ok("C")})
    played.send(st.Start(ts=START_MS, budget=given))
    assert played.play().ended == ended
    if ended == "failed":
        assert "0.5 USD of 0.4" in played.of_type("execution.failed")[0].error.message


def test_what_runs_beside_it_is_stopped() -> None:
    plan = PlanMaker(max_tokens=5).node("a").node("b").build()
    played = run(plan, {"a": ok(usage=TEN), "b": SILENT})
    assert played.ended == "failed"
    assert [event.node_id for event in played.of_type("node.cancelled")] == ["b"]


def test_failed_attempts_and_people_who_are_waited_for_count() -> None:
    plan = PlanMaker(max_tokens=5).node("a").build()
    assert run(plan, {"a": type(err())(error=err().error, usage=TEN)}).ended == "failed"
    asking = asks()
    played = run(plan, {"a": type(asking)(signals=asking.signals, usage=TEN)})
    assert played.ended == "failed"
    assert played.of_type("execution.failed")[0].error.code == "BUDGET_EXCEEDED"


def test_a_decided_end_stays_decided() -> None:
    plan = PlanMaker(max_tokens=5).node("a").node("b").build()
    played = run(plan, {"a": ok("A", signals=Signals(finish=True)), "b": ok("B", usage=TEN)})
    assert (played.ended, played.state.usage.input_tokens) == ("completed", 6)


def test_it_holds_after_a_crash() -> None:
    played = Run(PlanMaker().chain("a", "b").build(), {"a": ok(usage=TEN), "b": ok(usage=TEN)})
    played.send(st.Start(ts=START_MS, budget=Budget(15)))
    played.finish("a")
    played.crash_and_recover()
    assert played.state.budget == Budget(15)
    assert played.play().ended == "failed"


def test_spending_by_node_and_by_model() -> None:
    plan = PlanMaker().chain("a", "b", "c").build()
    other = Usage(1, 1, "n")
    played = run(plan, {"a": ok(usage=TEN), "b": ok(usage=other), "c": ok(usage=Usage(2, 2))})
    spending = played.state.spending
    assert spending.by_node == {"a": TEN, "b": other, "c": Usage(2, 2)}
    assert spending.by_model == {"m": TEN, "n": other, "mixed": Usage(2, 2)}
