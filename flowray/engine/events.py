"""What has happened in an execution. The log of these events is the truth; state is a fold over them (R29).

An event is numbered by ``seq`` when it is recorded. ``type`` is its tag on the wire. Times are ms since the epoch, UTC.
Values may be StoredValue; ``decode_events`` restores them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec

from flowray.engine.signals import Budget, ChildCall, NodeError, Pause, Usage, VariableOperation
from flowray.engine.start_points import Selection, restored_selection
from flowray.values import Chunk, Json, StoredValue, Value, as_value


class Event(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="type", kw_only=True):
    """Base of all events. Plain data, like stimuli and records: without cycles that a collector could look for."""

    ts: int


# -- the execution ------------------------------------------------------------------------------------------------


class ExecutionQueued(Event, tag="execution.queued", frozen=True):
    """The row exists; nothing has run."""


class ExecutionStarted(Event, tag="execution.started", frozen=True):
    """Inputs are fixed; start nodes are ready. ``selection``: only a part of the plan runs. ``budget``: what it may
    spend."""

    inputs: dict[str, Any] = {}
    total: int = 0
    deadline_ms: int | None = None
    selection: Selection | None = None
    budget: Budget | None = None


class ExecutionWaiting(Event, tag="execution.waiting", frozen=True):
    """Only timers, events or callbacks are pending (R20)."""


class ExecutionPaused(Event, tag="execution.paused", frozen=True):
    """A person must act; ``requested``: somebody asked for it, and nothing starts before it is resumed (R20)."""

    reason: str = ""
    by: str | None = None
    requested: bool = False


class ExecutionResumed(Event, tag="execution.resumed", frozen=True):
    """Something can move again. ``variables`` came with the request to resume."""

    by: str | None = None
    variables: tuple[VariableOperation, ...] = ()


class ExecutionCancelling(Event, tag="execution.cancelling", frozen=True):
    """The point of no return of a cancellation."""

    reason: str = ""
    by: str | None = None


class ErrorHandlerEntered(Event, tag="execution.handling_error", frozen=True):
    """All else has settled and there was a failure: the workflow's error handler runs now, once (R20)."""

    error: NodeError


class ExecutionRecovered(Event, tag="execution.recovered", frozen=True):
    """A new owner took over."""

    epoch: int
    reason: str = ""


class ExecutionCompleted(Event, tag="execution.completed", frozen=True):
    """The end: success."""

    outputs: Value = None
    usage: Usage = Usage()


class ExecutionFailed(Event, tag="execution.failed", frozen=True):
    """The end: an unhandled failure. ``error`` is the first in time; ``outputs`` are partial."""

    error: NodeError
    errors: tuple[NodeError, ...] = ()
    outputs: Value = None
    usage: Usage = Usage()


class ExecutionCancelled(Event, tag="execution.cancelled", frozen=True):
    """The end: cancelled. It stays cancelled."""

    reason: str = ""
    outputs: Value = None
    usage: Usage = Usage()


class ExecutionTimedOut(Event, tag="execution.timed_out", frozen=True):
    """The end: active time or deadline used up."""

    error: NodeError
    outputs: Value = None
    usage: Usage = Usage()


class ExecutionCrashed(Event, tag="execution.crashed", frozen=True):
    """The end, until redriven: recovery failed too often."""

    reason: str = ""


class ExecutionRedriven(Event, tag="execution.redriven", frozen=True):
    """Somebody wants a crashed execution to go on from here; whoever claims it does."""

    by: str | None = None


class ExecutionExpired(Event, tag="execution.expired", frozen=True):
    """The end: not started within its time to live."""


# -- nodes --------------------------------------------------------------------------------------------------------


class NodeEvent(Event, tag=False, frozen=True):
    """Base: ``instance`` is the scope path and node id (R52), ``node_id`` the node of the plan."""

    instance: str
    node_id: str


class NodeReady(NodeEvent, tag="node.ready", frozen=True):
    """All incoming edges are settled; waits for a slot."""


class NodeStarted(NodeEvent, tag="node.started", frozen=True):
    """An attempt begins. ``tries`` grows only after a received failure, ``attempt`` also after a lost outcome (R31).

    ``step``: how many steps of the node are done; ``tries`` counts from 1 in each of them.
    """

    node_type: str
    attempt: int
    tries: int
    lane: str = "io"
    epoch: int = 1
    name: str = ""
    step: int = 0


class NodeToken(NodeEvent, tag="node.token", frozen=True):
    """A batch of streamed text (R33)."""

    attempt: int
    stream_id: str
    offset: int
    text: str
    tokens: int = 0


class NodeLog(NodeEvent, tag="node.log", frozen=True):
    """A line that a handler logged."""

    attempt: int
    message: str
    level: str = "info"
    fields: dict[str, Json] = {}


class NodeRetrying(NodeEvent, tag="node.retrying", frozen=True):
    """An attempt failed or was lost; the next one starts at ``due_at``. ``lost`` marks an unknown outcome."""

    attempt: int
    next_attempt: int
    due_at: int
    delay_ms: int
    error: NodeError
    lost: bool = False
    started_at: int = 0
    usage: Usage | None = None
    stream_id: str | None = None
    input: Value = None


class NodeWaiting(NodeEvent, tag="node.waiting", frozen=True):
    """The node waits without holding a slot. ``due_at`` for a time; ``output`` is what it will complete with.

    ``child``: the call of the workflow that it waits for; which version runs tells ``child.started`` (R19).
    ``waitpoint``: the key of the waitpoint at which it waits, ``pause`` what it asks there, with the token (R30).
    ``variables`` change when it completes. ``continues``: it then goes on with its next step instead of completing.
    """

    attempt: int
    wait_kind: str = "time"
    due_at: int | None = None
    reason: str = ""
    output: Value = None
    usage: Usage | None = None
    started_at: int = 0
    input: Value = None
    child: ChildCall | None = None
    waitpoint: str = ""
    pause: Pause | None = None
    variables: tuple[VariableOperation, ...] = ()
    continues: bool = False


class NodeStepped(NodeEvent, tag="node.stepped", frozen=True):
    """An attempt has done a part of the node's work, the ``step``-th: what follows begins at ``journal``, never before.

    ``name``, ``input`` and ``output`` are for people. ``node.ready`` or ``node.waiting`` follows.
    """

    attempt: int
    step: int
    name: str = ""
    journal: Value = None
    output: Value = None
    variables: tuple[VariableOperation, ...] = ()
    usage: Usage | None = None
    stream_id: str | None = None
    started_at: int = 0
    input: Value = None


class NodeAnswered(NodeEvent, tag="node.answered", frozen=True):
    """What the node waited for after a step has come to its end, with ``output`` or an ``error``: it goes on.

    ``started_at``: when it began to wait.
    """

    attempt: int
    step: int
    output: Value = None
    error: NodeError | None = None
    variables: tuple[VariableOperation, ...] = ()
    usage: Usage | None = None
    started_at: int = 0
    by: str | None = None


class WaitpointClosed(Event, tag="waitpoint.closed", frozen=True):
    """A waitpoint is ``completed`` with ``data``, ``timed_out`` or ``cancelled``. What waited there goes on next.

    ``waitpoint`` is its key in this execution.
    """

    waitpoint: str
    status: str
    data: Value = None
    by: str | None = None


class ChildStarted(NodeEvent, tag="child.started", frozen=True):
    """The child that a waiting node called is there, as the execution ``child_id``, in the version that runs (R19)."""

    attempt: int
    child_id: str
    workflow_id: str | None = None
    version: int | None = None


class ChildEnded(NodeEvent, tag="child.ended", frozen=True):
    """The child has ended with ``status``, by its event ``last_seq``. The node's own event follows."""

    attempt: int
    child_id: str
    status: str
    last_seq: int = 0


class NodeCompleted(NodeEvent, tag="node.completed", frozen=True):
    """Success. ``handles`` are exactly the handles whose edges live, None meaning all but ``error`` and ``goto``.

    ``handled_error`` is the error that ``onError`` turned into this result (R11). ``loop_control`` is ``break`` or
    ``continue``. ``end_reason`` says why a loop or parallel ended: items, condition, max_iterations, break, exit, or
    stopped. ``by``: who answered the waitpoint.
    """

    attempt: int
    output: Value = None
    handles: tuple[str, ...] | None = None
    variables: tuple[VariableOperation, ...] = ()
    usage: Usage | None = None
    stream_id: str | None = None
    started_at: int = 0
    handled_error: NodeError | None = None
    finish: bool = False
    input: Value = None
    loop_control: str = ""
    end_reason: str | None = None
    by: str | None = None


class NodeFailed(NodeEvent, tag="node.failed", frozen=True):
    """Failure after all retries. ``routed``: an error edge lives, the failure is handled there."""

    attempt: int
    error: NodeError
    routed: bool = False
    usage: Usage | None = None
    stream_id: str | None = None
    started_at: int = 0
    input: Value = None


class NodeReused(NodeEvent, tag="node.reused", frozen=True):
    """A node has an outcome without running: that of another execution, or one that the caller pinned (R54).

    ``failed``: it had failed, and its error edge lives. For the other fields see Outcome.
    """

    output: Value = None
    handles: tuple[str, ...] | None = None
    failed: bool = False
    error: NodeError | None = None
    variables: tuple[VariableOperation, ...] = ()
    exports: dict[str, Value] = {}
    exits: tuple[str, ...] = ()
    pinned: bool = False


class NodeSkipped(NodeEvent, tag="node.skipped", frozen=True):
    """No incoming edge is live; or ``void``: the execution ends before its incoming edges are settled (R9)."""

    void: bool = False


class NodeCancelled(NodeEvent, tag="node.cancelled", frozen=True):
    """Stopped by a cancellation or by a policy. ``continues``: in a wait between two steps, begun at ``started_at``."""

    attempt: int = 0
    started_at: int = 0
    continues: bool = False


class NodeDiscarded(NodeEvent, tag="node.discarded", frozen=True):
    """A result that came after its instance had ended (R35). Kept for the record, without effect."""

    attempt: int
    outcome: str = ""


# -- scopes and streams -------------------------------------------------------------------------------------------


class ScopeOpened(NodeEvent, tag="scope.opened", frozen=True):
    """A container knows its collection or count. ``total`` is -1 where only a condition ends it.

    ``capped``: there were more, but the node's own ``maxIterations`` is less.
    """

    total: int = -1
    items: Value = None
    capped: bool = False


class ScopeClosing(NodeEvent, tag="scope.closing", frozen=True):
    """All scopes of a container have ended; a lane is to put its output together from their results."""


class ScopeCollected(NodeEvent, tag="scope.collected", frozen=True):
    """The next results of a container, up to ``chunk.end``, are in a stored chunk of their manifest (R16).

    ``preview`` is the beginning of its text. ``error``: they could not be stored, and the container fails.
    """

    chunk: Chunk | None = None
    preview: str = ""
    error: NodeError | None = None


class ScopeStarted(NodeEvent, tag="scope.started", frozen=True):
    """One iteration or branch begins. ``item`` is its element, ``scope`` its path."""

    scope: str
    index: int
    total: int = -1
    item: Value = None


class ScopeCompleted(NodeEvent, tag="scope.completed", frozen=True):
    """One iteration or branch has ended. ``result`` is its entry in the container's results (R12)."""

    scope: str
    index: int
    result: Value = None
    error: NodeError | None = None


class StreamReset(NodeEvent, tag="stream.reset", frozen=True):
    """What a stream delivered from ``offset`` on is void: its attempt was superseded."""

    stream_id: str
    attempt: int
    offset: int = 0


AnyEvent: TypeAlias = (
    ExecutionQueued | ExecutionStarted | ExecutionWaiting | ExecutionPaused | ExecutionResumed | ExecutionCancelling
    | ErrorHandlerEntered | ExecutionRecovered | ExecutionCompleted | ExecutionFailed | ExecutionCancelled
    | ExecutionTimedOut | ExecutionCrashed | ExecutionRedriven | ExecutionExpired | NodeReady | NodeStarted | NodeToken
    | NodeLog | NodeRetrying | NodeWaiting | NodeCompleted | NodeReused | NodeFailed | NodeSkipped | NodeCancelled
    | NodeDiscarded | ChildStarted | ChildEnded | WaitpointClosed | ScopeOpened | ScopeClosing | ScopeCollected
    | ScopeStarted | ScopeCompleted | StreamReset | NodeStepped | NodeAnswered
)  # fmt: skip

TERMINAL_EVENTS = frozenset({
    "execution.completed", "execution.failed", "execution.cancelled", "execution.timed_out", "execution.crashed",
    "execution.expired",
})  # fmt: skip

_decoder = msgspec.json.Decoder(list[AnyEvent])
_VALUE_FIELDS = ("output", "outputs", "input", "items", "item", "result", "journal")


def event_type(event: Event) -> str:
    """The tag under which the event stands on the wire, such as ``node.completed``."""
    tag = type(event).__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def encode_events(events: Sequence[Event]) -> bytes:
    """JSON array of the events, each with its ``type``."""
    return msgspec.json.encode(events)


def decode_events(data: bytes | str) -> list[AnyEvent]:
    """Undo ``encode_events``. Raises msgspec.ValidationError for an unknown type or shape."""
    return [_restore_values(event) for event in _decoder.decode(data)]


def _restore_values(event: AnyEvent) -> AnyEvent:
    changes: dict[str, Any] = {}
    for name in _VALUE_FIELDS:
        value = getattr(event, name, None)
        if isinstance(value, dict) and isinstance(restored := as_value(value), StoredValue):
            changes[name] = restored
    if isinstance(event, NodeReused) and event.exports:
        changes["exports"] = {node_id: as_value(value) for node_id, value in event.exports.items()}
    elif isinstance(event, ExecutionStarted) and event.selection is not None:
        changes["selection"] = restored_selection(event.selection)
    return msgspec.structs.replace(event, **changes) if changes else event
