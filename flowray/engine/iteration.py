"""Loops and parallels: open the container, start its scopes, collect their results (R4, R12, R15).

A container's START asks a handler for its collection, count or condition; the engine itself evaluates nothing. END is
no node: a container is done when no scope of it is open and none is to follow (R1).
"""

from __future__ import annotations

from flowray.engine import attempts
from flowray.engine import events as ev
from flowray.engine.commands import RunNode
from flowray.engine.instances import parent_of_scope, scope_id, split_instance
from flowray.engine.plan_index import CONDITIONAL_MODES, PlanIndex
from flowray.engine.signals import NodeError
from flowray.engine.state import ContainerState, ScopeState
from flowray.engine.statuses import NodeStatus
from flowray.engine.turn import Turn
from flowray.errors import ErrorCode
from flowray.plan import Container
from flowray.values import StoredValue, Value, to_wire

SYSTEM_ITERATION_LIMIT = 10_000
"""Iterations per container unless its own ``maxIterations`` says otherwise (design, section 6, Limits)."""


def begin(turn: Turn, instance: str, node_id: str) -> None:
    """A container is ready: it starts at once, holds no slot, and asks its START for the collection (R13)."""
    node = turn.index.nodes[node_id].node
    turn.emit(
        ev.NodeStarted(
            ts=turn.ts, instance=instance, node_id=node_id, node_type=node.type, name=node.name, attempt=1, tries=1,
            lane=node.lane.value, epoch=turn.state.epoch,
        )
    )  # fmt: skip
    _ask(turn, instance, node_id, "open", 0)


def ask_again(turn: Turn, instance: str, node_id: str) -> None:
    """The answer of a sentinel was lost: ask the same question again."""
    container = turn.state.containers[instance]
    if container.opened:
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
    if not container.opened:
        total = _total(plan, fields)
        if total is None:
            _fail(turn, instance, node_id, _answer_error(node_id, answer))
            return
        if total > SYSTEM_ITERATION_LIMIT and plan.max_iterations is None:
            _fail(turn, instance, node_id, _limit_error(node_id, total))
            return
        turn.emit(
            ev.ScopeOpened(ts=turn.ts, instance=instance, node_id=node_id, total=total, items=fields.get("items"))
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
    items = fields.get("items")
    total = len(items) if isinstance(items, list) else fields.get("total")
    if not isinstance(total, int) or total < 0:
        return None
    return total if plan.max_iterations is None else min(total, plan.max_iterations)


def _continue(turn: Turn, instance: str, node_id: str) -> None:
    """Start what may start; ask for the next condition; or end the container."""
    container = turn.state.containers[instance]
    plan = turn.index.container(node_id)
    over = _nothing_new(turn, container)
    if plan.mode in CONDITIONAL_MODES:
        limit = plan.max_iterations
        if not over and (limit is None or container.next_index < limit):
            if container.next_index == 0 and plan.mode == "doWhile":
                _start_scope(turn, instance, node_id, container)
            else:
                _ask(turn, instance, node_id, "condition", container.next_index)
            return
    else:
        width = plan.max_concurrency or max(container.total, 1)
        while not over and container.running < width and container.next_index < container.total:
            _start_scope(turn, instance, node_id, container)
    if container.running == 0:
        _finish(turn, instance, node_id, container)


def _nothing_new(turn: Turn, container: ContainerState) -> bool:
    """True once an item failed under the policy ``fail``, an exit was taken, or the execution stops or finishes."""
    return container.failed is not None or bool(container.exits) or turn.state.stopping or turn.state.finishing


def _start_scope(turn: Turn, instance: str, node_id: str, container: ContainerState) -> None:
    index = container.next_index
    item = container.items[index] if isinstance(container.items, list) else None
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
    turn.emit(
        ev.ScopeCompleted(
            ts=turn.ts, instance=instance, node_id=node_id, scope=scope, index=index, result=result, error=error
        )
    )
    _continue(turn, instance, node_id)


def _result(index: PlanIndex, container_id: str, scope: ScopeState) -> Value:
    """The value of the only terminal that ran, an object by node id if several did, or null."""
    ran = {
        node_id: node.output
        for node_id in index.terminals[container_id]
        if (node := scope.nodes[node_id]).status is NodeStatus.COMPLETED
        and not any(scope.edges.get(edge.id) for edge in index.nodes[node_id].outgoing)
    }
    if len(ran) == 1:
        return next(iter(ran.values()))
    return {node_id: to_wire(output) for node_id, output in ran.items()} or None


def _finish(turn: Turn, instance: str, node_id: str, container: ContainerState) -> None:
    if container.failed is not None:
        _fail(turn, instance, node_id, container.failed)
        return
    turn.emit(
        ev.NodeCompleted(
            ts=turn.ts, instance=instance, node_id=node_id, attempt=1,
            output=container.ordered_results(), started_at=attempts.locate(turn, instance)[1].started_at,
        )
    )  # fmt: skip


def _fail(turn: Turn, instance: str, node_id: str, error: NodeError) -> None:
    found = attempts.Attempt(instance, *attempts.locate(turn, instance), True)
    attempts.settle_failure(turn, found, error)


def _answer_error(node_id: str, answer: Value) -> NodeError:
    kind = "a value too large to pass inline" if isinstance(answer, StoredValue) else type(answer).__name__
    return NodeError(
        message=f"The collection of {node_id!r} is neither a list nor a number of rounds but {kind}",
        code=ErrorCode.COLLECTION_INVALID.value, node_id=node_id, attempt=1,
    )  # fmt: skip


def _limit_error(node_id: str, total: int) -> NodeError:
    return NodeError(
        message=f"{node_id!r} would run {total} iterations; the limit is {SYSTEM_ITERATION_LIMIT}",
        code=ErrorCode.ITERATION_LIMIT_EXCEEDED.value, node_id=node_id, attempt=1,
        hint="Set maxIterations on the node, or split the collection.",
    )  # fmt: skip
