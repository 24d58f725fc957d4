"""Runs plans through the pure engine: scripted replies, a clock by hand, any order of completion. No threads, no sleep.

After every step the recorded events are folded anew and must give the live state (R29).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from flowray.engine import events as ev
from flowray.engine import stimuli as st
from flowray.engine.commands import (
    CancelTimer,
    Command,
    EndExecution,
    ExpireWaitpoint,
    PruneOutputs,
    RunNode,
    StartTimer,
    StopNode,
)
from flowray.engine.context import ContextSlice, context_for
from flowray.engine.events import encode_events, event_type
from flowray.engine.machine import new_state, step
from flowray.engine.plan_index import PlanIndex
from flowray.engine.replay import replay
from flowray.engine.signals import NodeError, Pause, Signals, Step, Usage, VariableOperation, Wait
from flowray.engine.snapshot import snapshot_from_json, snapshot_to_json
from flowray.engine.state import ExecutionState, NodeState
from flowray.engine.statuses import NodeStatus
from flowray.plan import ExecutionPlan

START_MS = 1_000_000
PLAIN = Signals()


@dataclass(frozen=True)
class Reply:
    """What one attempt does. ``silent``: it never answers by itself."""

    output: Any = None
    error: NodeError | None = None
    signals: Signals = PLAIN
    variables: tuple[VariableOperation, ...] = ()
    usage: Usage | None = None
    lost: bool = False
    silent: bool = False


def ok(output: Any = None, **fields: Any) -> Reply:
    """Success."""
    return Reply(output=output, **fields)


def route(*handles: str, output: Any = None) -> Reply:
    """A branch selects handles."""
    return Reply(output=output, signals=Signals(selected_routes=handles))


def err(code: str = "NODE_FAILED", message: str = "boom", **fields: Any) -> Reply:
    """Failure."""
    return Reply(error=NodeError(message=message, code=code, **fields))


def sleeps(until_ms: int, output: Any = None) -> Reply:
    """Wait until a time, then complete with ``output``."""
    return Reply(signals=Signals(wait=Wait(until_ms=until_ms, output=output)))


def asks(reason: str = "approve?", **fields: Any) -> Reply:
    """Pause for a person."""
    return Reply(signals=Signals(pause=Pause(reason=reason, **fields)))


def steps(name: str, state: Any = None, **signals: Any) -> Reply:
    """Do a step of several."""
    return Reply(signals=Signals(step=Step(name=name, state=state), **signals))


LOST = Reply(lost=True)
SILENT = Reply(silent=True)

Script = Reply | Sequence[Reply] | Callable[[RunNode, ContextSlice], Reply]
"""The same reply for every call, one per call (the last repeats), or a function of the call and what it may read."""


@dataclass
class Run:
    """One execution under test. ``log`` holds the encoded events of each step, as a database would."""

    plan: ExecutionPlan
    script: Mapping[str, Script] = field(default_factory=dict)
    pick: Callable[[Sequence[RunNode]], int] = lambda pending: 0
    check: bool = True

    def __post_init__(self) -> None:
        self.index = PlanIndex(self.plan)
        self.state: ExecutionState = new_state()
        self.now = START_MS
        self.events: list[ev.AnyEvent] = []
        self.log: list[bytes] = []
        self.pending: list[RunNode] = []
        self.timers: dict[str, int] = {}
        self.calls: Counter[str] = Counter()
        self.commands: list[Command] = []
        self.ended: str | None = None
        self.slices: dict[str, ContextSlice] = {}
        self.most_running = 0
        self.dispatched: set[tuple[str, int, str]] = set()
        self._folded = new_state()

    # -- stimuli --------------------------------------------------------------------------------------------------

    def start(self, **inputs: Any) -> Self:
        """Begin."""
        self.send(st.Start(ts=self.now, inputs=inputs))
        return self

    def send(self, stimulus: st.AnyStimulus) -> list[ev.AnyEvent]:
        """One step: records, checks, and carries the commands out."""
        outcome = step(self.index, self.state, stimulus)
        self.events += outcome.events
        if outcome.events:
            self.log.append(encode_events(outcome.events))
        if self.check:
            self.check_fold(outcome.events)
        self.most_running = max(self.most_running, len(self.state.running))
        for command in outcome.commands:
            self._carry_out(command)
        return outcome.events

    def check_fold(self, fresh: Sequence[ev.AnyEvent]) -> None:
        """Fold == live, and the work lists are empty between steps."""
        if fresh:
            replay(self.index, self.log[-1:], self._folded)
        live = snapshot_to_json(self.state)
        assert snapshot_to_json(self._folded) == live
        assert snapshot_to_json(snapshot_from_json(live)) == live
        assert not self.state.agenda
        assert not self.state.finished_scopes
        assert not self.state.dropped

    def _carry_out(self, command: Command) -> None:
        self.commands.append(command)
        match command:
            case RunNode():
                key = (command.instance, command.attempt, command.sentinel)
                assert key not in self.dispatched or command.sentinel, f"{key} was dispatched twice"
                self.dispatched.add(key)
                self.pending.append(command)
                self.slices[command.instance] = context_for(self.index, self.state, command.instance)
            case StartTimer(timer_id, due_at):
                self.timers[timer_id] = due_at
            case CancelTimer(timer_id):
                self.timers.pop(timer_id, None)
            case StopNode(instance, attempt):
                self.pending = [call for call in self.pending if (call.instance, call.attempt) != (instance, attempt)]
            case EndExecution(status):
                assert self.ended is None
                self.ended = status
            case ExpireWaitpoint(waitpoint):
                self.send(st.WaitExpired(ts=self.now, waitpoint=waitpoint))
            case PruneOutputs():
                pass

    # -- playing the script ---------------------------------------------------------------------------------------

    def reply_of(self, call: RunNode) -> Reply:
        """What the script says about this call."""
        script = self.script.get(call.instance, self.script.get(call.node_id, ok({"from": call.node_id})))
        if callable(script):
            return script(call, self.slices[call.instance])
        if isinstance(script, Reply):
            return script
        replies = list(script)
        number = self.calls[call.instance]
        return replies[min(number, len(replies) - 1)]

    def answer(self, call: RunNode) -> list[ev.AnyEvent]:
        """Let one pending call answer as the script says."""
        reply = self.reply_of(call)
        self.pending.remove(call)
        self.calls[call.instance] += 1
        if reply.silent:
            return []
        if reply.lost:
            return self.send(st.AttemptLost(ts=self.now, instance=call.instance, attempt=call.attempt, reason="killed"))
        if reply.error is not None:
            return self.send(
                st.AttemptFailed(
                    ts=self.now,
                    instance=call.instance,
                    attempt=call.attempt,
                    error=reply.error,
                    usage=reply.usage,
                    started_at=self.now,
                )
            )
        return self.send(
            st.AttemptSucceeded(
                ts=self.now,
                instance=call.instance,
                attempt=call.attempt,
                output=reply.output,
                signals=reply.signals,
                variables=reply.variables,
                usage=reply.usage,
                started_at=self.now,
            )
        )

    def call(self, instance: str) -> RunNode:
        """The pending call of an instance."""
        return next(call for call in self.pending if call.instance == instance)

    def finish(self, instance: str) -> list[ev.AnyEvent]:
        """Let the pending call of one instance answer now."""
        return self.answer(self.call(instance))

    def fire_next_timer(self) -> list[ev.AnyEvent]:
        """Move the clock to the next timer and fire it."""
        timer_id, due_at = min(self.timers.items(), key=lambda entry: (entry[1], entry[0]))
        del self.timers[timer_id]
        self.now = max(self.now, due_at)
        return self.send(st.TimerFired(ts=self.now, timer_id=timer_id))

    def move(self) -> bool:
        """One more thing happens: a call answers (``pick`` says which), or the next timer fires. False at rest."""
        if self.ended is not None:
            return False
        if self.pending:
            self.now += 1
            self.answer(self.pending[self.pick(self.pending)])
            return True
        if self.timers:
            self.fire_next_timer()
            return True
        return False

    def play(self, most_moves: int = 100_000) -> Self:
        """Go on until it ends or only a person can move it."""
        for _ in range(most_moves):
            if not self.move():
                return self
        raise AssertionError(f"still moving after {most_moves} moves")

    # -- another owner --------------------------------------------------------------------------------------------

    def crash_and_recover(self, epoch: int | None = None) -> None:
        """The owner dies: only the log is left. A new one folds it and goes on."""
        self.state = replay(self.index, self.log)
        self.pending, self.timers = [], {}
        self.send(st.Recovered(ts=self.now, epoch=epoch or self.state.epoch + 1, reason="the owner died"))

    # -- what to look at ------------------------------------------------------------------------------------------

    def of_type(self, *kinds: str) -> list[Any]:
        """Recorded events of these types."""
        return [event for event in self.events if event_type(event) in kinds]

    def types(self) -> list[str]:
        """Types of all events, in order."""
        return [event_type(event) for event in self.events]

    def root(self) -> dict[str, NodeState]:
        """Instances of the root scope."""
        return self.state.scopes[""].nodes

    def statuses(self) -> dict[str, str]:
        """Status of every root node."""
        return {node_id: node.status.value for node_id, node in self.root().items()}

    def with_status(self, status: NodeStatus) -> set[str]:
        """Root nodes in one status."""
        return {node_id for node_id, node in self.root().items() if node.status is status}

    @property
    def completed(self) -> set[str]:
        return self.with_status(NodeStatus.COMPLETED)

    @property
    def skipped(self) -> set[str]:
        return self.with_status(NodeStatus.SKIPPED)

    @property
    def outputs(self) -> Any:
        """Outputs of the ended execution."""
        return self.state.outputs

    def output_of(self, instance: str) -> Any:
        """The output with which an instance completed, from the log."""
        return next(event.output for event in self.of_type("node.completed") if event.instance == instance)

    def started(self) -> list[str]:
        """Instances in the order in which attempts began, containers included."""
        return [event.instance for event in self.of_type("node.started")]


def run(plan: ExecutionPlan, script: Mapping[str, Script] | None = None, **inputs: Any) -> Run:
    """Start and play to the end."""
    return Run(plan, script or {}).start(**inputs).play()


def items(*values: Any) -> Reply:
    """A sentinel's answer: the collection."""
    return ok({"items": list(values)})


def goes_on(*rounds: bool) -> Callable[[RunNode, ContextSlice], Reply]:
    """A conditional loop's sentinel: opens, then answers round by round; false after the last."""

    def answer(call: RunNode, _: ContextSlice) -> Reply:
        if call.sentinel == "open":
            return ok({"total": None})
        return ok({"continue": call.round < len(rounds) and rounds[call.round]})

    return answer


def lines(events: Iterable[Any]) -> list[str]:
    """``type instance`` of each event, for comparison."""
    return [f"{event_type(event)} {getattr(event, 'instance', '')}".strip() for event in events]
