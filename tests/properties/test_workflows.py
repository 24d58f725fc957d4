"""Random workflows with every construct in every other: the engine does what the reference evaluator says (R1 to R20).

The generator and the evaluator are those of the simulation; here there is no driver in between, so that all orders,
crashes at every point and every snapshot can be tried.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import msgspec
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as some

from flowray.definition.node_type import Role
from flowray.definition.policies import OnFailure
from flowray.engine import events as ev
from flowray.engine.folding import apply
from flowray.engine.state import ExecutionState, work_done
from flowray.values import StoredValue, as_value
from tests.properties.workflow_runs import WorkflowRun, by_chance, by_name
from tests.simulation.laws import differences
from tests.simulation.reference import Reference
from tests.simulation.workflows import EXPECTED_CODES, Workflow, random_workflow

deep = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
seeds = some.integers(0, 2**48)
orders = some.integers(0, 2**16)


def some_workflow(seed: int) -> Workflow:
    """Of this seed, always the same; some of its nodes work in steps."""
    return random_workflow(random.Random(seed), "e0", stepping=random.Random(f"{seed} steps"))


def workflow_of(seed: int) -> Workflow:
    """A workflow whose outcome does not depend on times."""
    found = some_workflow(seed)
    assume(not found.timed)
    return found


def holds_against_the_reference(played: WorkflowRun) -> None:
    codes = {event.error.code for event in played.of_type("node.failed")}
    handled = (event.handled_error for event in played.of_type("node.completed"))
    codes |= {error.code for error in handled if error is not None}
    assert codes <= EXPECTED_CODES
    rules = Reference(played.workflow).evaluate()
    assert played.ended == rules.status
    if rules.status == "completed" or played.plan.settings.on_failure is OnFailure.RUN_INDEPENDENT:
        assert list(differences(played.workflow, played.state, rules, played.payloads)) == []


def nothing_is_left(played: WorkflowRun) -> None:
    state = played.state
    assert not [*state.running, *state.waiting, *state.containers, *state.ready]
    was_stopped = bool(state.errors) and played.plan.settings.on_failure is not OnFailure.RUN_INDEPENDENT
    assert was_stopped or set(state.scopes) == {""}
    assert not played.pending


# -- what runs, and how it ends ------------------------------------------------------------------------------------


@deep
@given(seed=seeds, order=orders)
def test_a_node_runs_exactly_when_the_reference_says_so(seed: int, order: int) -> None:
    """R1 to R6, R8, R11, R12, R17, R20, L4. After every step the log folds to the state, and so does its snapshot."""
    played = WorkflowRun(workflow_of(seed), by_chance(order)).start().play_on()
    holds_against_the_reference(played)
    nothing_is_left(played)


@deep
@given(seed=seeds, order=orders)
def test_no_instance_runs_twice_and_none_ends_twice(seed: int, order: int) -> None:
    played = WorkflowRun(some_workflow(seed), by_chance(order), check=False).start().play_on()
    ends = Counter(
        event.instance for event in played.of_type("node.completed", "node.failed", "node.skipped", "node.cancelled")
    )
    assert set(ends.values()) <= {1}
    starts = Counter((event.instance, event.attempt) for event in played.of_type("node.started"))
    assert set(starts.values()) <= {1}
    failures = Counter(event.instance for event in played.of_type("node.retrying") if not event.lost)
    tries: dict[str, set[int]] = {}
    for event in played.of_type("node.started"):
        tries.setdefault(event.instance, set()).add(event.tries)
    assert all(numbers == set(range(1, failures[name] + 2)) or len(numbers) <= failures[name] + 1
               for name, numbers in tries.items())  # fmt: skip
    assert played.most_running <= played.plan.settings.max_concurrent_nodes


@deep
@given(seed=seeds, order=orders)
def test_every_edge_of_every_scope_ends_live_or_dead(seed: int, order: int) -> None:
    """R1, R9: void only where something ended the execution, or its container, before its time."""
    played = WorkflowRun(some_workflow(seed), by_chance(order), check=False).start().play_on()
    state = ExecutionState()
    for commit in played.log:
        for event in ev.decode_events(commit):
            if isinstance(event, ev.ScopeCompleted) and not (state.stopping or state.finishing):
                scope = state.scopes[event.scope]
                assert set(scope.edges) == {edge.id for edge in played.plan.scopes[scope.plan_scope].edges}
                assert None not in scope.edges.values()
            apply(played.index, state, event)
        work_done(state)
    root = state.scopes[""]
    assert set(root.edges) == {edge.id for edge in played.plan.scopes[""].edges}
    if played.ended == "completed" and not state.finishing:
        assert None not in root.edges.values()


# -- crashes and snapshots -----------------------------------------------------------------------------------------


@deep
@given(seed=seeds, order=orders, crashes=some.lists(some.integers(0, 25), min_size=1, max_size=4))
def test_r29_an_owner_may_die_anywhere(seed: int, order: int, crashes: list[int]) -> None:
    played = WorkflowRun(workflow_of(seed), by_chance(order)).start()
    for moves in crashes:
        for _ in range(moves):
            played.move()
        if played.ended is None:
            over = {event.instance for event in played.of_type("node.completed", "node.failed", "node.skipped")}
            position = len(played.events)
            played.crash_and_recover()
            assert not {getattr(event, "instance", None) for event in played.events[position:]} & over
    played.play_on()
    holds_against_the_reference(played)
    nothing_is_left(played)


@deep
@given(seed=seeds, order=orders)
def test_restoring_the_snapshot_at_every_point_changes_nothing(seed: int, order: int) -> None:
    workflow = some_workflow(seed)
    plain = WorkflowRun(workflow, by_chance(order), check=False).start().play_on()
    restored = WorkflowRun(workflow, by_chance(order), check=False, restores=True).start().play_on()
    assert restored.log == plain.log


@deep
@given(seed=seeds, order=orders)
def test_the_same_seed_gives_the_same_log(seed: int, order: int) -> None:
    first, second = (
        WorkflowRun(some_workflow(seed), by_chance(order), check=False).start().play_on() for _ in range(2)
    )
    assert first.log == second.log


# -- the context ---------------------------------------------------------------------------------------------------


@deep
@given(seed=seeds, order=orders)
def test_r7_nothing_that_is_still_read_is_pruned(seed: int, order: int) -> None:
    """All outputs are large, and the context holds nothing. What is read is right too: outputs depend on it."""
    workflow = spilling(workflow_of(seed))
    played = WorkflowRun(workflow, by_chance(order), check=False).start().play_on()
    assert played.read_after_pruning == set()
    assert not any(task_.pruned for task_ in played.slices.values())
    holds_against_the_reference(played)


def spilling(workflow: Workflow, **changes: Any) -> Workflow:
    """The same workflow with large values, under another context limit."""
    for behaviour in workflow.behaviours.values():
        behaviour.large = True
    kept = {"max_total_bytes": 0, "policy": "byReaders", "keep_last": None} | changes
    limits = msgspec.structs.replace(workflow.plan.settings, **kept)
    workflow.plan = msgspec.structs.replace(workflow.plan, settings=limits)
    for callee in workflow.callees.values():
        spilling(callee, **changes)
    return workflow


_STORING = ("scope.closing", "scope.collected", "execution.waiting", "execution.resumed", "execution.paused")
"""What there is more of where values are stored."""


def told(played: WorkflowRun) -> dict[str, list[Any]]:
    """What a log says of each instance, whatever was stored and whenever. END is asked only for results not at hand."""
    said: dict[str, list[Any]] = {}
    results: dict[str, dict[int, Any]] = {}
    for event in (event for commit in played.log for event in json.loads(commit)):
        if event["type"] in _STORING:
            continue
        if event["type"] == "scope.completed":
            results.setdefault(event["instance"], {})[event["index"]] = event.get("result")
        elif "output" in event:
            event["output"] = _put_together(event["output"], results.get(event["instance"], {}))
        for name in ("ts", "started_at", "due_at"):
            event.pop(name, None)
        said.setdefault(event.get("instance", ""), []).append(without_nonces(played.payloads.whole(event)))
    return said


def _put_together(output: Any, results: dict[int, Any]) -> Any:
    """The output of a container that nobody reads, so that nobody has put its results together (R16)."""
    if isinstance(output, dict) and output.keys() == {"results"}:
        return {"results": _put_together(output["results"], results)}
    value = as_value(output)
    if not isinstance(value, StoredValue) or not value.is_in_log:
        return output
    return [results.get(index) for index in range(value.length)]


def without_nonces(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nonces(part) for name, part in value.items() if name not in ("n", "r")}
    return [without_nonces(part) for part in value] if isinstance(value, list) else value


@deep
@given(seed=seeds, policy=some.sampled_from(["byReaders", "keepLast(0)"]))
def test_l5_a_context_that_holds_nothing_gives_the_same_log(seed: int, policy: str) -> None:
    """L5: everything is spilled at once, and pruned or forgotten at once; the log is that of an unlimited context."""
    keep_last = 0 if policy == "keepLast(0)" else None
    nothing = spilling(some_workflow(seed), policy=policy, keep_last=keep_last)
    unlimited = spilling(some_workflow(seed), max_total_bytes=10**9, policy="keepAll")
    limited = WorkflowRun(nothing, by_name, check=False).start().play_on()
    free = WorkflowRun(unlimited, by_name, check=False).start().play_on()
    assert told(limited) == told(free)
    assert not any(b'"$flowray"' in commit for commit in free.log)


def test_the_generator_nests_everything_in_everything() -> None:
    """What is drawn is what the properties claim: containers in containers, three deep, with all else inside."""
    seen: Counter[str] = Counter()
    for seed in range(400):
        workflow = some_workflow(seed)
        plan = workflow.plan
        for node in plan.nodes.values():
            around, scope = [], node.scope
            while scope:
                around.append("P" if plan.nodes[scope].role is Role.PARALLEL else "L")
                scope = plan.nodes[scope].scope
            inside = "".join(reversed(around))
            seen[inside] += 1
            if inside:
                seen.update(f"{kind} inside" for kind in workflow.behaviours[node.id].kinds)
                seen[f"{node.on_error.value} inside"] += 1
                seen[f"join {node.join.value} inside"] += 1
        seen.update("exit edge" for scope in plan.scopes.values() for edge in scope.edges if edge.kind == "exit")
        seen.update(container.aggregation for container in plan.containers.values())
        seen.update(container.mode for container in plan.containers.values())
    wanted = {"LPL", "PLP", "LLL", "PPP", "call inside", "ask inside", "wait inside", "flaky inside", "fail inside",
              "x inside", "xy inside", "none inside", "break inside", "continue inside", "terminal inside",
              "port inside", "goto inside", "fallback inside", "join all inside", "exit edge",
              "merge", "reduce", "first", "implicit", "while", "doWhile", "forEach", "collection", "count"}  # fmt: skip
    assert not [what for what in sorted(wanted) if seen[what] < 3]
