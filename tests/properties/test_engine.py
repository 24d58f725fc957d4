"""Random plans, results, orders and crashes: the engine does what a slow reading of the rules says (R1, R3, L4)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from flowray.definition.policies import OnFailure
from flowray.engine import stimuli as st
from flowray.engine.events import event_type
from flowray.engine.signals import VariableOperation
from tests.engine.harness import Run, err, items, ok, route, sleeps
from tests.engine.plans import PlanMaker
from tests.properties.plans import KINDS, Case, cases

deep = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def play(case: Case, seed: int) -> Run:
    """Run a case; ``seed`` decides which call answers next, and which timers overtake."""
    chance = random.Random(seed)
    played = Run(case.maker().build(), case.script(), pick=lambda pending: chance.randrange(len(pending)))
    return played.start()


def answer_people(played: Run) -> None:
    """Let a person answer whatever waits for one."""
    while played.ended is None:
        played.play()
        asked = [name for name, due_at in played.state.waiting.items() if due_at < 0]
        if not asked:
            return
        played.send(st.WaitAnswered(ts=played.now, instance=asked[0], data="yes"))


@deep
@given(case=cases(kinds=(*KINDS, "ask")), seed=some.integers(0, 2**32))
def test_r1_r3_exactly_what_the_rules_say_runs(case: Case, seed: int) -> None:
    played = play(case, seed)
    answer_people(played)
    expected = case.expected()
    assert played.statuses() == expected
    assert played.ended == ("failed" if played.state.errors else "completed")
    assert bool(played.state.errors) == any(
        status == "failed" and case.live_handles(int(node[1:])) == () for node, status in expected.items()
    )
    root = played.state.scopes[""]
    assert len(root.edges) == len(played.plan.scopes[""].edges), "every edge is settled"
    assert None not in root.edges.values(), "an edge is void only where something ended the execution early (R9)"
    assert root.open == 0
    assert not played.state.running
    assert not played.state.waiting
    assert played.most_running <= case.width
    ends = Counter(e.instance for e in played.of_type("node.completed", "node.failed", "node.skipped"))
    assert set(ends.values()) == {1}


@deep
@given(case=cases(), seed=some.integers(0, 2**32), data=some.data())
def test_r29_recovery_at_random_points_gives_the_same_end(case: Case, seed: int, data: some.DataObject) -> None:
    played = play(case, seed)
    # With up to two losses of its own, no node reaches MAX_LOSSES.
    crashes = data.draw(some.lists(some.integers(0, 8), max_size=2))
    for moves in crashes:
        for _ in range(moves):
            played.move()
        if played.ended is None:
            over = {event.instance for event in played.of_type("node.completed", "node.failed", "node.skipped")}
            position = len(played.events)
            played.crash_and_recover()
            fresh = played.events[position:]
            assert not {getattr(event, "instance", None) for event in fresh} & over
    played.play()
    assert played.statuses() == case.expected()


@deep
@given(case=cases(), seed=some.integers(0, 2**32), policy=some.sampled_from(list(OnFailure)))
def test_every_policy_terminates_and_closes_everything(case: Case, seed: int, policy: OnFailure) -> None:
    case.on_failure = policy
    played = play(case, seed).play()
    assert played.ended in ("completed", "failed")
    allowed = {"completed", "failed", "skipped", "cancelled"}
    assert {node.status.value for node in played.root().values()} <= allowed
    if not played.state.errors:
        assert played.statuses() == case.expected()


@deep
@given(case=cases(kinds=(*KINDS, "finish")), seed=some.integers(0, 2**32), crash_at=some.integers(0, 8))
def test_r9_after_a_finish_nothing_new_starts_and_the_first_by_seq_decides(
    case: Case, seed: int, crash_at: int
) -> None:
    played = play(case, seed)
    for _ in range(crash_at):
        played.move()
    if played.ended is None:
        played.crash_and_recover()
    answer_people(played)
    first = next((n for n, e in enumerate(played.events) if getattr(e, "finish", False)), None)
    edges = played.state.scopes[""].edges
    assert len(edges) == len(played.plan.scopes[""].edges)
    if first is None:
        assert played.statuses() == case.expected()
        assert None not in edges.values()
        return
    before, after = played.events[: first + 1], played.events[first + 1 :]
    known = {event.instance for event in before if event_type(event) == "node.started"}
    assert {event.instance for event in after if event_type(event) == "node.started"} <= known
    assert played.outputs == before[-1].output
    assert played.ended == ("failed" if played.state.errors else "completed")
    assert {e.source for e in played.plan.scopes[""].edges if edges[e.id]} <= {
        e.instance for e in before if event_type(e) in ("node.completed", "node.failed")
    }
    assert not played.state.running
    assert not played.state.waiting


@deep
@given(case=cases(), seed=some.integers(0, 2**32), moves=some.integers(0, 20))
def test_r35_cancel_at_any_point_ends_cancelled(case: Case, seed: int, moves: int) -> None:
    played = play(case, seed)
    for _ in range(moves):
        played.move()
    if played.ended is None:
        played.send(st.CancelRequested(ts=played.now))
        assert played.ended == "cancelled"
    assert not played.pending
    assert not played.state.running


@deep
@given(case=cases(), seed=some.integers(0, 2**32), data=some.data())
def test_results_that_come_twice_or_late_change_nothing(case: Case, seed: int, data: some.DataObject) -> None:
    played = play(case, seed)
    calls = list(played.pending)
    while played.move():
        calls += [call for call in played.pending if call not in calls]
        call = data.draw(some.sampled_from(calls))
        if call not in played.pending and played.ended is None:
            before = played.statuses()
            events = played.send(st.AttemptSucceeded(ts=played.now, instance=call.instance, attempt=call.attempt))
            assert {type(event).__name__ for event in events} <= {"NodeDiscarded"}
            assert played.statuses() == before
    assert played.statuses() == case.expected()


# -- containers ----------------------------------------------------------------------------------------------------


@deep
@given(
    sizes=some.tuples(some.integers(0, 3), some.integers(0, 3)),
    width=some.integers(0, 3),
    slots=some.integers(1, 4),
    seed=some.integers(0, 2**32),
    failing=some.sets(some.tuples(some.integers(0, 2), some.integers(0, 2)), max_size=2),
    crashes=some.lists(some.integers(0, 12), max_size=3),
)
def test_nested_containers_in_any_order_with_crashes(
    sizes: tuple[int, int],
    width: int,
    slots: int,
    seed: int,
    failing: set[tuple[int, int]],
    crashes: list[int],
) -> None:
    maker = (
        PlanMaker(max_concurrent_nodes=slots)
        .loop("L")
        .parallel("P", scope="L", max_concurrency=width, item_failure="collect")
    )
    maker.node("x", scope="P").node("y", scope="P").edge("x -> y").node("after").edge("L -> after")

    def reply(call: Any, seen: Any) -> Any:
        place = (seen.loop["index"], seen.parallel["index"])
        return err("BAD") if place in failing else ok(list(place))

    chance = random.Random(seed)
    script = {"L": items(*range(sizes[0])), "P": items(*range(sizes[1])), "y": reply}
    played = Run(maker.build(), script, pick=lambda pending: chance.randrange(len(pending))).start()
    for moves in crashes:
        for _ in range(moves):
            played.move()
        if played.ended is None:
            played.crash_and_recover()
    played.play()
    bad = {"error": {"message": "boom", "code": "BAD", "node_id": "y"}}
    assert played.ended == "completed"
    assert played.output_of("L") == [
        [bad if (i, j) in failing else [i, j] for j in range(sizes[1])] for i in range(sizes[0])
    ]
    assert played.most_running <= slots
    assert set(played.state.scopes) == {""}
    assert not played.state.containers


# -- every order ---------------------------------------------------------------------------------------------------


def orders(case: Any, script: dict[str, Any]) -> Iterator[Run]:
    """Play a plan in every order in which its calls can answer."""
    stack: list[list[int]] = [[]]
    while stack:
        choices = stack.pop()
        wanted = iter(choices)
        taken: list[int] = []
        widths: list[int] = []

        def pick(
            pending: Sequence[Any],
            wanted: Iterator[int] = wanted,
            taken: list[int] = taken,
            widths: list[int] = widths,
        ) -> int:
            taken.append(next(wanted, 0))
            widths.append(len(pending))
            return taken[-1]

        yield Run(case, script, pick=pick).start().play()
        for place in range(len(choices), len(taken)):
            stack += [[*taken[:place], other] for other in range(1, widths[place])]


def six_wide() -> tuple[PlanMaker, dict[str, Any]]:
    """Six concurrent nodes into a join and a late reader."""
    maker = PlanMaker()
    for number in range(6):
        maker.node(f"n{number}")
    maker.node("j", reads=[f"n{number}" for number in range(6)])
    for number in range(6):
        maker.edge(f"n{number} -> j")
    return maker, {"j": lambda call, seen: ok(sorted(seen.outputs)), "n3": err()}


def branches_and_joins() -> tuple[PlanMaker, dict[str, Any]]:
    """Two branches whose ways cross in one merge, with an error edge and a terminal of its own."""
    maker = PlanMaker().branch("c").branch("d").node("a").node("b").node("f").node("h").node("m").node("t")
    maker.edge("c x-> a", "c y-> m", "d x-> b", "d y-> m", "a -> m", "b -> m", "f error-> h", "h -> m", "f -> t")
    return maker, {"c": route("x"), "d": route("y"), "f": err()}


def parallel_of_three() -> tuple[PlanMaker, dict[str, Any]]:
    """Three branches of two nodes, then a reader."""
    maker = PlanMaker().parallel("P").node("x", scope="P").node("y", scope="P", reads=["x"]).edge("x -> y")
    maker.node("r", reads=["P", "y"]).edge("P -> r")
    script = {
        "P": items("a", "b", "c"),
        "x": lambda call, seen: ok(seen.parallel["item"]),
        "y": lambda call, seen: ok(seen.outputs["x"] * 2),
        "r": lambda call, seen: ok([seen.outputs["P"], seen.outputs["y"]]),
    }
    return maker, script


def waits_and_variables() -> tuple[PlanMaker, dict[str, Any]]:
    """Counters that all add up, beside nodes that wait."""
    maker = PlanMaker()
    step = ok(variables=(VariableOperation("increment", "n", 1),))
    for name in "abcd":
        maker.node(name)
    maker.node("w").node("r").edge("a -> r", "b -> r", "c -> r", "d -> r", "w -> r")
    script: dict[str, Any] = dict.fromkeys("abcd", step)
    return maker, {**script, "w": sleeps(2_000_000), "r": lambda call, seen: ok(seen.variables["n"])}


@pytest.mark.parametrize("make", [six_wide, branches_and_joins, parallel_of_three, waits_and_variables])
def test_l4_every_order_of_completion_gives_the_same_end(make: Any) -> None:
    maker, script = make()
    plan = maker.build()
    ends = set()
    count = 0
    for played in orders(plan, script):
        count += 1
        played_end = (played.ended, str(sorted(played.statuses().items())), str(played.outputs))
        ends.add((*played_end, str(sorted(played.state.variables.items()))))
        if count == 1:
            # The fold is checked after every step of the first order; the others would only take longer.
            played.check = False
    assert len(ends) == 1
    assert count >= 24
