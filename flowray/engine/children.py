"""Sub-workflows as the engine sees them (R19): a node waits for a child, whose end completes or fails it.

A child's key follows from the instance and the policy's try: a new owner re-attaches to it, a retry gets another one.
Starting, finding and cancelling executions is the runtime's.
"""

from __future__ import annotations

from flowray.engine import attempts
from flowray.engine import events as ev
from flowray.engine import stimuli as st
from flowray.engine.commands import CancelTimer, StartChild, StopChild
from flowray.engine.instances import split_instance, visit
from flowray.engine.signals import ChildCall, NodeError
from flowray.engine.state import ExecutionState, NodeState
from flowray.engine.statuses import NodeStatus
from flowray.engine.turn import Turn
from flowray.errors import ErrorCode
from flowray.values import as_value

WAITS_FOR_CHILD = "child"
"""``wait_kind`` of an instance that waits for a child."""

REFUSED = "refused"
"""``status`` of a ChildEnded whose child could not even be started."""

TIMER = "child:"
"""What the ids of timers begin with that end the wait for a child."""

_CODES = {"cancelled": ErrorCode.EXECUTION_CANCELLED, "timed_out": ErrorCode.EXECUTION_TIMEOUT}


def child_key(instance: str, state: NodeState) -> str:
    """Names a child among those of its parent."""
    return f"{instance}#{visit(state.tries, state.step)}"


def is_own(call: ChildCall | None) -> bool:
    """Whether the child of a call ends with its caller: one that others may wait for, too, does not."""
    return call is None or not call.idempotency_key


def start(turn: Turn, instance: str, state: NodeState, call: ChildCall) -> None:
    """Ask for a child, or for the one that is there under its key."""
    deadline_ms = turn.state.deadline_ms if is_own(call) else None
    turn.command(StartChild(instance, child_key(instance, state), call, deadline_ms))


def stop(turn: Turn, instance: str, node: NodeState, reason: str) -> None:
    """Cancel the child that an instance waits for, if it waits for one of its own."""
    if node.status is NodeStatus.WAITING and node.wait_kind == WAITS_FOR_CHILD and is_own(node.child):
        turn.command(StopChild(instance, child_key(instance, node), reason))


def attach_again(turn: Turn) -> None:
    """After a recovery: every child that is waited for and may never have been started.

    One that is known to be there needs nothing: its end is, or will be, in the inbox.
    """
    for instance in turn.state.waiting:
        state = attempts.locate(turn, instance)[1]
        if state.wait_kind == WAITS_FOR_CHILD and state.child is not None and not state.child_id:
            start(turn, instance, state, state.child)


def call_again(turn: Turn) -> None:
    """After a crash, which has cancelled every child: each node that waited for one tries again, with a new one.

    Shared children went on, and their ends were not told to who had crashed: those are asked for again.
    """
    for instance in list(turn.state.waiting):
        node, state = attempts.locate(turn, instance)
        if state.wait_kind != WAITS_FOR_CHILD:
            continue
        if state.child is not None and not is_own(state.child):
            if state.child_id:
                start(turn, instance, state, state.child)
            continue
        if state.due_at is not None:
            turn.command(CancelTimer(attempts.wait_timer(instance, state)))
        error = NodeError(
            message="The sub-workflow was cancelled when the execution that called it crashed",
            code=ErrorCode.EXECUTION_CANCELLED.value, node_id=node.id, attempt=state.attempt, instance=instance,
        )  # fmt: skip
        attempts.try_again(turn, attempts.Attempt(instance, node, state, False), error)


def is_waited_for(state: ExecutionState, call: StartChild) -> bool:
    """False once the instance that asked for a child goes on without it."""
    return _waiting(state, call.instance, call.key) is not None


def started(turn: Turn, stimulus: st.ChildStarted) -> None:
    """A child is there. Recorded once, however often its parent's owners find it."""
    found = _waiting_for(turn, stimulus.instance, stimulus.key)
    if found is not None:
        _note_start(turn, found, stimulus)


def ended(turn: Turn, stimulus: st.ChildEnded) -> None:
    """A child has ended. The end of one that is not waited for, or of a former try, means nothing."""
    found = _waiting_for(turn, stimulus.instance, stimulus.key)
    if found is None:
        return
    if stimulus.status != REFUSED:
        _note_start(turn, found, stimulus)
        turn.emit(
            ev.ChildEnded(
                ts=turn.ts, instance=found.instance, node_id=found.node.id, attempt=found.state.attempt,
                child_id=stimulus.child_id, status=stimulus.status, last_seq=stimulus.last_seq,
            )
        )  # fmt: skip
    if found.state.due_at is not None:
        turn.command(CancelTimer(attempts.wait_timer(found.instance, found.state)))
    if stimulus.status == "completed":
        key = found.state.child.output_key if found.state.child is not None else ""
        output = {key: stimulus.outputs} if key else as_value(stimulus.outputs)
        attempts.complete_waiting(turn, found, output, stimulus.usage)
    else:
        attempts.fail_waiting(turn, found, _error(stimulus), stimulus.usage)


def timed_out(turn: Turn, timer: str) -> None:
    """The node's own time for its child is used up: the child is cancelled, and a retry calls another one."""
    attempt, _, instance = timer.partition(":")
    scope, node_id = split_instance(instance)
    state = turn.state.node(scope, node_id)
    if state is None or state.status is not NodeStatus.WAITING or str(state.attempt) != attempt:
        return
    found = attempts.Attempt(instance, turn.index.nodes[node_id].node, state, False)
    stop(turn, instance, state, "the node that called it timed out")
    error = NodeError(
        message=f"The sub-workflow did not end within the node's timeout of {found.node.timeout_ms} ms",
        code=ErrorCode.NODE_TIMEOUT.value, retryable=True, details={"child": state.child_id},
    )  # fmt: skip
    attempts.fail_waiting(turn, found, error)


def _waiting_for(turn: Turn, instance: str, key: str) -> attempts.Attempt | None:
    """The attempt that waits for the child under this key."""
    state = _waiting(turn.state, instance, key)
    if state is None:
        return None
    return attempts.Attempt(instance, turn.index.nodes[split_instance(instance)[1]].node, state, False)


def _waiting(state: ExecutionState, instance: str, key: str) -> NodeState | None:
    scope, node_id = split_instance(instance)
    node = state.node(scope, node_id)
    if node is None or node.status is not NodeStatus.WAITING or node.wait_kind != WAITS_FOR_CHILD:
        return None
    return node if key == child_key(instance, node) else None


def _note_start(turn: Turn, found: attempts.Attempt, known: st.ChildStarted | st.ChildEnded) -> None:
    if found.state.child_id != known.child_id:
        turn.emit(
            ev.ChildStarted(
                ts=turn.ts, instance=found.instance, node_id=found.node.id, attempt=found.state.attempt,
                child_id=known.child_id, workflow_id=known.workflow_id, version=known.version,
            )
        )  # fmt: skip


def _error(stimulus: st.ChildEnded) -> NodeError:
    """The node's error: the child's, said to be the child's."""
    cause = stimulus.error
    refused = stimulus.status == REFUSED
    what = "could not be started" if refused else f"ended {stimulus.status}"
    inner = dict(cause.details) if cause is not None and refused else {}
    details = inner | ({} if refused else {"child": stimulus.child_id, "status": stimulus.status})
    if cause is not None and cause.node_id:
        details["node_id"] = cause.node_id
    return NodeError(
        message=f"The sub-workflow {what}" + (f": {cause.message}" if cause is not None else ""),
        code=cause.code if cause is not None else _CODES.get(stimulus.status, ErrorCode.NODE_FAILED).value,
        retryable=cause is not None and cause.retryable,
        details=details,
        hint=cause.hint if cause is not None else None,
    )
