"""Scenarios B14 to B30: what is ready, what joins, what is skipped. On the engine alone, all replies scripted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from flowray.engine import stimuli as st
from flowray.engine.commands import RunNode
from flowray.engine.outputs import progress
from flowray.engine.state import ExecutionState
from flowray.engine.statuses import NodeStatus
from flowray.plan import ExecutionPlan, PlanRetry
from tests.engine.harness import Run, err, items, ok, route, run
from tests.engine.plans import PlanMaker
from tests.scenarios.playing import codes, compile_result


def diamond(**settings: Any) -> ExecutionPlan:
    """A → B, C → D, which reads both."""
    maker = PlanMaker(**settings).node("A").node("B").node("C").output("D", reads=("B", "C"))
    return maker.edge("A -> B", "A -> C", "B -> D", "C -> D").build()


def ready(played: Run) -> list[str]:
    """What was dispatched and has not answered."""
    return [call.instance for call in played.pending]


def test_b14_a_chain_runs_node_by_node() -> None:
    """Linear A → B → C: each completion makes the next one ready, the last ends it."""
    played = Run(PlanMaker().chain("A", "B", "C").build()).start()
    for node_id in "ABC":
        assert ready(played) == [node_id]
        assert played.ended is None
        played.finish(node_id)
    assert (ready(played), played.ended) == ([], "completed")


def test_b15_a_diamond_joins_after_both_sides() -> None:
    """A done → B and C are ready; B done → D still waits; C done → D is ready."""
    played = Run(diamond()).start()
    played.finish("A")
    assert ready(played) == ["B", "C"]
    played.finish("B")
    assert played.root()["D"].status is NodeStatus.PENDING
    played.finish("C")
    assert ready(played) == ["D"]


def test_b16_no_more_run_than_the_limit_allows() -> None:
    """maxConcurrentNodes 1: one is dispatched, and none while it runs."""
    played = Run(PlanMaker(max_concurrent_nodes=1).node("A").node("B").build()).start()
    assert ready(played) == ["A"]
    assert list(played.state.ready) == ["B"]
    played.finish("A")
    assert ready(played) == ["B"]


def test_b17_a_failed_entry_skips_all_that_follows() -> None:
    """A → B → C, A fails: B and C skipped, 100 %, over."""
    played = run(PlanMaker().chain("A", "B", "C").build(), {"A": err(message="no")})
    assert played.statuses() == {"A": "failed", "B": "skipped", "C": "skipped"}
    assert progress(played.index, played.state)["percent"] == 100
    assert played.ended == "failed"


def test_b18_one_live_feeder_is_enough() -> None:
    """A → B (fails) → C → E and A → D → E: C is skipped, E runs after D (R3)."""
    maker = PlanMaker()
    for node_id in "ABCDE":
        maker.node(node_id)
    plan = maker.edge("A -> B", "B -> C", "C -> E", "A -> D", "D -> E").build()
    played = run(plan, {"B": err()})
    assert (played.skipped, played.completed) == ({"C"}, {"A", "D", "E"})


def test_b19_a_join_without_a_live_feeder_is_skipped() -> None:
    """A diamond whose sides both fail: D is skipped."""
    played = run(diamond(), {"B": err(), "C": err()})
    assert played.statuses() == {"A": "completed", "B": "failed", "C": "failed", "D": "skipped"}


def test_b20_a_join_runs_on_what_there_is_and_the_run_still_fails() -> None:
    """B fails: D runs with C's output alone; the result names B; D's output is in the partial outputs."""
    seen: dict[str, Any] = {}

    def join(call: RunNode, context: Any) -> Any:
        seen.update(context.outputs)
        return ok({"d": 1})

    played = run(diamond(), {"B": err(message="B broke"), "C": ok("from C"), "D": join})
    assert played.ended == "failed"
    assert [(error.node_id, error.message) for error in played.state.errors] == [("B", "B broke")]
    assert seen["C"] == "from C"
    assert played.outputs == {"d": 1}


def test_b21_a_retry_is_ready_again_and_skips_nothing() -> None:
    """A failed attempt with tries left: ready again with a clean slate. Nothing was skipped before (R21), so nothing
    has to be un-skipped, which theirs cannot do."""
    plan = PlanMaker().node("A", retry=PlanRetry(max_attempts=2, initial_delay_ms=10)).node("B").edge("A -> B").build()
    played = Run(plan, {"A": [err(retryable=True), ok("fine")]}).start()
    played.finish("A")
    assert (played.root()["A"].status, played.root()["B"].status) == (NodeStatus.WAITING, NodeStatus.PENDING)
    played.fire_next_timer()
    assert ready(played) == ["A"]
    assert played.root()["A"].tries == 2
    played.play()
    assert played.completed == {"A", "B"}


@pytest.mark.parametrize("text", ["bäd 🚫 \"quoted\" 'text'\n", "x" * 10_240, ""])
def test_b22_error_texts_are_kept_verbatim(text: str) -> None:
    """Unicode, quotes, 10 KB, the empty text."""
    played = run(PlanMaker().node("A").build(), {"A": err(message=text)})
    assert played.state.errors[0].message == text
    assert played.of_type("node.failed")[0].error.message == text


def _nested() -> ExecutionPlan:
    maker = PlanMaker().node("Start").branch("Cond1").node("T1").node("F1").branch("Cond2").node("T2").node("F2")
    maker.node("P1").node("P2").node("P3").node("Merge")
    return maker.edge(
        "Start -> Cond1", "Cond1 true-> T1", "Cond1 false-> F1", "T1 -> Cond2", "Cond2 true-> T2", "Cond2 false-> F2",
        "Start -> P1", "P1 -> P2", "P1 -> P3", "T2 -> Merge", "F2 -> Merge", "F1 -> Merge", "P2 -> Merge",
        "P3 -> Merge",
    ).build()  # fmt: skip


def test_b23_nested_branches_and_a_parallel_part_merge_once() -> None:
    """Cond1 true, Cond2 true: F1 and F2 are skipped; Merge runs once, after T2, P2 and P3, in every order."""
    for order in permutations(("T2", "P2", "P3")):
        played = Run(_nested(), {"Cond1": route("true"), "Cond2": route("true")}).start()
        for node_id in ("Start", "Cond1", "T1", "Cond2", "P1"):
            played.finish(node_id)
        for node_id in order[:-1]:
            played.finish(node_id)
            assert played.root()["Merge"].status is NodeStatus.PENDING
        played.finish(order[-1])
        played.play()
        assert played.skipped == {"F1", "F2"}
        assert played.started().count("Merge") == 1
        assert played.ended == "completed"


def test_b24_a_node_is_in_one_state_and_the_counts_add_up() -> None:
    """After every step the statuses of all nodes add up to their number, and the counts are those of the nodes."""
    played = Run(_nested(), {"Cond1": route("true"), "Cond2": route("false"), "P2": err()}).start()
    while played.move():
        shown = progress(played.index, played.state)
        statuses = list(played.statuses().values())
        assert shown["total"] == len(statuses) == 11
        for status in ("completed", "failed", "skipped"):
            assert shown[status] == statuses.count(status)
    assert played.ended == "failed"


def test_b25_a_join_waits_for_the_slowest_of_ten() -> None:
    """Ten branches, the answers coming backwards: the join starts after the last and reads all ten."""
    names = [f"n{number}" for number in range(10)]
    maker = PlanMaker().node("in")
    for name in names:
        maker.node(name)
    maker.node("join", reads=names)
    for name in names:
        maker.edge(f"in -> {name}", f"{name} -> join")
    played = Run(maker.build()).start()
    played.finish("in")
    for name in reversed(names):
        assert "join" not in ready(played)
        played.finish(name)
    assert ready(played) == ["join"]
    assert played.slices["join"].outputs == {name: {"from": name} for name in names}


def test_b26_branches_see_the_input_and_not_each_other() -> None:
    """Each of three branches reads the input node; none reads another branch, whichever came first."""
    nodes = {"in": {"type": "input", "config": {}}, "out": {"type": "step", "config": {"all": "{{a}}{{b}}{{c}}"}}}
    nodes |= {name: {"type": "step", "config": {"x": "{{in.n}}"}} for name in "abc"}
    plan = compile_result(nodes, *(f"in -> {n}" for n in "abc"), *(f"{n} -> out" for n in "abc")).require()
    played = Run(plan, {"in": ok({"n": 1})}).start()
    played.finish("in")
    for name in "abc":
        assert played.slices[name].outputs == {"in": {"n": 1}}
        played.finish(name)
    assert set(played.slices["out"].outputs) == {"a", "b", "c"}


@pytest.mark.parametrize(("limit", "most"), [(1, 1), (2, 2), (5, 5), (99, 5)])
def test_b27_concurrency_is_the_setting(limit: int, most: int) -> None:
    """1: strictly one after another in plan order; 2 of 5: never more than two; 5 and more: all. 0 is refused."""
    maker = PlanMaker(max_concurrent_nodes=limit)
    for name in "abcde":
        maker.node(name)
    played = run(maker.build())
    assert played.most_running == most
    assert played.started() == list("abcde")
    assert codes(compile_result({"a": {"type": "step"}}, settings={"maxConcurrentNodes": 0})) == {
        "INVALID_FIELD": [None]
    }


def test_b28_five_hundred_independent_nodes_finish() -> None:
    """All run, ten at a time."""
    maker = PlanMaker()
    for number in range(500):
        maker.node(f"n{number}")
    played = Run(maker.build(), check=False).start().play()
    assert (len(played.completed), played.most_running, played.ended) == (500, 10, "completed")


@pytest.mark.parametrize("count", [0, 1])
def test_b29_the_smallest_graphs_complete(count: int) -> None:
    """No node, and one."""
    maker = PlanMaker()
    for number in range(count):
        maker.node(f"n{number}")
    played = run(maker.build())
    assert (played.ended, len(played.completed)) == ("completed", count)


def _rounds(state: ExecutionState) -> Sequence[str]:
    return [scope for scope in state.scopes if scope]


def test_b30_a_body_starts_each_round_clean() -> None:
    """Theirs resets a completed node. Ours gives every round a scope of its own, whose nodes have no past (R1)."""
    plan = PlanMaker().loop("L").node("body", scope="L").build()
    played = Run(plan, {"L": items(1, 2)}).start()
    played.finish("L")
    played.finish("L[0]/body")
    assert _rounds(played.state) == ["L[1]"]
    fresh = played.state.scopes["L[1]"].nodes["body"]
    assert (fresh.status, fresh.attempt, fresh.output) == (NodeStatus.RUNNING, 1, None)
    before = played.send(st.AttemptSucceeded(ts=played.now, instance="L[0]/body", attempt=1, output="late"))
    assert [type(event).__name__ for event in before] in ([], ["NodeDiscarded"])
    played.play()
    assert played.ended == "completed"
