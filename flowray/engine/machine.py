"""The engine: ``step`` is the only place where an execution moves. Start here.

A stimulus comes in; events (what has happened) and commands (what must be done) go out. No clock, no I/O, no Ray, no
randomness. ``step`` decides, ``folding.apply`` changes the state, so recovery is a fold of the recorded events.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from flowray.definition.policies import JoinRule, OnFailure
from flowray.engine import attempts, children, closing, iteration, pausing, waitpoints
from flowray.engine import events as ev
from flowray.engine import stimuli as st
from flowray.engine.budget import agreed, ended_by_budget
from flowray.engine.commands import Command, EndExecution, PruneOutputs, RunNode, StartTimer
from flowray.engine.endings import (
    DEADLINE_TIMER,
    EXECUTION_TIMER,
    active_deadline,
    conclude,
    end_cancelled,
    end_timed_out,
    enter,
    stop_open,
)
from flowray.engine.instances import instance_id
from flowray.engine.plan_index import PlanIndex
from flowray.engine.start_points import Outcome
from flowray.engine.state import ExecutionState, is_redriven, work_done
from flowray.engine.statuses import ExecutionStatus, NodeStatus
from flowray.engine.turn import Turn


class Step(NamedTuple):
    """Outcome of one step: events in the order in which they happened, commands in the order to carry out."""

    events: list[ev.AnyEvent]
    commands: list[Command]


def step(index: PlanIndex, state: ExecutionState, stimulus: st.AnyStimulus) -> Step:
    """Take one stimulus, change ``state`` in place, and say what happened and what must be done.

    A stimulus that no longer matters (a late or repeated result, a forgotten timer, anything after the end) leads to
    nothing, or to a ``node.discarded`` for the record. Raises RuntimeError only if the engine itself is wrong.
    """
    turn = Turn(index, state, stimulus.ts)
    if not state.ended:
        _DECIDE[type(stimulus)](turn, stimulus)
        if not state.ended and not ended_by_budget(turn):
            _advance(turn)
        if state.dropped:
            turn.command(PruneOutputs(tuple(dict.fromkeys(state.dropped))))
        work_done(state)
    return Step(turn.events, turn.commands)


def new_state() -> ExecutionState:
    """The state of an execution of which nothing is recorded."""
    return ExecutionState()


# -- what each stimulus means --------------------------------------------------------------------------------------


def _start(turn: Turn, stimulus: st.Start) -> None:
    if turn.state.status not in (ExecutionStatus.QUEUED, ExecutionStatus.DELAYED):
        return
    turn.emit(
        ev.ExecutionStarted(
            ts=turn.ts, inputs=stimulus.inputs, total=turn.index.total, deadline_ms=stimulus.deadline_ms,
            selection=stimulus.selection.recorded() if stimulus.selection is not None else None,
            budget=agreed(turn.index.plan.settings, stimulus.budget),
        )
    )  # fmt: skip
    if _ended_by_deadline(turn):
        return
    _start_clock(turn)
    if stimulus.selection is not None:
        for node_id, outcome in stimulus.selection.given.items():
            _reuse(turn, "", node_id, outcome)


def _expire(turn: Turn, _stimulus: st.Expire) -> None:
    if turn.state.status in (ExecutionStatus.QUEUED, ExecutionStatus.DELAYED):
        turn.emit(ev.ExecutionExpired(ts=turn.ts))
        turn.command(EndExecution(turn.state.status.value))


def _ended_by_timeout(turn: Turn) -> bool:
    """End the execution if its active time is used up. A timer set before it waited is early: that does not count."""
    deadline = active_deadline(turn)
    if turn.state.status is not ExecutionStatus.RUNNING or deadline is None or turn.ts < deadline:
        return False
    stop_open(turn, "execution timed out")
    end_timed_out(turn, f"The execution ran longer than its timeout of {turn.index.plan.settings.timeout_ms} ms")
    return True


def _start_clock(turn: Turn) -> None:
    deadline = active_deadline(turn)
    if deadline is not None and turn.state.status is ExecutionStatus.RUNNING:
        turn.command(StartTimer(EXECUTION_TIMER, deadline))
    if turn.state.deadline_ms is not None:
        turn.command(StartTimer(DEADLINE_TIMER, turn.state.deadline_ms))


def _ended_by_deadline(turn: Turn) -> bool:
    """End the execution if its deadline has passed; nothing is begun that would have to be stopped at once (R14)."""
    if turn.state.deadline_ms is None or turn.ts < turn.state.deadline_ms:
        return False
    stop_open(turn, "the execution's deadline has passed")
    end_timed_out(turn, "The execution's deadline has passed")
    return True


def _succeeded(turn: Turn, stimulus: st.AttemptSucceeded) -> None:
    found = attempts.current(turn, stimulus.instance, stimulus.attempt, "succeeded")
    if found is None:
        return
    if found.is_container and stimulus.attempt < 0:
        closing.collected(turn, stimulus.instance, found.node.id, stimulus.output)
    elif found.is_container:
        iteration.answered(turn, stimulus.instance, found.node.id, stimulus.output)
    else:
        attempts.succeed(turn, found, stimulus)
        if found.state.child is not None:
            children.start(turn, stimulus.instance, found.state, found.state.child)
        elif found.state.pause is not None:
            waitpoints.opened(turn, found)


def _failed(turn: Turn, stimulus: st.AttemptFailed) -> None:
    found = attempts.current(turn, stimulus.instance, stimulus.attempt, "failed")
    if found is None:
        return
    if stimulus.attempt < 0:
        closing.not_collected(turn, stimulus.instance, found.node.id, stimulus.error)
    else:
        attempts.fail(turn, found, stimulus)


def _lost(turn: Turn, stimulus: st.AttemptLost) -> None:
    found = attempts.current(turn, stimulus.instance, stimulus.attempt, "lost")
    if found is None:
        return
    if found.is_container and stimulus.attempt < 0:
        error = attempts.lose(turn, found, stimulus.reason, stimulus.unstarted)
        if error is None:
            closing.collect(turn, stimulus.instance, found.node.id)
        else:
            closing.not_collected(turn, stimulus.instance, found.node.id, error)
        return
    _lose(turn, found, stimulus.reason, stimulus.unstarted)
    if stimulus.instance in turn.state.containers:
        iteration.ask_again(turn, stimulus.instance, found.node.id)


def _lose(turn: Turn, found: attempts.Attempt, reason: str, unstarted: bool = False) -> None:
    """It starts again, or has failed."""
    error = attempts.lose(turn, found, reason, unstarted)
    if error is not None:
        attempts.settle_failure(turn, found, error)


def _tokens(turn: Turn, stimulus: st.TokensProduced) -> None:
    found = attempts.current(turn, stimulus.instance, stimulus.attempt, "")
    if found is not None:
        turn.emit(
            ev.NodeToken(
                ts=turn.ts, instance=stimulus.instance, node_id=found.node.id, attempt=found.state.attempt,
                stream_id=stimulus.stream_id, offset=stimulus.offset, text=stimulus.text, tokens=stimulus.tokens,
            )
        )  # fmt: skip


def _logged(turn: Turn, stimulus: st.NodeLogged) -> None:
    found = attempts.current(turn, stimulus.instance, stimulus.attempt, "")
    if found is not None:
        turn.emit(
            ev.NodeLog(
                ts=turn.ts, instance=stimulus.instance, node_id=found.node.id, attempt=found.state.attempt,
                message=stimulus.message, level=stimulus.level, fields=stimulus.fields,
            )
        )  # fmt: skip


def _attempt_started(turn: Turn, stimulus: st.AttemptStarted) -> None:
    found = attempts.current(turn, stimulus.instance, stimulus.attempt, "")
    if found is not None and found.node.timeout_ms is not None and not found.is_container:
        attempts.guard(turn, stimulus.instance, stimulus.attempt, found.node.timeout_ms)


def _timer(turn: Turn, stimulus: st.TimerFired) -> None:
    if stimulus.timer_id == EXECUTION_TIMER:
        _ended_by_timeout(turn)
    elif stimulus.timer_id == DEADLINE_TIMER:
        _ended_by_deadline(turn)
    elif stimulus.timer_id.startswith(children.TIMER):
        children.timed_out(turn, stimulus.timer_id.removeprefix(children.TIMER))
    else:
        attempts.timer_fired(turn, stimulus.timer_id)


def _cancel(turn: Turn, stimulus: st.CancelRequested) -> None:
    turn.emit(ev.ExecutionCancelling(ts=turn.ts, reason=stimulus.reason, by=stimulus.by))
    stop_open(turn, stimulus.reason)
    end_cancelled(turn)


def _recovered(turn: Turn, stimulus: st.Recovered) -> None:
    """What was in flight and is not adopted is lost: run it again, and set every timer anew (R29, R32, R38)."""
    redriven = is_redriven(turn.state)
    turn.emit(ev.ExecutionRecovered(ts=turn.ts, epoch=stimulus.epoch, reason=stimulus.reason))
    state = turn.state
    if state.status is ExecutionStatus.QUEUED:
        return
    if _ended_by_deadline(turn) or _ended_by_timeout(turn):
        return
    _start_clock(turn)
    for instance, attempt in list(state.running.items()):
        found = attempts.current(turn, instance, attempt, "lost")
        if found is not None and (instance, attempt) in stimulus.adopted:
            attempts.reset_stream(turn, found)  # What it has said so far comes again.
        elif found is not None:
            _lose(turn, found, stimulus.reason or "the owner of the execution died")
    attempts.restore_timers(turn)
    if redriven:
        children.call_again(turn)
    children.attach_again(turn)
    for instance, container in list(state.containers.items()):
        if container.asking:
            iteration.ask_again(turn, instance, attempts.locate(turn, instance)[0].id)
        if container.collecting:
            closing.collect(turn, instance, attempts.locate(turn, instance)[0].id)


_DECIDE: dict[type[Any], Callable[[Turn, Any], None]] = {
    st.Start: _start,
    st.Expire: _expire,
    st.AttemptStarted: _attempt_started,
    st.AttemptSucceeded: _succeeded,
    st.AttemptFailed: _failed,
    st.AttemptLost: _lost,
    st.TokensProduced: _tokens,
    st.NodeLogged: _logged,
    st.TimerFired: _timer,
    st.WaitAnswered: waitpoints.answered,
    st.WaitExpired: waitpoints.expired,
    st.PauseRequested: pausing.pause,
    st.ResumeRequested: pausing.resume,
    st.ChildStarted: children.started,
    st.ChildEnded: children.ended,
    st.CancelRequested: _cancel,
    st.Recovered: _recovered,
}


# -- what follows by itself ----------------------------------------------------------------------------------------


def _advance(turn: Turn) -> None:
    """Follow every consequence until nothing moves, then fill the free slots and see whether it is over."""
    while True:
        _follow(turn)
        _fill_slots(turn)
        if not conclude(turn):
            return


def _follow(turn: Turn) -> None:
    state = turn.state
    while True:
        _drain_agenda(turn)
        if not state.finished_scopes:
            break
        finished, state.finished_scopes = state.finished_scopes, []
        for scope_id in finished:
            iteration.scope_finished(turn, scope_id)
    if state.stopping and turn.index.plan.settings.on_failure is OnFailure.CANCEL_RUNNING:
        stop_open(turn, "another node failed")


def _drain_agenda(turn: Turn) -> None:
    """Decide every instance whose incoming edges are all settled: it runs, or it is skipped (R3)."""
    state, index = turn.state, turn.index
    agenda = state.agenda
    position = 0
    while position < len(agenda):
        scope_id, node_id = agenda[position]
        position += 1
        scope = state.scopes.get(scope_id)
        node = scope.nodes[node_id] if scope else None
        if node is None or node.status is not NodeStatus.PENDING or state.stopping or state.finishing:
            continue
        known = index.nodes[node_id]
        feeders = known.flows + (1 if known.is_start else 0)
        needed = max(feeders, 1) if known.node.join is JoinRule.ALL else 1
        instance = instance_id(scope_id, node_id)
        selection = state.selection
        if selection is not None and not selection.is_chosen(scope_id, node_id):
            void = node_id not in selection.skipped
            turn.emit(ev.NodeSkipped(ts=turn.ts, instance=instance, node_id=node_id, void=void))
        elif node.live < needed and not (selection is not None and selection.is_forced(scope_id, node_id)):
            turn.emit(ev.NodeSkipped(ts=turn.ts, instance=instance, node_id=node_id))
        elif selection is not None and node_id in selection.at_turn:
            _reuse(turn, scope_id, node_id, selection.at_turn[node_id])
        else:
            turn.emit(ev.NodeReady(ts=turn.ts, instance=instance, node_id=node_id))
            if known.is_container:
                iteration.begin(turn, instance, node_id)
    agenda.clear()


def _reuse(turn: Turn, scope_id: str, node_id: str, outcome: Outcome) -> None:
    """A node ends as it ended elsewhere, or as the caller says, without running."""
    turn.emit(
        ev.NodeReused(
            ts=turn.ts, instance=instance_id(scope_id, node_id), node_id=node_id, output=outcome.output,
            handles=outcome.handles, failed=outcome.failed, error=outcome.error, variables=outcome.variables,
            exports=outcome.exports, exits=outcome.exits, pinned=outcome.pinned,
        )
    )  # fmt: skip


def _fill_slots(turn: Turn) -> None:
    """Start ready instances, first come first served, up to ``maxConcurrentNodes`` running leaves (R13)."""
    state = turn.state
    limit = turn.index.plan.settings.max_concurrent_nodes
    while state.hold is None and len(state.running) < limit and (instance := _next_ready(turn)) is not None:
        enter(turn, ExecutionStatus.RUNNING)
        node, known = attempts.locate(turn, instance)
        attempt, tries = known.attempt + 1, max(known.tries, 1)
        turn.emit(
            ev.NodeStarted(
                ts=turn.ts, instance=instance, node_id=node.id, node_type=node.type, name=node.name, attempt=attempt,
                tries=tries, lane=turn.index.nodes[node.id].lane, epoch=state.epoch, step=known.step,
            )
        )  # fmt: skip
        turn.command(RunNode(instance, node.id, attempt, tries, step=known.step))


def _next_ready(turn: Turn) -> str | None:
    state = turn.state
    if not (state.stopping or state.finishing):
        return state.ready.first()
    # Nothing new starts, but what had begun drains: attempts that were lost or have backed off (R9, R10).
    return next((instance for instance in state.ready if attempts.locate(turn, instance)[1].attempt), None)


def ends(commands: list[Command]) -> bool:
    """True if the execution ended or was released with these commands."""
    return any(isinstance(command, EndExecution) for command in commands)
