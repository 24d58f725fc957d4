"""Sub-workflows as the engine sees them (R19): a node waits for a child, whose end completes or fails it.

A child's key follows from the instance and the policy's try: a new owner re-attaches to it, a retry gets another one.
Starting, finding and cancelling executions is the runtime's.
"""

from __future__ import annotations

from flowray.engine import attempts
from flowray.engine import stimuli as st
from flowray.engine.commands import StartChild, StopChild
from flowray.engine.instances import split_instance
from flowray.engine.signals import ChildCall, NodeError
from flowray.engine.state import NodeState
from flowray.engine.statuses import NodeStatus
from flowray.engine.turn import Turn
from flowray.errors import ErrorCode

WAITS_FOR_CHILD = "child"
"""``wait_kind`` of an instance that waits for a child."""

_CODES = {"cancelled": ErrorCode.EXECUTION_CANCELLED, "timed_out": ErrorCode.EXECUTION_TIMEOUT}


def child_key(instance: str, tries: int) -> str:
    """Names a child among those of its parent."""
    return f"{instance}#{tries}"


def start(turn: Turn, instance: str, tries: int, call: ChildCall) -> None:
    """Ask for a child, or for the one that is there under its key."""
    turn.command(StartChild(instance, child_key(instance, tries), call, turn.state.deadline_ms))


def stop(turn: Turn, instance: str, node: NodeState, reason: str) -> None:
    """Cancel the child that an instance waits for, if it waits for one."""
    if node.status is NodeStatus.WAITING and node.wait_kind == WAITS_FOR_CHILD:
        turn.command(StopChild(instance, child_key(instance, node.tries), reason))


def attach_again(turn: Turn) -> None:
    """After a recovery: every child that is waited for, in case it was never started or ended meanwhile."""
    for instance in turn.state.waiting:
        state = attempts.locate(turn, instance)[1]
        if state.wait_kind == WAITS_FOR_CHILD and state.child is not None:
            start(turn, instance, state.tries, state.child)


def ended(turn: Turn, stimulus: st.ChildEnded) -> None:
    """A child has ended. The end of one that is not waited for, or of a former try, means nothing."""
    scope, node_id = split_instance(stimulus.instance)
    state = turn.state.node(scope, node_id)
    if state is None or state.status is not NodeStatus.WAITING or state.wait_kind != WAITS_FOR_CHILD:
        return
    if stimulus.key != child_key(stimulus.instance, state.tries):
        return
    found = attempts.Attempt(stimulus.instance, turn.index.nodes[node_id].node, state, False)
    if stimulus.status == "completed":
        attempts.complete_waiting(turn, found, stimulus.outputs, stimulus.usage)
        return
    cause = stimulus.error
    error = NodeError(
        message=f"The sub-workflow ended {stimulus.status}" + (f": {cause.message}" if cause is not None else ""),
        code=cause.code if cause is not None else _CODES.get(stimulus.status, ErrorCode.NODE_FAILED).value,
        retryable=cause is not None and cause.retryable,
        details={"child": stimulus.child_id, "status": stimulus.status}
        | ({"node_id": cause.node_id} if cause is not None else {}),
    )
    failure = st.AttemptFailed(
        ts=stimulus.ts, instance=stimulus.instance, attempt=state.attempt, error=error, usage=stimulus.usage,
        started_at=state.started_at,
    )  # fmt: skip
    attempts.fail(turn, found, failure)
