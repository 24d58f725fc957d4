"""What reaches the engine from outside: results of attempts, fired timers, requests. ``step`` turns them into events.

A stimulus is not yet a fact: one that comes too late or twice is dropped, or recorded as discarded. Times are
milliseconds since the epoch, UTC.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from flowray.engine.signals import Budget, NodeError, Signals, Usage, VariableOperation
from flowray.engine.start_points import Selection
from flowray.values import Json, Value


class Stimulus(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="kind", kw_only=True):
    """Base. ``ts`` is when it was received. ``incarnation`` is that of the task whose attempt speaks, 0 for others."""

    ts: int
    incarnation: int = 0


class Start(Stimulus, tag="start", frozen=True):
    """Begin the execution with ``inputs`` (validated, defaults filled in).

    ``deadline_ms`` is absolute, ms since the epoch, and runs on while the execution waits (R14). ``selection``: run
    only a part of the plan. ``budget``: what its starter lets it spend; its workflow may allow less.
    """

    inputs: dict[str, Any] = {}
    deadline_ms: int | None = None
    selection: Selection | None = None
    budget: Budget | None = None


class Expire(Stimulus, tag="expire", frozen=True):
    """It was not started within its time to live. Means nothing once it has started."""


class AttemptStarted(Stimulus, tag="attempt_started", frozen=True):
    """A lane has begun the attempt: its timeout counts from here (R14)."""

    instance: str
    attempt: int


class AttemptSucceeded(Stimulus, tag="attempt_succeeded", frozen=True):
    """A handler returned. ``input`` is the resolved config as the log shows it (masked, shortened)."""

    instance: str
    attempt: int
    output: Value = None
    signals: Signals = Signals()
    variables: tuple[VariableOperation, ...] = ()
    usage: Usage | None = None
    stream_id: str | None = None
    started_at: int = 0
    ended_at: int = 0
    input: Value = None


class AttemptFailed(Stimulus, tag="attempt_failed", frozen=True):
    """A handler failed, timed out, or could not be run."""

    instance: str
    attempt: int
    error: NodeError
    usage: Usage | None = None
    stream_id: str | None = None
    started_at: int = 0
    ended_at: int = 0
    input: Value = None


class AttemptLost(Stimulus, tag="attempt_lost", frozen=True):
    """The process that ran the attempt died; whether it had an effect is unknown (R31, R38, R39).

    ``unstarted``: nothing has begun it in its time, and it has been called back (R14).
    """

    instance: str
    attempt: int
    reason: str = ""
    unstarted: bool = False


class TokensProduced(Stimulus, tag="tokens_produced", frozen=True):
    """A batch of streamed text. ``offset`` counts characters from the start of the attempt's stream."""

    instance: str
    attempt: int
    stream_id: str
    offset: int
    text: str
    tokens: int = 0


class NodeLogged(Stimulus, tag="node_logged", frozen=True):
    """A line a handler logged. ``fields`` is JSON."""

    instance: str
    attempt: int
    message: str
    level: str = "info"
    fields: dict[str, Json] = {}


class TimerFired(Stimulus, tag="timer_fired", frozen=True):
    """A timer that ``StartTimer`` asked for is due."""

    timer_id: str


class WaitAnswered(Stimulus, tag="wait_answered", frozen=True):
    """A waitpoint got its answer: a person, a callback or an event. Named by its ``waitpoint`` key, or by ``instance``.

    ``variables`` are set along with it.
    """

    instance: str = ""
    data: Value = None
    by: str | None = None
    waitpoint: str = ""
    variables: dict[str, Any] = {}


class WaitExpired(Stimulus, tag="wait_expired", frozen=True):
    """Nobody answered a waitpoint in time: decided where answers are kept, so that none that came first is lost.

    ``code``: it cannot be answered at all, for this reason. ``message`` says more than the engine knows.
    """

    waitpoint: str
    code: str = ""
    message: str = ""


class PauseRequested(Stimulus, tag="pause_requested", frozen=True):
    """Somebody wants the execution to rest: nothing new starts until it is resumed, what runs drains."""

    reason: str = "Paused by user"
    by: str | None = None


class ResumeRequested(Stimulus, tag="resume_requested", frozen=True):
    """Somebody wants a requested pause to end. ``variables`` are set first. Means nothing if none was requested."""

    variables: dict[str, Any] = {}
    by: str | None = None


class ChildStarted(Stimulus, tag="child_started", frozen=True):
    """The child that an instance waits for is committed, or was found, as the execution ``child_id`` (R19)."""

    instance: str
    key: str
    child_id: str
    workflow_id: str | None = None
    version: int | None = None


class ChildEnded(Stimulus, tag="child_ended", frozen=True):
    """A child execution that an instance waits for has ended, with a terminal status (R19).

    ``refused``: it could not be started; there is no child. ``last_seq``: the number of the child's last event.
    """

    instance: str
    key: str
    status: str
    outputs: Value = None
    error: NodeError | None = None
    usage: Usage | None = None
    child_id: str = ""
    workflow_id: str | None = None
    version: int | None = None
    last_seq: int = 0


class CancelRequested(Stimulus, tag="cancel_requested", frozen=True):
    """Somebody wants the execution stopped. The first reason wins."""

    reason: str = "Cancelled by user"
    by: str | None = None


class Recovered(Stimulus, tag="recovered", frozen=True):
    """A new owner has taken the execution over after its former owner died (R22, R38).

    ``adopted``: attempts, as ``(instance, attempt)``, that go on where they run; all others are lost.
    """

    epoch: int
    reason: str = ""
    adopted: frozenset[tuple[str, int]] = frozenset()


AttemptEnd: TypeAlias = AttemptSucceeded | AttemptFailed | AttemptLost
"""Nothing comes from an attempt after one of these."""

AnyStimulus: TypeAlias = (
    Start | Expire | AttemptStarted | AttemptSucceeded | AttemptFailed | AttemptLost | TokensProduced | NodeLogged
    | TimerFired | WaitAnswered | WaitExpired | PauseRequested | ResumeRequested | ChildStarted | ChildEnded
    | CancelRequested | Recovered
)  # fmt: skip
