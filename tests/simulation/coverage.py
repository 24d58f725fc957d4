"""Which constructs and coincidences a simulation has reached, by its logs. What is never reached is not tested."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from flowray.definition.node_type import Role
from flowray.definition.policies import ErrorStrategy
from flowray.engine.plan_index import IMPLICIT, PlanIndex

if TYPE_CHECKING:
    from tests.simulation.runs import Run
    from tests.simulation.world import World

CONSTRUCTS = frozenset({
    "attempt adopted", "attempt carried out at once",
    "merge", "reduce", "first", "END asked", "END asked again after a crash", "END failed",
    "whole bodies as results", "error handler entered", "error handler across a crash", "error edge", "goto",
    "fallback", "continue", "deadline passed", "deadline kept across a crash", "execution time-out",
    "node time-out", "stored output", "stored collection", "stored values pruned", "keepLast",
    "implicit loop repeated", "variables in a branch", "variables set by several branches", "wait across a crash",
    "back-off across a crash", "child across a crash", "person across a crash", "answer", "outcome taken over",
    "rerun across a crash", "nobody answered", "held", "loop left by exit", "loop left by break",
    "loop left by max_iterations", "finish", "late result discarded", "child completed", "child failed",
    "child cancelled with its caller", "child refused", "child of a child", "child called again by a retry",
    "call timed out", "child inside a container", "step", "step across a crash", "step tried again",
    "answered between steps", "called between steps", "failure told to a step", "stored journal",
})  # fmt: skip
"""Everything that some seed of a few hundred must reach."""


def reached(world: World) -> set[str]:
    """What of CONSTRUCTS one simulation came to."""
    found = {"stored values pruned"} if world.lanes.pruned else set()
    found |= {"attempt adopted"} if world.lanes.adopted else set()
    found |= {"attempt carried out at once"} if world.lanes.computed else set()
    for run in world.all_runs():
        events = [event for batch in world.ledger.batches(run.id) for event in msgspec.json.decode(batch.events)]
        found.update(_in_log(run, events, world.row(run.id).deadline_at is not None))
        found.update(_of_child(world, run))
    return found


def _in_log(run: Run, events: list[dict[str, Any]], has_deadline: bool) -> Iterator[str]:
    index = PlanIndex(run.workflow.plan)
    waiting: dict[str, str] = {}
    closing: set[str] = set()
    stepping: set[str] = set()
    handling = recovered = False
    if run.workflow.plan.settings.keep_last is not None:
        yield "keepLast"
    for event in events:
        kind, instance = event["type"], event.get("instance", "")
        if kind == "execution.recovered":
            recovered = True
            yield from (f"{what} across a crash" for what in waiting.values())
            across = {
                "END asked again after a crash": closing, "step across a crash": stepping,
                "error handler across a crash": handling, "rerun across a crash": run.part is not None,
            }  # fmt: skip
            yield from (what for what, is_so in across.items() if is_so)
        elif kind == "execution.handling_error":
            handling = True
            yield "error handler entered"
        elif kind == "execution.timed_out":
            yield "deadline passed" if has_deadline else "execution time-out"
            yield from {"deadline kept across a crash"} if has_deadline and recovered else ()
        elif kind == "scope.closing":
            closing.add(instance)
            yield "END asked"
        elif kind == "node.waiting":
            waiting[instance] = {"time": "wait", "child": "child"}.get(event.get("wait_kind", "time"), "person")
        elif kind in ("node.stepped", "node.answered"):
            yield from _of_step(event, waiting, stepping)
        elif kind == "node.retrying":
            waiting[instance] = "back-off"
            yield from {"step tried again"} if instance in stepping and not event.get("lost") else ()
        elif kind in ("node.started", "node.completed", "node.failed", "node.cancelled"):
            waiting.pop(instance, None)
        yield from _of_event(index, run, event, closing)
        if kind in ("node.completed", "node.failed", "node.cancelled"):
            closing.discard(instance)
            stepping.discard(instance)


def _of_event(index: PlanIndex, run: Run, event: dict[str, Any], closing: set[str]) -> Iterator[str]:
    kind = event["type"]
    if kind == "node.reused":
        yield "outcome taken over"
    elif kind == "waitpoint.closed":
        yield "answer" if event["status"] == "completed" else "nobody answered"
    elif kind == "execution.paused" and event.get("requested"):
        yield "held"
    elif kind == "node.discarded":
        yield "late result discarded"
    elif kind == "node.log":
        yield "variables set by several branches"
    elif kind == "node.retrying" and event["error"]["code"] == "NODE_TIMEOUT":
        yield "node time-out"
    elif kind == "scope.opened" and isinstance(event.get("items"), dict):
        yield "stored collection"
    elif kind == "scope.started" and event["index"] and index.container(event["node_id"]).mode == IMPLICIT:
        yield "implicit loop repeated"
    elif kind == "node.failed":
        yield from _of_failure(index, event, closing)
    elif kind == "node.completed":
        yield from _of_success(index, run, event)


def _of_failure(index: PlanIndex, event: dict[str, Any], closing: set[str]) -> Iterator[str]:
    if event.get("routed"):
        yield "error edge" if index.nodes[event["node_id"]].has_error_edge else "goto"
    if event["instance"] in closing:
        yield "END failed"
    if event["error"]["code"] == "NODE_TIMEOUT":
        yield "call timed out" if "child" in event["error"].get("details", {}) else "node time-out"
    if "could not be started" in event["error"]["message"]:
        yield "child refused"


def _of_success(index: PlanIndex, run: Run, event: dict[str, Any]) -> Iterator[str]:
    node_id = event["node_id"]
    node, container = index.nodes[node_id].node, run.workflow.plan.containers.get(node_id)
    if event.get("finish"):
        yield "finish"
    if event.get("handled_error"):
        yield "continue" if node.on_error is ErrorStrategy.CONTINUE else "fallback"
    if isinstance(event.get("output"), dict) and "$flowray" in event["output"]:
        yield "stored output"
    if event.get("variables") and any(run.workflow.plan.nodes[c].role is Role.PARALLEL for c in index.chains[node_id]):
        yield "variables in a branch"
    if container is not None and event.get("end_reason"):
        yield f"loop left by {event['end_reason']}"
        yield container.aggregation
        if container.results == "all":
            yield "whole bodies as results"


def _of_step(event: dict[str, Any], waiting: dict[str, str], stepping: set[str]) -> Iterator[str]:
    instance = event["instance"]
    if event["type"] == "node.stepped":
        stepping.add(instance)
        yield "step"
        yield from {"stored journal"} if "$flowray" in event["journal"] else ()
    else:
        yield {"child": "called between steps"}.get(waiting.pop(instance, ""), "answered between steps")
        yield from {"failure told to a step"} if "error" in event else ()


def _of_child(world: World, run: Run) -> Iterator[str]:
    row = world.row(run.id)
    if row.parent_id is None:
        return
    yield f"child {row.status}"
    yield from {"child of a child"} if row.depth > 1 else ()
    yield from {"child inside a container"} if "/" in (row.parent_key or "") else ()
    yield from {"child called again by a retry"} if not (row.parent_key or "").endswith("#1") else ()
    if row.status == "cancelled" and world.row(row.parent_id).status == "cancelled":
        yield "child cancelled with its caller"
