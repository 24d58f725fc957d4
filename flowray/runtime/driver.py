"""The loop around the engine: stimulus → step → events → commit → commands. No Ray, no HTTP, no SQL. Start here.

One thread owns all executions of a process, so the engine needs no locks. Everything reaches it through one queue:
results from lanes, requests, due timers, and the journal's word that a commit is durable. Events of many executions
share a commit; nothing leaves before it is committed (R24).
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

from flowray.engine import events as ev
from flowray.engine import stimuli as st
from flowray.engine.commands import (
    CancelTimer,
    EndExecution,
    ExpireWaitpoint,
    PruneOutputs,
    StartChild,
    StartTimer,
    StopChild,
    StopNode,
)
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.node_task import NodeTask
from flowray.persistence.records import InboxRecord
from flowray.persistence.stores import Journal, Reader
from flowray.persistence.writes import AnyResult, AppendEvents, Done, Inserted, InsertInbox, Pending, Refused
from flowray.runtime.children import CANCEL, CHILD, Children, ended
from flowray.runtime.crash_points import CrashPoint, reached
from flowray.runtime.departed import Departed
from flowray.runtime.dispatching import Dispatching
from flowray.runtime.executor import Executor, Limits
from flowray.runtime.live import Action, LiveExecution
from flowray.runtime.poison import PROBATION_MS
from flowray.runtime.queues import QueueWatch
from flowray.runtime.timers import Timers
from flowray.runtime.waitpoints import expiry_row, stimulus_of

logger = logging.getLogger(__name__)

IDLE_S = 0.5
"""How long the loop sleeps when nothing is due: bounds how late a stop is noticed, not how fast work is."""


REST_TIMER = "rest"
REST_AFTER_MS = 2_000
"""How long an execution that only waits stays: answers often come at once, and taking it up again folds its log."""

PROBATION_TIMER = "probation"
LIMITS_TIMER = "limits"

NEAR_MS = 5_000
"""One that goes on by itself within this time stays: a sweep that finds it may be two seconds late."""

NEAR_IN_QUEUE_MS = 1_000
"""The same where others may wait for its slot."""


Message = tuple[Callable[..., None], tuple[Any, ...]]

Publish = Callable[[str, int, Sequence[ev.AnyEvent]], None]
"""``(execution id, first seq, events)``, called for every durable commit, in order of seq per execution."""


class Driver:
    """Drives any number of executions. Those that only wait are left to whoever claims them, and ``gave_up`` is told
    their ids; None keeps them.

    Thread-safe methods: ``own``, ``post``, ``deliver_inbox``, ``call``, ``stop``.
    """

    def __init__(
        self,
        journal: Journal,
        reader: Reader,
        publish: Publish,
        now_ms: Callable[[], int],
        may_dispatch: Callable[[], bool] = lambda: True,
        gave_up: Callable[[str], None] | None = None,
        queues: QueueWatch | None = None,
    ) -> None:
        self._journal = journal
        self._reader = reader
        self._publish = publish
        self._now_ms = now_ms
        self._gave_up = gave_up
        self._queues = queues or QueueWatch(reader, now_ms)
        self._children: Children | None = None
        self._messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._live: dict[str, LiveExecution] = {}
        self._dirty: dict[str, LiveExecution] = {}
        self._timers = Timers()
        self._attempts = Dispatching(self._timers, now_ms, self._is_wanted, may_dispatch)
        self._departed = Departed()
        self._thread = threading.Thread(target=self._run, name="flowray-driver", daemon=True)

    # -- called from other threads --------------------------------------------------------------------------------

    def start(self, executor: Executor, children: Children | None = None, limits: Limits | None = None) -> None:
        """Start the thread. These are given here because they need ``post``, ``call`` or ``dispatch``."""
        self._attempts.executor, self._attempts.limits, self._children = executor, limits, children
        self._thread.start()

    def own(self, live: LiveExecution, stimulus: st.AnyStimulus | None) -> None:
        """Drive an execution from now on, beginning with ``stimulus`` (Start or Recovered); without, with its inbox."""
        self._messages.put((self._do_own, (live, stimulus)))

    def post(self, execution_id: str, stimulus: st.AnyStimulus) -> None:
        """Deliver a stimulus; dropped if the execution is not (or no longer) driven here."""
        self._messages.put((self._do_take, (execution_id, stimulus)))

    def post_many(self, stimuli: Sequence[tuple[str, st.AnyStimulus]]) -> None:
        """Deliver several stimuli at once, in order."""
        self._messages.put((self._do_take_many, (stimuli,)))

    def deliver_inbox(self, execution_id: str, rows: Sequence[InboxRecord]) -> None:
        """Fold inbox rows; they are marked consumed with the events they lead to (R25)."""
        self._messages.put((self._do_inbox, (execution_id, rows)))

    def call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call a function on the thread of this driver, soon."""
        self._messages.put((function, arguments))

    def stop(self) -> None:
        """Stop the thread after what is queued. Executions stay as committed."""
        self._messages.put(None)
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()

    def owned(self) -> list[str]:
        """Ids of the executions driven here (a moment's view)."""
        return list(self._live)

    def owned_count(self) -> int:
        """How many there are."""
        return len(self._live)

    def is_on_probation(self, execution_id: str) -> bool:
        """Whether it is driven here and may yet turn out to kill its owners (a moment's view)."""
        live = self._live.get(execution_id)
        return live is not None and live.on_probation

    # -- called by its limits, on its own thread ------------------------------------------------------------------

    def dispatch(self, tasks: Sequence[NodeTask]) -> None:
        """Send attempts on their way that were held back, if they are still wanted."""
        self._attempts.add_allowed(tasks)

    def call_for_limits_at(self, due_at: int) -> None:
        """Call ``ask_again`` of the limits then, ms since the epoch."""
        self._timers.set("", LIMITS_TIMER, due_at)

    # -- the loop -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            try:
                if not self._turn():
                    return
            except Exception:
                # A bug in one turn must not take the loop, and with it every other execution, down.
                logger.exception("flowray driver: a turn failed")

    def _turn(self) -> bool:
        """Take everything that is queued, then commit and dispatch once. False when asked to stop."""
        messages, going_on = self._gather()
        for action, arguments in messages:
            try:
                action(*arguments)
            except Exception:
                logger.exception("flowray driver: a message was lost")
        now = self._now_ms()
        for execution_id, timer_id in self._timers.pop_due(now):
            if timer_id == REST_TIMER:
                self._rest(self._live.get(execution_id))
                continue
            if timer_id == LIMITS_TIMER and self._attempts.limits is not None:
                self._attempts.limits.ask_again()
                continue
            if timer_id == PROBATION_TIMER:
                self._acquit(self._live.get(execution_id))
                continue
            lost = self._attempts.called_back(execution_id, timer_id)
            if lost is not None:
                self._do_take(execution_id, lost)
                continue
            self._do_take(execution_id, st.TimerFired(ts=now, timer_id=timer_id))
            reached(CrashPoint.TIMER_DUE)
        self._attempts.compute(self._take_at_once)
        self._commit_dirty()
        self._attempts.dispatch()
        return going_on

    def _gather(self) -> tuple[list[Message], bool]:
        """Wait for a message or the next timer, then take all that is there."""
        due_at = self._now_ms() if self._attempts.has_more else self._timers.next_due()
        timeout = IDLE_S if due_at is None else min(max((due_at - self._now_ms()) / 1000, 0.0), IDLE_S)
        messages: list[Message] = []
        try:
            message = self._messages.get(timeout=timeout) if timeout else self._messages.get_nowait()
            while message is not None:
                messages.append(message)
                message = self._messages.get_nowait()
        except queue.Empty:
            return messages, True
        return messages, False

    def _commit_dirty(self) -> None:
        writes: list[AppendEvents] = []
        executions: list[LiveExecution] = []
        for live in self._dirty.values():
            write = self._next_commit(live)
            if write is not None:
                writes.append(write)
                executions.append(live)
        self._dirty.clear()
        if not writes:
            return
        reached(CrashPoint.COMMIT_SENT)
        try:
            self._journal.submit(
                writes, lambda results, error: self._messages.put((self._do_committed, (executions, results, error)))
            )
        except FlowrayError as error:
            self._do_committed(executions, None, error)

    def _next_commit(self, live: LiveExecution) -> AppendEvents | None:
        now = self._now_ms()
        try:
            return live.next_commit(now)
        except Exception as error:
            logger.exception("flowray driver: what happened in execution %s cannot be written", live.id)
            live.withdraw()
            live.crash(now, _reason(error))
            return live.next_commit(now)

    def _is_wanted(self, task: NodeTask) -> bool:
        """False once its execution has decided otherwise: the word to stop it may still wait for its commit."""
        live = self._live.get(task.execution_id)
        return live is not None and live.is_wanted(task)

    # -- what messages do -----------------------------------------------------------------------------------------

    def _do_own(self, live: LiveExecution, stimulus: st.AnyStimulus | None) -> None:
        known = self._live.get(live.id)
        if self._departed.is_stale(live) or (known is not None and known.epoch >= live.epoch):
            return
        if known is not None:
            # Others owned it meanwhile. What was adopted for it runs here under the same numbers: it must go on.
            self._forget(known, stop=not (isinstance(stimulus, st.Recovered) and stimulus.adopted))
        self._live[live.id] = live
        if live.on_probation:
            self._timers.set(live.id, PROBATION_TIMER, self._now_ms() + PROBATION_MS)
        if stimulus is not None:
            self._do_take(live.id, stimulus)

    def _acquit(self, live: LiveExecution | None) -> None:
        """It has not killed this process: that is committed even if nothing else is (R28)."""
        if live is not None and live.on_probation and live.crash_reason is None:
            live.proven = True
            self._dirty[live.id] = live

    def _do_take(self, execution_id: str, stimulus: st.AnyStimulus) -> None:
        live = self._live.get(execution_id)
        if live is None or live.resting or stimulus.incarnation not in (0, live.incarnation):
            return
        self._attempts.heard(execution_id, stimulus)
        self._step(live, stimulus)

    def _step(self, live: LiveExecution, stimulus: st.AnyStimulus) -> None:
        try:
            actions = live.take(stimulus)
        except Exception as error:
            # The engine refused: this execution is broken, the others are not.
            logger.exception("flowray driver: execution %s cannot go on", live.id)
            self._crash(live, error)
            return
        self._carry_out(live, actions)
        self._dirty[live.id] = live

    def _take_at_once(self, execution_id: str, said: Sequence[st.AnyStimulus]) -> None:
        """What an attempt says that was carried out here: it held no limit, and nobody watched for its start."""
        live = self._live.get(execution_id)
        for stimulus in said:
            if live is not None and not live.resting:
                self._step(live, stimulus)

    def _do_take_many(self, stimuli: Sequence[tuple[str, st.AnyStimulus]]) -> None:
        for execution_id, stimulus in stimuli:
            self._do_take(execution_id, stimulus)

    def _do_inbox(self, execution_id: str, rows: Sequence[InboxRecord]) -> None:
        live = self._live.get(execution_id)
        if live is None or live.resting:
            return  # Rows that an execution leaves behind when it is given up make it claimable at once.
        for row in rows:
            # An ended execution leaves its rows alone: if its ending is refused for them, they come again (R35).
            if live.state.ended or not live.fold_inbox(row.id):
                continue
            if row.kind == CHILD:
                self._do_take(execution_id, ended(row, self._now_ms()))
            elif (stimulus := stimulus_of(row, self._now_ms())) is not None:
                self._do_take(execution_id, stimulus)
            elif row.kind == CANCEL:
                data = row.data if isinstance(row.data, dict) else {}
                reason = data.get("reason") or "Cancelled by user"
                self._do_take(execution_id, st.CancelRequested(ts=self._now_ms(), reason=reason, by=row.by))
            reached(CrashPoint.INBOX_TAKEN)

    def _do_committed(
        self, executions: list[LiveExecution], results: list[AnyResult] | None, error: Exception | None
    ) -> None:
        if results is None:
            # They are still ours by the database: the sweep takes them up again from what is durable.
            logger.error("flowray driver: the journal gave up: %s", error)
            for live in executions:
                self._forget(live)
            return
        for live, result in zip(executions, results, strict=True):
            if self._live.get(live.id) is not live:
                continue
            try:
                self._settle(live, result)
            except Exception as broken:
                logger.exception("flowray driver: execution %s cannot go on", live.id)
                live.withdraw()
                self._crash(live, broken)

    def _settle(self, live: LiveExecution, result: AnyResult) -> None:
        """What became of the commit of one execution."""
        if isinstance(result, Done):
            reached(CrashPoint.END_DURABLE if live.state.ended else CrashPoint.COMMIT_DURABLE)
            sent = live.sent
            first, events, actions = live.committed()
            if events:
                self._tell(live, first, events)
                reached(CrashPoint.COMMIT_TOLD)
            self._carry_out(live, actions)
            self._deliver(sent, result.told)
            if result.inbox:
                self._do_inbox(live.id, result.inbox)
            if live.pending or live.consumed:
                self._dirty[live.id] = live
            elif live.crash_reason is not None:
                self._forget(live)
            elif live.resting:
                self._leave(live)
            elif self._may_rest(live) and self._queues.is_limited(live.record):
                self._rest(live)  # Somebody may wait for its slot.
            elif self._may_rest(live):
                self._timers.set(live.id, REST_TIMER, self._now_ms() + REST_AFTER_MS)
        elif isinstance(result, Pending):
            self._retract(live, result.inbox)
        elif isinstance(result, Refused) and live.crash_reason is None:
            logger.error("flowray driver: the store refused events of execution %s: %s", live.id, result.detail)
            live.withdraw()
            self._crash(live, FlowrayError(ErrorCode.INTERNAL, f"the store refused its events: {result.detail}"))
        else:
            # Fenced: somebody else owns it now. Its lanes are told; nothing more is written (R22).
            logger.warning("flowray driver: execution %s has a new owner", live.id)
            self._forget(live)

    def _deliver(self, rows: Sequence[InboxRecord], told: Sequence[str]) -> None:
        """Rows that a commit put into other executions' inboxes: folded here at once, or by their owners elsewhere."""
        for row in rows:
            if row.execution_id in self._live:
                self._do_inbox(row.execution_id, [row])
        elsewhere = [*(row.execution_id for row in rows if row.execution_id not in self._live), *told]
        if elsewhere and self._children is not None:
            self._children.wake(elsewhere)

    def _tell(self, live: LiveExecution, first: int, events: Sequence[ev.AnyEvent]) -> None:
        try:
            self._publish(live.id, first, events)
        except Exception:
            # Readers fill the gap from the log (R33).
            logger.exception("flowray driver: events of execution %s were not published", live.id)

    def _retract(self, live: LiveExecution, rows: Sequence[InboxRecord]) -> None:
        try:
            live.retract_end(self._reader.events.read_raw)
        except FlowrayError as error:
            logger.warning("flowray driver: execution %s is taken up again later: %s", live.id, error)
            self._forget(live)
            return
        self._do_inbox(live.id, rows)
        self._dirty[live.id] = live

    def _carry_out(self, live: LiveExecution, actions: Sequence[Action]) -> None:
        for action in actions:
            if isinstance(action, NodeTask):
                self._attempts.add(action)
            elif isinstance(action, StartTimer):
                self._timers.set(live.id, action.timer_id, action.due_at)
            elif isinstance(action, CancelTimer):
                self._timers.cancel(live.id, action.timer_id)
            elif isinstance(action, StopNode):
                self._attempts.stop((live.id, action.instance, action.attempt), live.incarnation)
            elif isinstance(action, StartChild) and self._children is not None:
                self._children.start(live.record, action)
            elif isinstance(action, StopChild) and self._children is not None:
                self._children.stop(live.record, action)
            elif isinstance(action, ExpireWaitpoint):
                self._expire(live, action)
            elif isinstance(action, PruneOutputs):
                self._attempts.prune(action.payload_ids)
            elif isinstance(action, EndExecution):
                self._forget(live)

    def _expire(self, live: LiveExecution, action: ExpireWaitpoint) -> None:
        """Let the inbox decide whether an answer came first (R25)."""
        row = expiry_row(live.id, action.waitpoint, self._now_ms())
        write = InsertInbox(record=row, workspace_id=live.record.workspace_id)
        try:
            self._journal.submit(
                [write], lambda results, error: self._messages.put((self._do_expired, (live, row, results)))
            )
        except FlowrayError:
            self._do_expired(live, row, None)

    def _do_expired(self, live: LiveExecution, row: InboxRecord, results: list[AnyResult] | None) -> None:
        if self._live.get(live.id) is not live:
            return
        if results is None:
            self._forget(live)  # As for a commit: the sweep takes it up again, with the timer that it had.
        elif isinstance(results[0], Inserted):
            self._do_inbox(live.id, [row])

    # -- resting --------------------------------------------------------------------------------------------------

    def _may_rest(self, live: LiveExecution) -> bool:
        if self._gave_up is None or not live.is_idle:
            return False  # Asked after every commit: looking at all that waits is left for those that only wait.
        near_ms = NEAR_IN_QUEUE_MS if self._queues.is_limited(live.record) else NEAR_MS
        wakes_at = live.wakes_at()
        return wakes_at is None or wakes_at > self._now_ms() + near_ms

    def _rest(self, live: LiveExecution | None) -> None:
        """Give an execution up that only answers or a later time can move; who claims it then, goes on (R25)."""
        if live is not None and self._may_rest(live):
            live.resting = True
            self._dirty[live.id] = live

    def _leave(self, live: LiveExecution) -> None:
        reached(CrashPoint.GIVEN_UP)
        self._forget(live)
        if self._gave_up is not None:
            self._gave_up(live.id)

    def _forget(self, live: LiveExecution, stop: bool = True) -> None:
        if self._live.get(live.id) is not live:
            return
        del self._live[live.id]
        self._departed.note(live)
        self._queues.gone(live.record)
        self._dirty.pop(live.id, None)
        self._timers.drop(live.id)
        self._attempts.drop(live.id, stop)

    def _crash(self, live: LiveExecution, error: Exception) -> None:
        """End an execution that cannot be driven on, visibly, under its own epoch and after what is in flight."""
        live.crash(self._now_ms(), _reason(error))
        self._timers.drop(live.id)
        self._attempts.drop(live.id)
        self._dirty[live.id] = live


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
