"""What the result of one attempt means: complete, wait, try again, or route the error. It decides; folding acts."""

from __future__ import annotations

from typing import NamedTuple

from flowray.definition.node_type import Role
from flowray.definition.policies import ErrorStrategy
from flowray.engine import events as ev
from flowray.engine import steps
from flowray.engine import stimuli as st
from flowray.engine.commands import CancelTimer, ExpireWaitpoint, StartTimer, StopNode
from flowray.engine.folding import error_output
from flowray.engine.instances import split_instance, waitpoint_key
from flowray.engine.manifests import results_of
from flowray.engine.plan_index import ERROR_HANDLE, SUCCESS_HANDLE
from flowray.engine.retries import MAX_LOSSES, MAX_UNSTARTED, retry_delay_ms
from flowray.engine.scope_variables import refusal
from flowray.engine.shared_memory import SHARED_OPERATIONS
from flowray.engine.signals import Answer, NodeError, Signals, Usage, VariableOperation
from flowray.engine.state import NodeState
from flowray.engine.statuses import NodeStatus
from flowray.engine.turn import Turn
from flowray.engine.variables import OPERATIONS
from flowray.errors import ErrorCode
from flowray.plan import ExecutableNode
from flowray.values import Value

BACKSTOP_MS = 5_000
"""The lane enforces a node's timeout; the engine gives it this much longer before it stops waiting for the lane."""


class Attempt(NamedTuple):
    """An attempt that is running now."""

    instance: str
    node: ExecutableNode
    state: NodeState
    is_container: bool


def locate(turn: Turn, instance: str) -> tuple[ExecutableNode, NodeState]:
    """The plan's node and the state of an instance whose scope is open. Raises KeyError for any other."""
    scope, node_id = split_instance(instance)
    return turn.index.nodes[node_id].node, turn.state.scopes[scope].nodes[node_id]


def current(turn: Turn, instance: str, attempt: int, outcome: str) -> Attempt | None:
    """The attempt, if it is the one now running; for a container, if ``attempt`` is the question that it now asks.

    A result that comes too late is recorded as discarded (R35). A second delivery of the same result, an answer to a
    former question, and anything unnamed by ``outcome`` is dropped without a trace.
    """
    scope_id, node_id = split_instance(instance)
    known = turn.index.nodes.get(node_id)
    state = turn.state.node(scope_id, node_id)
    if known is None or state is None:
        return None
    if known.is_container:
        container = turn.state.containers.get(instance)
        if container is None or attempt not in container.questions:
            return None
        return Attempt(instance, known.node, state, True)
    if state.status is NodeStatus.RUNNING and state.attempt == attempt:
        return Attempt(instance, known.node, state, False)
    timed_out = state.status is NodeStatus.FAILED and outcome == "succeeded"
    superseded = state.attempt != attempt or state.status is NodeStatus.CANCELLED or timed_out
    if superseded and outcome in ("succeeded", "failed"):
        turn.emit(ev.NodeDiscarded(ts=turn.ts, instance=instance, node_id=node_id, attempt=attempt, outcome=outcome))
    return None


def succeed(turn: Turn, found: Attempt, result: st.AttemptSucceeded) -> None:
    """Interpret a successful result and its signals."""
    signals = result.signals
    problem, code = _problem(result), ErrorCode.NODE_FAILED
    if signals.pause is not None and turn.state.handling:
        problem, code = "asks for a person, but an error handler may not pause", ErrorCode.SIGNAL_UNSUPPORTED
    if problem is not None:
        error = NodeError(message=f"The result of {found.node.id!r} {problem}", code=code.value)
        settle_failure(turn, found, _signed(error, found))
        return
    refused = refusal(turn.index, turn.state, split_instance(found.instance)[0], result.variables)
    if refused is not None:
        settle_failure(turn, found, _signed(refused, found))
        return
    if signals.step is not None:
        steps.done(turn, found.instance, found.node.id, found.state, signals.step, result)
        # What it came to is told; a wait that follows tells nothing of it again.
        result = st.AttemptSucceeded(
            ts=result.ts, instance=result.instance, attempt=result.attempt, started_at=result.started_at
        )
    if signals.pause is not None or signals.wait is not None or signals.child is not None:
        _wait(turn, found, result, signals)
        return
    if signals.step is not None:
        _forget_guard(turn, found)
        turn.emit(ev.NodeReady(ts=turn.ts, instance=found.instance, node_id=found.node.id))
        return
    _complete(
        turn, found, output=result.output, handles=_live_handles(found.node, signals), variables=result.variables,
        usage=result.usage, stream_id=result.stream_id, finish=signals.finish, shown_input=result.input,
        started_at=result.started_at, loop_control=signals.loop_control,
    )  # fmt: skip


def _problem(result: st.AttemptSucceeded) -> str | None:
    """What makes a result unfit for the log: recorded, it could never be folded, or would be read as something else."""
    for change in result.variables:
        if change.op not in (SHARED_OPERATIONS if change.shared or change.workflow else OPERATIONS):
            return f"has an unknown variable operation {change.op!r}; known are {', '.join(sorted(OPERATIONS))}"
    if isinstance(result.output, dict) and "$flowray" in result.output:
        return "uses the key '$flowray', which is reserved for references to stored values"
    return steps.problem(result.signals) if result.signals.step is not None else None


def _live_handles(node: ExecutableNode, signals: Signals) -> tuple[str, ...] | None:
    """Exactly the handles that live. An unlabelled edge of a branch lives for every selection."""
    if signals.activate_error_port:
        return (ERROR_HANDLE,)
    if signals.is_terminal or signals.loop_control:
        return ()
    if signals.selected_routes is not None:
        return (*signals.selected_routes, SUCCESS_HANDLE)
    return (SUCCESS_HANDLE,) if node.role is Role.BRANCH else None


def _complete(
    turn: Turn,
    found: Attempt,
    *,
    output: Value,
    handles: tuple[str, ...] | None,
    variables: tuple[VariableOperation, ...] = (),
    usage: Usage | None = None,
    stream_id: str | None = None,
    handled: NodeError | None = None,
    finish: bool = False,
    shown_input: Value = None,
    started_at: int = 0,
    loop_control: str = "",
    by: str | None = None,
) -> None:
    _forget_guard(turn, found)
    turn.emit(
        ev.NodeCompleted(
            ts=turn.ts, instance=found.instance, node_id=found.node.id, attempt=found.state.attempt, output=output,
            handles=handles, variables=variables, usage=usage, stream_id=stream_id, handled_error=handled,
            finish=finish, input=shown_input, started_at=started_at or found.state.started_at,
            loop_control=loop_control, by=by,
        )
    )  # fmt: skip


def _wait(turn: Turn, found: Attempt, result: st.AttemptSucceeded, signals: Signals) -> None:
    _forget_guard(turn, found)
    pause, wait = signals.pause, signals.wait
    due_at = wait.until_ms if wait is not None else None
    if signals.child is not None and found.node.timeout_ms is not None:
        due_at = (result.started_at or found.state.started_at) + found.node.timeout_ms
    elif pause is not None and pause.timeout_ms is not None:
        due_at = turn.ts + pause.timeout_ms
    turn.emit(
        ev.NodeWaiting(
            ts=turn.ts, instance=found.instance, node_id=found.node.id, attempt=found.state.attempt,
            wait_kind=_wait_kind(signals), due_at=due_at, child=signals.child,
            reason=pause.reason if pause is not None else "", started_at=result.started_at,
            output=wait.output if wait is not None else result.output, usage=result.usage, input=result.input,
            pause=pause, variables=result.variables, continues=signals.step is not None,
            waitpoint="" if pause is None else _waitpoint(found, pause.name),
        )
    )  # fmt: skip
    if due_at is not None:
        turn.command(StartTimer(wait_timer(found.instance, found.state), due_at))


def _waitpoint(found: Attempt, name: str) -> str:
    return waitpoint_key(found.instance, found.state.tries, name, found.state.step)


def _wait_kind(signals: Signals) -> str:
    if signals.pause is not None:
        return signals.pause.kind
    return "time" if signals.wait is not None else "child"


def complete_waiting(
    turn: Turn,
    found: Attempt,
    output: Value,
    usage: Usage | None = None,
    variables: tuple[VariableOperation, ...] = (),
    by: str | None = None,
) -> None:
    """What a waiting instance waited for has come. What its result has changed before counts from now on (R17)."""
    variables = (*found.state.wait_variables, *variables)
    refused = refusal(turn.index, turn.state, split_instance(found.instance)[0], variables)
    if refused is not None:
        settle_failure(turn, found, _signed(refused, found))
        return
    if found.state.continues:
        steps.answered(turn, found.instance, found.node.id, found.state, Answer(output, by=by), usage, variables)
        return
    handles = _live_handles(found.node, Signals())
    _complete(turn, found, output=output, handles=handles, usage=usage, variables=variables, by=by)


# -- failure -------------------------------------------------------------------------------------------------------


def fail_waiting(turn: Turn, found: Attempt, error: NodeError, usage: Usage | None = None) -> None:
    """What a waiting instance waited for will not come: it fails as if its attempt had said so.

    Between two steps it is its next step that decides what to make of it.
    """
    state = found.state
    if state.continues:
        _tell(turn, found, error, usage)
        return
    failure = st.AttemptFailed(
        ts=turn.ts, instance=found.instance, attempt=state.attempt, error=error, usage=usage,
        started_at=state.started_at,
    )  # fmt: skip
    fail(turn, found, failure)


def _tell(turn: Turn, found: Attempt, error: NodeError, usage: Usage | None = None) -> None:
    answer = Answer(error=_signed(error, found))
    steps.answered(turn, found.instance, found.node.id, found.state, answer, usage)


def fail(turn: Turn, found: Attempt, result: st.AttemptFailed) -> None:
    """Retries first; then the error edge; then ``onError``; else the failure is unhandled (design, section 6)."""
    node, state = found.node, found.state
    error = _signed(result.error, found)
    _forget_guard(turn, found)
    delay_ms = None if found.is_container else retry_delay_ms(node.retry, state.tries, error, found.instance)
    if delay_ms is not None:
        reset_stream(turn, found)
        turn.emit(
            ev.NodeRetrying(
                ts=turn.ts, instance=found.instance, node_id=node.id, attempt=state.attempt,
                next_attempt=state.attempt + 1, due_at=turn.ts + delay_ms, delay_ms=delay_ms, error=error,
                started_at=result.started_at, usage=result.usage, stream_id=result.stream_id, input=result.input,
            )
        )  # fmt: skip
        turn.command(StartTimer(_timer_id("retry", found.instance, state.attempt), turn.ts + delay_ms))
        return
    settle_failure(turn, found, error, result)


def try_again(turn: Turn, found: Attempt, error: NodeError) -> None:
    """At once, and as a new try, whatever its policy says: the failure was none of its own."""
    if found.state.continues:
        _tell(turn, found, error)  # What it had asked for is in the log: it cannot be asked for again by itself.
        return
    turn.emit(
        ev.NodeRetrying(
            ts=turn.ts, instance=found.instance, node_id=found.node.id, attempt=found.state.attempt,
            next_attempt=found.state.attempt + 1, due_at=turn.ts, delay_ms=0, error=error,
            started_at=found.state.started_at,
        )
    )  # fmt: skip
    turn.command(StartTimer(_timer_id("retry", found.instance, found.state.attempt), turn.ts))


def settle_failure(turn: Turn, found: Attempt, error: NodeError, result: st.AttemptFailed | None = None) -> None:
    """Route an error that no retry will mend (R5, R10, R11)."""
    node = found.node
    known = turn.index.nodes[node.id]
    usage, shown = (result.usage, result.input) if result else (None, None)
    started_at = result.started_at if result else found.state.started_at
    if not known.has_error_edge and node.on_error in (ErrorStrategy.CONTINUE, ErrorStrategy.FALLBACK):
        output = node.fallback_value if node.on_error is ErrorStrategy.FALLBACK else error_output(error)
        if found.is_container and node.on_error is ErrorStrategy.CONTINUE:
            output = results_of(turn.state.containers[found.instance])
        handles = ("default", SUCCESS_HANDLE) if node.role is Role.BRANCH else None
        _complete(
            turn, found, output=output, handles=handles, usage=usage, handled=error, shown_input=shown,
            started_at=started_at,
        )  # fmt: skip
        return
    goto = node.on_error is ErrorStrategy.GOTO and known.has_goto_edge
    turn.emit(
        ev.NodeFailed(
            ts=turn.ts, instance=found.instance, node_id=node.id, attempt=found.state.attempt, error=error,
            routed=known.has_error_edge or goto, usage=usage, started_at=started_at, input=shown,
            stream_id=result.stream_id if result else None,
        )
    )  # fmt: skip


def lose(turn: Turn, found: Attempt, reason: str, unstarted: bool = False) -> NodeError | None:
    """The process of the attempt died: the same try starts again as a new attempt, with the same key (R31, R39).

    ``unstarted``: nothing has begun it in its time (R14). A container itself is not lost with its sentinel: it is asked
    the same question again. Returns the error of what was lost too often: nothing has happened then.
    """
    node, state = found.node, found.state
    losses = turn.state.containers[found.instance].losses if found.is_container else losses_of(state)
    what, code = f"The process that ran attempt {state.attempt} of {node.id!r} was lost", ErrorCode.NODE_LOST
    if unstarted:
        what, code = f"Attempt {state.attempt} of {node.id!r} did not start", ErrorCode.NODE_TIMEOUT
    error = NodeError(
        message=f"{what}: {reason}", code=code.value, node_id=node.id, attempt=state.attempt, instance=found.instance,
        retryable=True,
    )  # fmt: skip
    _forget_guard(turn, found)
    if losses >= (MAX_UNSTARTED if unstarted else MAX_LOSSES):
        return error
    reset_stream(turn, found)
    following = state.attempt if found.is_container else state.attempt + 1
    turn.emit(
        ev.NodeRetrying(
            ts=turn.ts, instance=found.instance, node_id=node.id, attempt=state.attempt, lost=True,
            next_attempt=following, due_at=turn.ts, delay_ms=0, error=error, started_at=state.started_at,
        )
    )  # fmt: skip
    return None


def losses_of(state: NodeState) -> int:
    """How many attempts of the present step have been lost: each of the others was a try, or did a step."""
    return state.attempt - state.step_attempts - state.tries


def _signed(error: NodeError, found: Attempt) -> NodeError:
    return NodeError(
        message=error.message, code=error.code, node_id=found.node.id, attempt=found.state.attempt,
        retryable=error.retryable, retry_after_ms=error.retry_after_ms, details=error.details,
        instance=found.instance, hint=error.hint,
    )  # fmt: skip


def reset_stream(turn: Turn, found: Attempt) -> None:
    """Tell readers that the text so far does not count: it comes again, or another one does."""
    if found.state.stream_id is not None:
        turn.emit(
            ev.StreamReset(
                ts=turn.ts, instance=found.instance, node_id=found.node.id, stream_id=found.state.stream_id,
                attempt=found.state.attempt, offset=found.state.stream_offset,
            )
        )  # fmt: skip


# -- timers --------------------------------------------------------------------------------------------------------


def _timer_id(kind: str, instance: str, attempt: int) -> str:
    return f"{kind}:{attempt}:{instance}"


def wait_timer(instance: str, state: NodeState) -> str:
    """The id of the timer that ends what an instance waits for."""
    kind = state.wait_kind if state.wait_kind in ("retry", "child") else "wait"
    return _timer_id(kind, instance, state.attempt)


def guard(turn: Turn, instance: str, attempt: int, timeout_ms: int) -> None:
    """Stop waiting for a lane that does not enforce its timeout (R14)."""
    turn.command(StartTimer(_timer_id("guard", instance, attempt), turn.ts + timeout_ms + BACKSTOP_MS))


def _forget_guard(turn: Turn, found: Attempt) -> None:
    if found.node.timeout_ms is not None and not found.is_container:
        turn.command(CancelTimer(_timer_id("guard", found.instance, found.state.attempt)))


def timer_fired(turn: Turn, timer_id: str) -> None:
    """A wait is over, a back-off has passed, or a lane has overslept. Timers of former attempts mean nothing."""
    kind, _, rest = timer_id.partition(":")
    attempt, _, instance = rest.partition(":")
    scope_id, node_id = split_instance(instance)
    state = turn.state.node(scope_id, node_id)
    if state is None or str(state.attempt) != attempt:
        return
    node = turn.index.nodes[node_id].node
    if kind == "guard" and state.status is NodeStatus.RUNNING:
        error = NodeError(
            message=f"Node {node_id!r} did not answer within its timeout of {node.timeout_ms} ms",
            code=ErrorCode.NODE_TIMEOUT.value, retryable=True,
        )  # fmt: skip
        turn.command(StopNode(instance, state.attempt, "timed out"))
        fail(turn, Attempt(instance, node, state, False), st.AttemptFailed(
            ts=turn.ts, instance=instance, attempt=state.attempt, error=error, started_at=state.started_at,
        ))  # fmt: skip
    elif state.status is NodeStatus.WAITING and state.wait_kind == kind == "retry":
        turn.emit(ev.NodeReady(ts=turn.ts, instance=instance, node_id=node_id))
    elif state.status is NodeStatus.WAITING and state.pause is not None and kind == "wait":
        turn.command(ExpireWaitpoint(state.waitpoint))
    elif state.status is NodeStatus.WAITING and state.wait_kind == "time" and kind == "wait":
        complete_waiting(turn, Attempt(instance, node, state, False), state.wait_output)


def restore_timers(turn: Turn) -> None:
    """After a recovery: every waiting instance gets its timer again, at the time it always had (R32)."""
    for instance, due_at in turn.state.waiting.items():
        state = locate(turn, instance)[1]
        if due_at >= 0:
            turn.command(StartTimer(wait_timer(instance, state), due_at))
