"""How a loop or parallel ends: its reason, its results, and the question to its END if a lane is needed (R12, R15)."""

from __future__ import annotations

from flowray.engine import attempts
from flowray.engine import events as ev
from flowray.engine.commands import COLLECT, RunNode
from flowray.engine.manifests import results_of
from flowray.engine.plan_index import ASKED, CONDITIONAL_MODES, IMPLICIT
from flowray.engine.residency import inline_limit
from flowray.engine.scope_variables import conflicting_sets, isolates
from flowray.engine.signals import NodeError
from flowray.engine.state import ContainerState
from flowray.engine.turn import Turn
from flowray.errors import ErrorCode
from flowray.plan import Container
from flowray.values import Chunk, StoredValue, Value, encode_json, holds_descriptor, to_wire


def close(turn: Turn, instance: str, node_id: str) -> None:
    """No scope of a container is open and none is to follow: complete it, or let a lane see to its results first."""
    container = turn.state.containers[instance]
    plan = turn.index.container(node_id)
    _warn_of_conflicts(turn, instance, node_id, container)
    if plan.aggregation == "first":
        complete(turn, instance, node_id, container.results.get(container.first))
    elif plan.aggregation in ASKED or _is_large(container, inline_limit(turn.index, turn.state)):
        under_way = container.collecting
        turn.emit(ev.ScopeClosing(ts=turn.ts, instance=instance, node_id=node_id))
        if container.asking:
            ask(turn, instance, node_id)
        elif not under_way:
            collect(turn, instance, node_id)
    else:
        complete(turn, instance, node_id, results_of(container))


def ask(turn: Turn, instance: str, node_id: str) -> None:
    """Ask the END of a container for its output."""
    question = turn.state.containers[instance].question
    turn.command(RunNode(instance, node_id, attempt=question, sentinel="close"))


# -- results in chunks ---------------------------------------------------------------------------------------------


def collect(turn: Turn, instance: str, node_id: str) -> None:
    """Let a lane put the next results into a stored chunk, if they are to be: scopes go on meanwhile (R16)."""
    container = turn.state.containers[instance]
    if container.collecting:
        question = container.collect_question
        turn.command(RunNode(instance, node_id, attempt=question, sentinel=COLLECT, round=container.collected))


def collected(turn: Turn, instance: str, node_id: str, answer: Value) -> None:
    """The next results are in a chunk: go on with those after it, or complete the container that waited for it."""
    container = turn.state.containers[instance]
    if not isinstance(answer, StoredValue):
        kind = type(answer).__name__
        error = NodeError(message=f"No chunk of results of {node_id!r}: {kind}", code=ErrorCode.INTERNAL.value)
        not_collected(turn, instance, node_id, error)
        return
    chunk = Chunk(answer.payload_id, answer.bytes, container.collecting)
    turn.emit(ev.ScopeCollected(ts=turn.ts, instance=instance, node_id=node_id, chunk=chunk, preview=answer.preview))
    if container.collecting:
        collect(turn, instance, node_id)
    elif container.closing and not container.asking:
        complete(turn, instance, node_id, results_of(container))


def not_collected(turn: Turn, instance: str, node_id: str, error: NodeError) -> None:
    """Results could not be stored: the container fails, once the scopes that are open have ended."""
    turn.emit(ev.ScopeCollected(ts=turn.ts, instance=instance, node_id=node_id, error=error))
    container = turn.state.containers[instance]
    if container.running == 0 and not container.asking:
        attempts.settle_failure(turn, attempts.Attempt(instance, *attempts.locate(turn, instance), True), error)


# -- the end -------------------------------------------------------------------------------------------------------


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


def _is_large(container: ContainerState, limit: int) -> bool:
    """Whether what is in no chunk yet has to be stored, or consists of what is (R16)."""
    left = limit
    for index in range(container.collected, container.next_index):
        result = container.results.get(index)
        left -= len(encode_json(result)) + 1
        if left < 0 or holds_descriptor(result):
            return not container.in_log
    return False


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
