"""Runs from, until and of the failed part of random plans: the right nodes run, and it ends as a whole run would."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as some

from flowray.engine import stimuli as st
from flowray.engine.outcomes import read_run
from flowray.engine.start_planning import StartRequest, plan_start
from flowray.plan import ROOT, ExecutionPlan
from tests.engine.harness import START_MS, Run, ok
from tests.properties.plans import Case, cases
from tests.properties.test_nesting import Nest, nests, stops_early

deep = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def reach(plan: ExecutionPlan, node_id: str, *, back: bool = False) -> set[str]:
    """A root node and all that follow it, or all that lead to it: by recursion over the edges, as slow as it is."""
    found = {node_id}
    for edge in plan.scopes[ROOT].edges:
        here, there = (edge.target, edge.source) if back else (edge.source, edge.target)
        if here == node_id:
            found |= reach(plan, there, back=back)
    return found


def again(source: Run, request: StartRequest, script: Any, seed: int = 0, crash_at: int | None = None) -> Run:
    """The execution that a request makes of an ended one, played to its end."""
    chance = random.Random(seed)
    past = read_run(source.index, source.log)
    played = Run(source.plan, script, pick=lambda pending: chance.randrange(len(pending)))
    selection = plan_start(played.index, request, past, "e0")
    played.send(st.Start(ts=START_MS, selection=selection))
    if crash_at is not None:
        for _ in range(crash_at):
            played.move()
        if played.ended is None:
            played.crash_and_recover()
    return played.play()


def whole(case: Case) -> Run:
    return Run(case.maker().build(), case.script()).start().play()


def plain(outputs: Any) -> Any:
    """Without the attempt that an error names: losses and crashes raise it."""
    if isinstance(outputs, dict):
        return {key: plain(value) for key, value in outputs.items() if key != "attempt"}
    return outputs


def ran(played: Run) -> set[str]:
    """Root nodes of which an attempt began."""
    return {event.node_id for event in played.of_type("node.started") if "/" not in event.instance}


def executable(played: Run, nodes: Iterable[str]) -> set[str]:
    return {node_id for node_id in nodes if node_id in ran(played)}


@deep
@given(case=cases(), seed=some.integers(0, 2**32), data=some.data(), crash_at=some.none() | some.integers(0, 5))
def test_a_rerun_from_any_node_runs_what_follows_it_and_ends_alike(
    case: Case, seed: int, data: some.DataObject, crash_at: int | None
) -> None:
    source = whole(case)
    assume(source.ended == "completed")
    node_id = data.draw(some.sampled_from(sorted(ran(source))))
    # Past what was lost in the first run: here only what is asked for may be dispatched.
    case.losses = []
    played = again(source, StartRequest(from_node=node_id), case.script(), seed, crash_at)
    assert ran(played) == executable(source, reach(source.plan, node_id))
    assert played.statuses() == source.statuses() == case.expected()
    assert (played.ended, plain(played.outputs)) == (source.ended, plain(source.outputs))


@deep
@given(case=cases(), seed=some.integers(0, 2**32), data=some.data())
def test_a_run_until_any_node_runs_what_leads_to_it(case: Case, seed: int, data: some.DataObject) -> None:
    source = whole(case)
    assume(source.ended == "completed")
    node_id = data.draw(some.sampled_from(sorted(source.plan.nodes)))
    chance = random.Random(seed)
    played = Run(source.plan, case.script(), pick=lambda pending: chance.randrange(len(pending)))
    played.send(st.Start(ts=START_MS, selection=plan_start(played.index, StartRequest(until_node=node_id), None, None)))
    played.play()
    wanted = reach(source.plan, node_id, back=True)
    assert ran(played) == executable(source, wanted)
    assert played.ended == "completed"
    assert {name: played.statuses()[name] for name in wanted} == {name: source.statuses()[name] for name in wanted}
    if source.statuses()[node_id] == "completed":
        assert plain(played.outputs) == {node_id: plain(source.output_of(node_id))}
    edges = played.state.scopes[""].edges
    followed = {edge.id for edge in played.plan.scopes[ROOT].edges if edge.source == node_id}
    assert len(edges) == len(played.plan.scopes[ROOT].edges), "every edge is live, dead or void (R9)"
    assert not any(edges[edge_id] for edge_id in followed)


@deep
@given(case=cases(), seed=some.integers(0, 2**32))
def test_running_the_failed_part_again_ends_as_if_nothing_had_failed(case: Case, seed: int) -> None:
    source = whole(case)
    assume(source.ended == "failed")
    unhandled = {error.node_id for error in source.state.errors}
    bad = [reply.error is not None and case.live_handles(number) == () for number, reply in enumerate(case.replies)]
    mended = [ok(number) if bad[number] else reply for number, reply in enumerate(case.replies)]
    second = replace(case, replies=mended, losses=[])
    played = again(source, StartRequest(failed_only=True), second.script(), seed)
    assert played.ended == "completed"
    assert played.statuses() == second.expected()
    assert plain(played.outputs) == plain(whole(second).outputs)
    assert not ran(played) & {
        name for name in source.completed if not any(name in reach(source.plan, failed) for failed in unhandled)
    }


@settings(max_examples=80, deadline=None)
@given(nest=nests(), data=some.data())
def test_containers_and_variables_are_taken_over_whole(nest: Nest, data: some.DataObject) -> None:
    plan, script = nest.plan(), nest.script()
    source = Run(plan, script).start().play()
    assume(source.ended == "completed" and not stops_early(nest))
    node_id = data.draw(some.sampled_from(sorted(ran(source))))
    played = again(source, StartRequest(from_node=node_id), script)
    assert ran(played) == executable(source, reach(plan, node_id))
    assert played.statuses() == source.statuses()
    assert played.state.variables["n"] == source.state.variables["n"]
    assert sorted(played.state.variables["log"]) == sorted(source.state.variables["log"])
    assert played.outputs == source.outputs
    # And what has been run again can be run again.
    third = again(played, StartRequest(from_node=node_id), script)
    assert (third.outputs, third.statuses()) == (source.outputs, source.statuses())
    assert sorted(third.state.variables["log"]) == sorted(source.state.variables["log"])
