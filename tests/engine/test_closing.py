"""What a loop or parallel returns: aggregations, and results that need a lane (R12, R15, R16)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition.policies import ErrorStrategy
from flowray.engine import stimuli as st
from flowray.engine.commands import RunNode
from flowray.engine.snapshot import snapshot_to_json
from flowray.engine.start_points import Selection
from flowray.values import INLINE_LIMIT_BYTES, Chunk, StoredValue, to_wire
from tests.engine.harness import LOST, Reply, Run, err, items, ok, run
from tests.engine.plans import PlanMaker


def parallel(**fields: Any) -> Any:
    """``P`` around ``x``, then ``after``, which reads it."""
    maker = PlanMaker().parallel("P", **fields).node("x", scope="P").node("after", reads=["P"])
    return maker.edge("P -> after").build()


def answers(opening: Reply, closing: Reply) -> Any:
    """A sentinel's two answers."""
    return lambda call, seen: closing if call.sentinel == "close" else opening


def collecting(opening: Reply) -> Any:
    """A sentinel that opens with a reply, and stores each chunk that it is asked for, as ``e.<first entry>``."""
    return lambda call, seen: ok(StoredValue(f"e.{call.round}", 16_000)) if call.sentinel == "collect" else opening


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
    "result", ["x" * INLINE_LIMIT_BYTES, StoredValue("e.1", 9_999), {"a": to_wire(StoredValue("e.1", 9))}]
)
def test_r16_large_results_are_stored_by_a_lane_and_the_output_says_where(result: Any) -> None:
    played = run(parallel(), {"P": collecting(items(1, 2)), "x": ok(result)})
    assert played.output_of("P") == StoredValue("", 16_000, 2, chunks=(Chunk("e.0", 16_000, 2),), tail=())
    assert played.slices["after"].outputs["P"] == played.output_of("P")
    (asked,) = [call for call in played.commands if isinstance(call, RunNode) and call.sentinel == "collect"]
    assert (asked.round, asked.attempt) == (0, -1)
    assert [kind for kind in played.types() if kind in ("scope.closing", "scope.collected")] == [
        "scope.closing", "scope.collected",
    ]  # fmt: skip


def test_r16_results_are_stored_as_they_fill_and_no_longer_kept() -> None:
    """50 results of 30 KB: chunks of at least 128 KiB, written while branches run; the engine holds what is in none."""
    plan = parallel(max_concurrency=2)
    played = Run(plan, {"P": collecting(items(*range(50))), "x": ok("y" * 30_000)}).start()
    most = 0
    while played.move():
        most = max([most, *(len(container.results) for container in played.state.containers.values())])
    output = played.output_of("P")
    assert (output.length, output.rest, played.ended) == (50, (), "completed")
    assert [chunk.end for chunk in output.parts] == [4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 50]
    assert most < 10
    kinds = [kind for kind in played.types() if kind.startswith("scope.c")]
    assert kinds.index("scope.collected") < kinds.index("scope.closing")
    assert played.state.resident_bytes < 40_000


def test_r16_a_small_rest_rides_along_with_the_chunks() -> None:
    sizes = [131_000, 100, 100]
    script = {"P": collecting(items(*sizes)), "x": lambda call, seen: ok("y" * seen.parallel["item"])}
    played = run(parallel(max_concurrency=1), script)
    output = played.output_of("P")
    assert ([chunk.end for chunk in output.parts], output.rest) == ([1], ("y" * 100,) * 2)
    assert (output.length, played.of_type("scope.closing")) == (3, [])


def test_r16_results_that_nobody_reads_are_left_to_the_log() -> None:
    """They are too large to be kept, and nothing that runs needs them: nothing is stored, and nothing held."""
    unread = PlanMaker().parallel("P").node("x", scope="P").node("after").edge("P -> after").build()
    played = Run(unread, {"P": collecting(items(1, 2, 3)), "x": ok(StoredValue("e.1", 90_000))}).start().play()
    assert played.output_of("P") == StoredValue("", 270_003, 3)
    assert played.output_of("P").is_in_log
    assert not any(call.sentinel == "collect" for call in played.commands if isinstance(call, RunNode))
    assert [event.result for event in played.of_type("scope.completed")] == [StoredValue("e.1", 90_000)] * 3
    small = run(unread, {"P": items(1, 2), "x": ok("small")})
    assert small.output_of("P") == ["small", "small"]


@pytest.mark.parametrize("reader", ["node", "end", "retained", "until"])
def test_r16_results_are_read_by_a_node_by_the_end_by_who_retains_them_and_by_a_run_until_them(reader: str) -> None:
    maker = PlanMaker(retain=("P",) if reader == "retained" else ()).parallel("P").node("x", scope="P")
    if reader != "end":
        maker.node("after", reads=["P"] if reader == "node" else []).edge("P -> after")
    plan = maker.build()
    played = Run(plan, {"P": collecting(items(1, 2)), "x": ok("y" * 20_000)})
    selection = Selection(run_until="P") if reader == "until" else None
    played.send(st.Start(ts=played.now, selection=selection))
    assert not played.play().output_of("P").is_in_log


def test_r11_on_error_continue_gives_chunks_and_the_rest_of_the_results_so_far() -> None:
    plan = parallel(max_concurrency=1, on_error=ErrorStrategy.CONTINUE)
    script = {
        "P": collecting(items(*range(9))),
        "x": lambda call, seen: err() if seen.parallel["item"] == 6 else ok("y" * 50_000),
    }
    output = run(plan, script).output_of("P")
    assert [chunk.end for chunk in output.parts] == [2, 4]
    assert [entry if isinstance(entry, dict) else len(entry) for entry in output.rest[:2]] == [50_000, 50_000]
    assert (output.length, output.rest[2]["error"]["code"]) == (7, "NODE_FAILED")


def test_r39_a_chunk_is_asked_for_again_when_its_process_died_and_when_its_owner_did() -> None:
    answered = iter([LOST])
    store = collecting(items(*range(5)))

    def sentinel(call: Any, seen: Any) -> Reply:
        return next(answered, None) or store(call, seen) if call.sentinel == "collect" else store(call, seen)

    played = Run(parallel(max_concurrency=1), {"P": sentinel, "x": ok("y" * 60_000)}).start()
    while not any(call.sentinel == "collect" for call in played.pending):
        assert played.move()
    late = played.call("P")
    played.crash_and_recover()
    assert late in played.pending
    played.play()
    assert [chunk.end for chunk in played.output_of("P").parts] == [2, 4, 5]
    again = st.AttemptSucceeded(ts=1, instance="P", attempt=late.attempt, output=StoredValue("e.late", 1))
    assert played.send(again) == []


@pytest.mark.parametrize("reply", [err("DATABASE_UNAVAILABLE"), LOST, ok("no descriptor")])
def test_results_that_cannot_be_stored_fail_the_container_once_its_branches_have_ended(reply: Reply) -> None:
    def sentinel(call: Any, seen: Any) -> Reply:
        return reply if call.sentinel == "collect" else items(*range(9))

    played = run(parallel(max_concurrency=2), {"P": sentinel, "x": ok("y" * 60_000)})
    assert (played.ended, played.statuses()) == ("failed", {"P": "failed", "after": "skipped"})
    assert played.state.errors[0].code in ("DATABASE_UNAVAILABLE", "NODE_LOST", "INTERNAL")
    assert len(played.started()) < 12, "no further branches"
    assert (played.pending, played.state.containers) == ([], {})


def test_cancelling_stops_a_chunk_that_is_on_its_way() -> None:
    played = Run(parallel(), {"P": items(1, 2), "x": ok("y" * 20_000)}).start()
    for instance in ("P", "P[0]/x", "P[1]/x"):
        played.finish(instance)
    assert [call.sentinel for call in played.pending] == ["collect"]
    played.send(st.CancelRequested(ts=played.now))
    assert (played.ended, played.pending) == ("cancelled", [])


def test_r16_a_body_reads_the_results_so_far_in_chunks_and_a_bounded_rest() -> None:
    """No cost per round that grows with the rounds: 2,000 of them, 1 KB each."""
    maker = PlanMaker().loop("L", "for").node("x", scope="L", config={"v": "{{loop.results[0]}}"})
    seen_by_round: list[Any] = []

    def body(call: Any, seen: Any) -> Reply:
        seen_by_round.append(seen.loop["results"])
        return ok("r" * 1_000)

    played = Run(maker.build(), {"L": collecting(ok({"total": 2_000})), "x": body}, check=False).start().play()
    assert played.ended == "completed"
    assert seen_by_round[:3] == [[], ["r" * 1_000], ["r" * 1_000] * 2]
    assert [seen.length for seen in seen_by_round[100:]] == list(range(100, 2_000))
    rests = [len(seen.rest) for seen in seen_by_round[100:]]
    assert max(rests) < 60
    assert len(played.output_of("L").parts) < 130


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
    chunks = tuple(Chunk(f"e.{number}", 100_000, 1_000 * number + 1_000) for number in range(10))
    plan = parallel(max_concurrency=20)
    opening = ok({"items": to_wire(StoredValue("", 1_000_000, 10_000, chunks=chunks, tail=()))})
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
