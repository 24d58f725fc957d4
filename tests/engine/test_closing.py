"""What a loop or parallel returns: aggregations, and results that need a lane (R12, R15, R16)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine import stimuli as st
from flowray.engine.commands import RunNode
from flowray.engine.snapshot import snapshot_to_json
from flowray.values import INLINE_LIMIT_BYTES, StoredValue, to_wire
from tests.engine.harness import LOST, Reply, Run, err, items, ok, run
from tests.engine.plans import PlanMaker


def parallel(**fields: Any) -> Any:
    """``P`` around ``x``, then ``after``, which reads it."""
    maker = PlanMaker().parallel("P", **fields).node("x", scope="P").node("after", reads=["P"])
    return maker.edge("P -> after").build()


def answers(opening: Reply, closing: Reply) -> Any:
    """A sentinel's two answers."""
    return lambda call, seen: closing if call.sentinel == "close" else opening


def item(call: Any, seen: Any) -> Reply:
    return ok(seen.parallel["item"])


@pytest.mark.parametrize("aggregation", ["merge", "reduce"])
def test_r15_end_asks_a_handler_with_all_results_in_order(aggregation: str) -> None:
    seen_by_end: list[Any] = []

    def sentinel(call: Any, seen: Any) -> Reply:
        if call.sentinel == "close":
            seen_by_end.append(seen.containers["P"]["results"])
            return ok({"sum": 6})
        return items(1, 2, 3)

    played = Run(parallel(aggregation=aggregation), {"P": sentinel, "x": item}, pick=lambda calls: len(calls) - 1)
    played.start().play()
    assert seen_by_end == [[1, 2, 3]]
    assert played.output_of("P") == {"sum": 6}
    assert [call.sentinel for call in played.commands if isinstance(call, RunNode) and call.sentinel] == [
        "open",
        "close",
    ]
    assert len(played.of_type("scope.closing")) == 1


def test_first_is_the_branch_that_succeeds_first_and_none_starts_after_it() -> None:
    script = {
        "P": items("a", "b", "c", "d"),
        "x": lambda call, seen: err() if seen.parallel["item"] == "a" else ok(seen.parallel["item"]),
    }
    plan = parallel(aggregation="first", max_concurrency=2, item_failure="continue")
    played = run(plan, script)
    assert played.output_of("P") == "b"
    assert [name for name in played.started() if name.endswith("/x")] == ["P[0]/x", "P[1]/x", "P[2]/x"]
    (event,) = [event for event in played.of_type("node.completed") if event.instance == "P"]
    assert event.end_reason == "first"


def test_collect_needs_no_lane_while_results_are_small() -> None:
    played = run(parallel(), {"P": items(1, 2), "x": item})
    assert played.output_of("P") == [1, 2]
    assert played.of_type("scope.closing") == []


@pytest.mark.parametrize(
    "result", ["x" * INLINE_LIMIT_BYTES, StoredValue("e.1", 99_999), {"a": to_wire(StoredValue("e.1", 9))}]
)
def test_r16_large_results_are_put_together_by_a_lane(result: Any) -> None:
    whole = StoredValue("e.9", 200_000, 2)
    played = run(parallel(), {"P": answers(items(1, 2), ok(whole)), "x": ok(result)})
    assert played.output_of("P") == whole
    assert played.slices["after"].outputs["P"] == whole


def test_a_reduction_that_throws_fails_the_parallel() -> None:
    played = run(parallel(aggregation="reduce"), {"P": answers(items(1), err("EXPRESSION_ERROR")), "x": item})
    assert (played.ended, played.state.errors[0].code) == ("failed", "EXPRESSION_ERROR")
    assert played.statuses() == {"P": "failed", "after": "skipped"}


def test_r39_end_is_asked_again_when_its_process_died() -> None:
    closings = iter([LOST, ok("done")])
    script = {"P": lambda call, seen: next(closings) if call.sentinel == "close" else items(1), "x": item}
    assert run(parallel(aggregation="reduce"), script).output_of("P") == "done"


def test_r29_an_owner_that_dies_while_end_aggregates() -> None:
    script = {"P": answers(items(1), ok("done")), "x": item}
    played = Run(parallel(aggregation="reduce"), script).start()
    played.finish("P")
    played.finish("P[0]/x")
    late = played.call("P")
    played.crash_and_recover()
    assert played.call("P") == late
    played.play()
    again = st.AttemptSucceeded(ts=1, instance="P", attempt=late.attempt, output="twice")
    assert played.send(again) == []
    assert played.output_of("P") == "done"


def test_cancelling_stops_the_aggregation() -> None:
    played = Run(parallel(aggregation="reduce"), {"P": items(1), "x": item}).start()
    played.finish("P")
    played.finish("P[0]/x")
    played.send(st.CancelRequested(ts=played.now))
    assert (played.ended, played.pending) == ("cancelled", [])


def test_an_empty_parallel_aggregates_nothing() -> None:
    assert run(parallel(aggregation="merge"), {"P": answers(items(), ok({}))}).output_of("P") == {}
    assert run(parallel(aggregation="first"), {"P": items()}).output_of("P") is None


def test_a_collection_for_a_nested_container_may_be_the_item_outside() -> None:
    maker = PlanMaker().loop("O").loop("I", scope="O").node("x", scope="I")
    script = {"O": items([1], [2, 3]), "I": lambda call, seen: items(*seen.loop["item"])}
    played = run(maker.build(), {**script, "x": lambda call, seen: ok(seen.loop["item"])})
    assert played.output_of("O") == [[1], [2, 3]]


def test_r16_ten_thousand_branches_cost_memory_by_what_runs() -> None:
    chunks = [to_wire(StoredValue(f"e.{number}", 100_000, 1_000)) for number in range(10)]
    plan = parallel(max_concurrency=20)
    opening = ok({"total": 10_000, "chunks": chunks})
    played = Run(plan, {"P": answers(opening, ok(None)), "x": ok(1)}, check=False).start()
    most_scopes = largest = 0
    while played.move():
        most_scopes = max(most_scopes, len(played.state.scopes))
        if len(played.events) % 997 == 0:
            largest = max(largest, len(snapshot_to_json(played.state)))
    assert (played.ended, most_scopes) == ("completed", 21)
    assert len(played.output_of("P")) == 10_000
    assert largest < 10_000 * 12 + 50_000  # the results so far, and nothing per branch beside
    last = [event.item for event in played.of_type("scope.started")][-1]
    assert (last.payload_id, last.index) == ("e.9", 999)
