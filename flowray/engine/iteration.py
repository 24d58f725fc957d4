"""Loops and parallels: open the container, start its scopes, collect their results (R4, R12, R15).

A container's START asks a handler for its collection, count or condition; the engine itself evaluates nothing. END is
no node: a container is done when no scope of it is open and none is to follow (R1).
"""

from __future__ import annotations

from flowray.engine import attempts, closing
from flowray.engine import events as ev
from flowray.engine.commands import RunNode
from flowray.engine.instances import parent_of_scope, scope_id, split_instance
from flowray.engine.manifests import collection_of, item_at
from flowray.engine.plan_index import CONDITIONAL_MODES, IMPLICIT, PlanIndex, asks_each_round
from flowray.engine.scope_variables import merge_refusal
from flowray.engine.signals import NodeError
from flowray.engine.state import ContainerState, ScopeState
from flowray.engine.statuses import NodeStatus
from flowray.engine.turn import Turn
from flowray.errors import ErrorCode
from flowray.plan import Container
from flowray.values import StoredValue, Value, to_wire

SYSTEM_ITERATION_LIMIT = 10_000
"""Iterations per container unless its own ``maxIterations`` says otherwise (design, section 6, Limits)."""

IMPLICIT_ITERATION_LIMIT = 100
"""Rounds of a loop that the compiler made of a cycle: nobody bounded it, and its body may cost money (R5)."""


def begin(turn: Turn, instance: str, node_id: str) -> None:
    """A container is ready: it starts at once, holds no slot, and asks its START for the collection (R13)."""
    node = turn.index.nodes[node_id].node
    turn.emit(
        ev.NodeStarted(
            ts=turn.ts, instance=instance, node_id=node_id, node_type=node.type, name=node.name, attempt=1, tries=1,
            lane=node.lane.value, epoch=turn.state.epoch,
        )
    )  # fmt: skip
    if turn.index.container(node_id).mode == IMPLICIT:
        turn.emit(ev.ScopeOpened(ts=turn.ts, instance=instance, node_id=node_id))
        _continue(turn, instance, node_id)
    else:
        _ask(turn, instance, node_id, "open", 0)


def ask_again(turn: Turn, instance: str, node_id: str) -> None:
    """The answer of a sentinel was lost: ask the same question again."""
    container = turn.state.containers[instance]
    if container.closing:
        closing.ask(turn, instance, node_id)
    elif container.opened:
        _ask(turn, instance, node_id, "condition", container.next_index)
    else:
        _ask(turn, instance, node_id, "open", 0)


def _ask(turn: Turn, instance: str, node_id: str, sentinel: str, round_: int) -> None:
    question = turn.state.containers[instance].question
    turn.command(RunNode(instance, node_id, attempt=question, sentinel=sentinel, round=round_))


def answered(turn: Turn, instance: str, node_id: str, answer: Value) -> None:
    """A sentinel has answered: ``{"items": […]}``, ``{"total": n}`` or ``{"continue": bool}``."""
    container = turn.state.containers[instance]
    fields = answer if isinstance(answer, dict) else {}
    plan = turn.index.container(node_id)
    if container.closing:
        closing.complete(turn, instance, node_id, answer)
        return
    if not container.opened:
        total = _total(plan, fields)
        if total is None:
            _fail(turn, instance, node_id, _answer_error(node_id, answer))
            return
        if _capped(plan, total) > SYSTEM_ITERATION_LIMIT and plan.max_iterations is None:
            _fail(turn, instance, node_id, _limit_error(node_id, total))
            return
        turn.emit(
            ev.ScopeOpened(
                ts=turn.ts,
                instance=instance,
                node_id=node_id,
                total=_capped(plan, total),
                items=collection_of(fields),
                capped=_capped(plan, total) < total,
            )
        )
        _continue(turn, instance, node_id)
    elif not fields.get("continue") or _nothing_new(turn, container):
        _finish(turn, instance, node_id, container)
    elif plan.max_iterations is None and container.next_index >= SYSTEM_ITERATION_LIMIT:
        _fail(turn, instance, node_id, _limit_error(node_id, container.next_index + 1))
    else:
        _start_scope(turn, instance, node_id, container)


def _total(plan: Container, fields: dict[str, Value]) -> int | None:
    """How many scopes there will be, -1 where a condition decides, None if the answer says nothing of the kind."""
    if plan.mode in CONDITIONAL_MODES:
        return -1
    items = collection_of(fields)
    if isinstance(items, StoredValue):
        return items.length
    total = len(items) if isinstance(items, list) else fields.get("total")
    if not isinstance(total, int) or total < 0:
        return None
    return total


def _capped(plan: Container, total: int) -> int:
    return total if plan.max_iterations is None else min(total, plan.max_iterations)


def _continue(turn: Turn, instance: str, node_id: str) -> None:
    """Start what may start; ask for the next condition; or end the container."""
    container = turn.state.containers[instance]
    plan = turn.index.container(node_id)
    if _nothing_new(turn, container) or (plan.aggregation == "first" and container.first >= 0):
        pass
    elif plan.mode == IMPLICIT:
        if container.next_index >= IMPLICIT_ITERATION_LIMIT and container.again:
            _fail(turn, instance, node_id, _endless_error(node_id))
            return
        if container.next_index == 0 or container.again:
            _start_scope(turn, instance, node_id, container)
    elif asks_each_round(plan):
        if _another_allowed(plan, container):
            if container.next_index == 0 and plan.mode == "doWhile":
                _start_scope(turn, instance, node_id, container)
            else:
                _ask(turn, instance, node_id, "condition", container.next_index)
            return
    else:
        width = plan.max_concurrency or max(container.total, 1)
        while container.running < width and container.next_index < container.total:
            _start_scope(turn, instance, node_id, container)
    if container.running == 0:
        _finish(turn, instance, node_id, container)


def _another_allowed(plan: Container, container: ContainerState) -> bool:
    """Whether the limits of a loop that asks each round leave room for one more."""
    if plan.mode in CONDITIONAL_MODES:
        return plan.max_iterations is None or container.next_index < plan.max_iterations
    return container.next_index < container.total


def _nothing_new(turn: Turn, container: ContainerState) -> bool:
    """True once an item failed under the policy ``fail``, the loop was left, or the execution stops or finishes."""
    left = bool(container.exits) or container.broken
    return container.failed is not None or left or turn.state.stopping or turn.state.finishing


def _start_scope(turn: Turn, instance: str, node_id: str, container: ContainerState) -> None:
    index = container.next_index
    item = item_at(container.items, index)
    turn.emit(
        ev.ScopeStarted(
            ts=turn.ts, instance=instance, node_id=node_id, scope=scope_id(instance, index), index=index,
            total=container.total, item=item,
        )
    )  # fmt: skip


def scope_finished(turn: Turn, scope: str) -> None:
    """No instance of a scope is open any more: record its result and go on with its container (R12)."""
    state = turn.state.scopes.get(scope)
    if state is None or state.open:
        return
    instance, index = parent_of_scope(scope)
    node_id = split_instance(instance)[1]
    if instance not in turn.state.containers:
        return
    plan = turn.index.container(node_id)
    error = state.error
    result: Value = _result(turn.index, node_id, state)
    if error is not None:
        result = {"error": {"message": error.message, "code": error.code, "node_id": error.node_id}}
        if plan.item_failure == "continue":
            result = None
    container = turn.state.containers[instance]
    under_way = container.collecting
    turn.emit(
        ev.ScopeCompleted(
            ts=turn.ts, instance=instance, node_id=node_id, scope=scope, index=index, result=result, error=error
        )
    )
    if not under_way:
        closing.collect(turn, instance, node_id)
    _continue(turn, instance, node_id)


def _result(index: PlanIndex, container_id: str, scope: ScopeState) -> Value:
    """The value of the only terminal that ran, an object by node id if several did, or null.

    Where all results are asked for: the outputs of every node that ran, the errors of those that failed included.
    """
    if index.container(container_id).results == "all":
        nodes = (scope.nodes[node_id] for node_id in index.scope_nodes[container_id])
        return [to_wire(node.output) for node in nodes if node.has_output]
    ran = {
        node_id: node.output
        for node_id in index.terminals[container_id]
        if (node := scope.nodes[node_id]).status is NodeStatus.COMPLETED
        and not any(edge.kind != "ordering" and scope.edges.get(edge.id) for edge in index.nodes[node_id].outgoing)
    }
    if len(ran) == 1:
        return next(iter(ran.values()))
    return {node_id: to_wire(output) for node_id, output in ran.items()} or None


def _finish(turn: Turn, instance: str, node_id: str, container: ContainerState) -> None:
    if container.failed is not None:
        _fail(turn, instance, node_id, container.failed)
        return
    refused = merge_refusal(turn.index, turn.state, split_instance(instance)[0], container)
    if refused is not None:
        _fail(turn, instance, node_id, refused)
        return
    closing.close(turn, instance, node_id)


def _fail(turn: Turn, instance: str, node_id: str, error: NodeError) -> None:
    found = attempts.Attempt(instance, *attempts.locate(turn, instance), True)
    attempts.settle_failure(turn, found, error)


def _answer_error(node_id: str, answer: Value) -> NodeError:
    kind = "a value too large to pass inline" if isinstance(answer, StoredValue) else type(answer).__name__
    return NodeError(
        message=f"The collection of {node_id!r} is neither a list nor a number of rounds but {kind}",
        code=ErrorCode.COLLECTION_INVALID.value, node_id=node_id, attempt=1,
    )  # fmt: skip


def _endless_error(node_id: str) -> NodeError:
    return NodeError(
        message=f"The cycle {node_id!r} would run more than {IMPLICIT_ITERATION_LIMIT} times",
        code=ErrorCode.ITERATION_LIMIT_EXCEEDED.value, node_id=node_id, attempt=1,
        hint="Draw it as a while loop with maxIterations, which ends without an error.",
    )  # fmt: skip


def _limit_error(node_id: str, total: int) -> NodeError:
    return NodeError(
        message=f"{node_id!r} would run {total} iterations; the limit is {SYSTEM_ITERATION_LIMIT}",
        code=ErrorCode.ITERATION_LIMIT_EXCEEDED.value, node_id=node_id, attempt=1,
        hint="Set maxIterations on the node, or split the collection.",
    )  # fmt: skip
