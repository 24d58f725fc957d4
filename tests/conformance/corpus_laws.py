"""What must hold of every run of a real workflow, told from its log alone. No law here asks the engine's own tables
which edges live: what should have run is worked out anew from what ended with which handles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from flowray.definition.policies import JoinRule
from flowray.engine.events import event_type
from flowray.engine.instances import instance_id, parent_of_scope, split_instance
from flowray.engine.plan_index import ERROR_HANDLE, GOTO_HANDLE, PlanIndex, edge_lives
from flowray.engine.replay import replay
from flowray.engine.snapshot import snapshot_to_json
from flowray.plan import ROOT, PlanEdge
from tests.conformance.corpus_player import Played, Script, play

TERMINAL = ("completed", "failed")


def violations(played: Played) -> list[str]:
    """What is wrong with a run; empty if nothing is."""
    found = [*_end(played), *_lost_outputs(played), *_execution_outputs(played), *_misrun(played), *_results(played)]
    run = played.run
    if snapshot_to_json(replay(run.index, run.log)) != snapshot_to_json(run.state):
        found.append("L1: the log replays to another state")
    return found + _order(played)


def merges(index: PlanIndex) -> set[str]:
    """Nodes at which several edges join."""
    feeders = Counter(edge.target for scope in index.plan.scopes.values() for edge in _enabling(scope.edges))
    return {node_id for node_id, count in feeders.items() if count > 1}


def _enabling(edges: tuple[PlanEdge, ...]) -> Iterator[PlanEdge]:
    return (edge for edge in edges if edge.kind != "ordering")


def _end(played: Played) -> Iterator[str]:
    run = played.run
    if run.ended not in TERMINAL:
        yield f"it ended as {run.ended}"
    if run.types()[-1] != f"execution.{run.ended}":
        yield f"the last event is {run.types()[-1]}"
    if set(run.state.scopes) != {ROOT} or run.pending or run.timers:
        yield "something is left open"
    edges, settled = run.plan.scopes[ROOT].edges, run.state.scopes[ROOT].edges
    if {edge.id for edge in edges} != set(settled):
        yield "R1: an edge is neither live nor dead"
    if any(status != "paused" for status in played.rested):
        yield f"R20: waiting for persons only, it was {played.rested}"


def _lost_outputs(played: Played) -> Iterator[str]:
    """Each output that a node was made to succeed with is in the log once, under its instance."""
    completed: dict[str, list[Any]] = {}
    for event in played.run.of_type("node.completed"):
        if not played.run.index.nodes[event.node_id].is_container:
            completed.setdefault(event.instance, []).append(event.output)
    if completed != {instance: [output] for instance, output in played.replies.items()}:
        yield "an output is not in the log exactly once"


def _execution_outputs(played: Played) -> Iterator[str]:
    """R8: completed output nodes merged in plan order; with none, what the dialect says."""
    run = played.run
    declared = [node_id for node_id in run.plan.output_nodes if node_id in run.completed]
    expected = _merged(played, declared) if declared else _default_outputs(played)
    if run.outputs != expected:
        yield f"R8: the outputs are {run.outputs!r} instead of {expected!r}"


def _default_outputs(played: Played) -> Any:
    run = played.run
    completed = [node_id for node_id in run.plan.scopes[ROOT].nodes if node_id in run.completed]
    if run.plan.dialect.outputs_default == "variables":
        last = [node_id for node_id in completed if not run.index.nodes[node_id].outgoing]
        return dict(run.state.variables) or _merged(played, last)
    lived = run.state.scopes[ROOT].edges
    ends = [node_id for node_id in completed if not any(lived[edge.id] for edge in run.index.nodes[node_id].outgoing)]
    outputs = {node_id: run.output_of(node_id) for node_id in ends}
    bare = len(outputs) == 1 and run.plan.dialect.outputs_default == "bare_terminal"
    return outputs[ends[0]] if bare else outputs


def _merged(played: Played, node_ids: list[str]) -> dict[str, Any]:
    outputs: dict[str, Any] = {}
    for node_id in node_ids:
        output = played.run.output_of(node_id)
        outputs.update(output if isinstance(output, dict) else {node_id: output})
    return outputs


def _misrun(played: Played) -> Iterator[str]:
    """R1, R3, R4: in every scope a node runs if and only if it starts there or an edge into it lives."""
    run, index = played.run, played.run.index
    started = set(run.started())
    ended = {event.instance: event for event in run.of_type("node.completed", "node.failed")}
    scopes = [ROOT, *(event.scope for event in run.of_type("scope.started"))]
    for scope in scopes:
        plan = run.plan.scopes[_plan_scope(scope)]
        live = {edge.id for edge in plan.edges if _lives(edge, scope, ended, scopes)}
        for node_id in plan.nodes:
            feeders = [edge.id in live for edge in _enabling(plan.edges) if edge.target == node_id]
            feeders += [True] if index.nodes[node_id].is_start else []
            wanted = all(feeders) if index.nodes[node_id].node.join is JoinRule.ALL else any(feeders)
            instance = instance_id(scope, node_id)
            if wanted is not (instance in started):
                yield f"R3: {instance} {'did not run' if wanted else 'ran'}, against its edges"


def _plan_scope(scope: str) -> str:
    return split_instance(parent_of_scope(scope)[0])[1] if scope else ROOT


def _lives(edge: PlanEdge, scope: str, ended: dict[str, Any], scopes: list[str]) -> bool:
    source = ended.get(instance_id(scope, edge.source))
    if edge.origin is None or source is None or event_type(source) == "node.failed":
        return source is not None and edge_lives(edge, _handles(source))
    rounds = [inner for inner in scopes if inner and parent_of_scope(inner)[0] == source.instance]
    origins = [ended.get(instance_id(inner, edge.origin)) for inner in rounds]
    return any(origin is not None and edge_lives(edge, _handles(origin)) for origin in origins)


def _handles(event: Any) -> tuple[str, ...] | None:
    if event_type(event) == "node.completed":
        handles: tuple[str, ...] | None = event.handles
        return handles
    return (ERROR_HANDLE, GOTO_HANDLE) if event.routed else ()


def _results(played: Played) -> Iterator[str]:
    """R12: a container's output has an entry for each scope that it started."""
    rounds = Counter(event.instance for event in played.run.of_type("scope.started"))
    for event in played.run.of_type("node.completed"):
        if not played.run.index.nodes[event.node_id].is_container:
            continue
        results = event.output["results"] if isinstance(event.output, dict) else event.output
        if len(results) != rounds[event.instance]:
            yield f"R12: {event.instance} has {len(results)} results of {rounds[event.instance]} rounds"


def _order(played: Played) -> list[str]:
    """L4, R29: another order of completion, and a crash half-way, change neither what ran nor what came out."""
    script = Script(played.run.index, choices=dict(played.script.choices))
    other = play(script, last_first=True, crash_after=len(played.run.log) // 2)
    if _outcome(other) != _outcome(played):
        return ["L4: another order and a crash end otherwise"]
    return []


def _outcome(played: Played) -> tuple[Any, ...]:
    run = played.run
    return run.ended, run.outputs, played.replies, run.statuses(), len(run.state.errors)
