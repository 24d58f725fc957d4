"""How a loop or parallel ends: its reason, its results, and the question to its END if a lane is needed (R12, R15)."""

from __future__ import annotations

from flowray.engine import attempts
from flowray.engine import events as ev
from flowray.engine.commands import RunNode
from flowray.engine.plan_index import CONDITIONAL_MODES, IMPLICIT
from flowray.engine.residency import inline_limit
from flowray.engine.scope_variables import conflicting_sets, isolates
from flowray.engine.state import ContainerState
from flowray.engine.turn import Turn
from flowray.plan import Container
from flowray.values import StoredValue, Value, encode_json, to_wire

ASKED = frozenset({"merge", "reduce"})
"""Aggregations that a handler carries out: they look into the results."""


def close(turn: Turn, instance: str, node_id: str) -> None:
    """No scope of a container is open and none is to follow: complete it, or let its END aggregate first."""
    container = turn.state.containers[instance]
    plan = turn.index.container(node_id)
    _warn_of_conflicts(turn, instance, node_id, container)
    if plan.aggregation == "first":
        complete(turn, instance, node_id, container.results.get(container.first))
        return
    results = container.ordered_results()
    if plan.aggregation in ASKED or _is_large(results, inline_limit(turn.index, turn.state)):
        turn.emit(ev.ScopeClosing(ts=turn.ts, instance=instance, node_id=node_id))
        ask(turn, instance, node_id)
    else:
        complete(turn, instance, node_id, results)


def ask(turn: Turn, instance: str, node_id: str) -> None:
    """Ask the END of a container for its output."""
    question = turn.state.containers[instance].question
    turn.command(RunNode(instance, node_id, attempt=question, sentinel="close"))


def complete(turn: Turn, instance: str, node_id: str, output: Value) -> None:
    """The container's output is known."""
    plan = turn.index.container(node_id)
    container = turn.state.containers[instance]
    if plan.results == "all":
        output = {"results": to_wire(output)}
    turn.emit(
        ev.NodeCompleted(
            ts=turn.ts, instance=instance, node_id=node_id, attempt=1, output=output,
            started_at=attempts.locate(turn, instance)[1].started_at, end_reason=end_reason(plan, container),
        )
    )  # fmt: skip


def end_reason(plan: Container, container: ContainerState) -> str:
    """Why no further round follows (R4, R12)."""
    if container.exits:
        return "exit"
    if container.broken:
        return "break"
    if plan.aggregation == "first" and container.first >= 0:
        return "first"
    if plan.mode in CONDITIONAL_MODES and plan.max_iterations is not None:
        return "max_iterations" if container.next_index >= plan.max_iterations else "condition"
    if plan.mode == IMPLICIT or plan.mode in CONDITIONAL_MODES:
        return "condition"
    if container.next_index < container.total:
        return "condition" if plan.asks_each_round else "stopped"
    return "max_iterations" if container.capped else "items"


def _is_large(results: list[Value], limit: int) -> bool:
    """Whether a lane has to write the results into the payload store, or to read some of them from there."""
    left = limit
    for result in results:
        left -= len(encode_json(result)) + 1
        if left < 0 or _has_descriptor(result):
            return True
    return False


def _has_descriptor(result: Value) -> bool:
    if isinstance(result, list):
        return any(_has_descriptor(entry) for entry in result)
    if not isinstance(result, dict):
        return isinstance(result, StoredValue)
    return "$flowray" in result or any(isinstance(entry, dict) and "$flowray" in entry for entry in result.values())


def _warn_of_conflicts(turn: Turn, instance: str, node_id: str, container: ContainerState) -> None:
    if not container.changes or not isolates(turn.index, node_id):
        return
    for name, branches in conflicting_sets(container).items():
        turn.emit(
            ev.NodeLog(
                ts=turn.ts, instance=instance, node_id=node_id, attempt=1, level="warning",
                message=f"Branches set {name!r} to different values; that of branch {branches[-1]} counts.",
                fields={"variable": name, "branches": branches[:100]},
            )
        )  # fmt: skip
