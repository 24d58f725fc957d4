"""Drives executions in one process: lease, claims, recovery, driver. Where it lives is decided above (R48)."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from flowray.definition.node_type import NodeType
from flowray.engine import events as ev
from flowray.engine import stimuli as st
from flowray.engine.plan_index import PlanIndex
from flowray.engine.signals import Budget
from flowray.engine.start_points import selection_from_json
from flowray.engine.state import ExecutionState, is_redriven
from flowray.engine.statuses import TERMINAL_EXECUTION, ExecutionStatus
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.queues.admission import has_expired
from flowray.persistence.records import ExecutionRecord, InboxRecord
from flowray.persistence.stores import Journal, Reader
from flowray.persistence.writes import AnyResult, Claim, Claimed, ClaimExecutions, Done, Inserted, InsertExecution
from flowray.persistence.writes.waitpoints import Expired, ExpireWaitpoints
from flowray.plan import plan_from_json
from flowray.runtime.adopting import AttemptHolder, abandon_attempts, adopt_attempts
from flowray.runtime.child_plans import ChildPlans
from flowray.runtime.child_queue import ChildQueue
from flowray.runtime.child_starts import ChildLimits, ChildStarter
from flowray.runtime.children import CANCEL
from flowray.runtime.crash_points import CrashPoint, reached
from flowray.runtime.driver import Driver, Publish
from flowray.runtime.executor import Executor
from flowray.runtime.last_words import last_words
from flowray.runtime.limiting import LimitedExecutor, limited_attempts
from flowray.runtime.live import LiveExecution, crash_write
from flowray.runtime.ownership import Lease, OwnerIdentity
from flowray.runtime.poison import MAX_FAILED_RECOVERIES, is_passing, is_poison, verdict
from flowray.runtime.queues import QueueWatch
from flowray.runtime.snapshots import load_state

logger = logging.getLogger(__name__)

PLANS_KEPT = 256
TAKEN_KEPT = 20_000  # executions: many more than there are while a caller may still repeat a start

SWEEP_S = 2.0
SUSPECTS_S = 0.05
"""How soon it is looked again while a suspect that was taken over keeps others waiting."""

CLAIM_LIMIT = 100
"""Executions claimed at a time: none of them is driven before all their logs are folded."""

MAX_ADOPTION_FAILURES = 3
"""How often folding an execution's log may fail before it is ended as crashed."""


Taken: TypeAlias = tuple[LiveExecution, st.Start | st.Expire | st.Recovered]
"""An execution that was taken over, and how it begins or goes on."""


class Orchestrator:
    """Owns executions and sees them through.

    New executions arrive owned (``start``); those whose owner died are claimed by a sweep that repeats for ever, so
    that recovery is a loop, not an event (R25, R28). A broken execution never stops the others. ``only``: a dedicated
    orchestrator, which claims nothing and drives the one execution that its owner id owns already. Executions that may
    have killed their owners are taken over one after the other, each once the one before is found harmless: by
    whom ``quarantine`` calls, or, without it, here; ``suspects_only``: this is who is called (R28). ``on_lost`` is
    called, on the lease's thread, once the lease has ended under way: nothing is driven here any more. ``on_rest`` is
    told, on the driver's thread, which execution was given up because only an answer or a later time can move it.
    ``node_types`` is what the workflows of children are compiled with. ``poke(actor name, execution ids)`` tells the
    owner in another process to look into inboxes.
    """

    def __init__(
        self,
        identity: OwnerIdentity,
        journal: Journal,
        reader: Reader,
        publish: Publish,
        now_ms: Callable[[], int],
        monotonic_ms: Callable[[], int],
        sweep_s: float = SWEEP_S,
        only: str | None = None,
        on_lost: Callable[[], None] = lambda: None,
        on_rest: Callable[[str], None] = lambda execution_id: None,
        node_types: Callable[[], Mapping[str, NodeType]] = dict,
        child_limits: ChildLimits | None = None,
        poke: Callable[[str, Sequence[str]], None] = lambda actor_name, execution_ids: None,
        max_failed_recoveries: int = MAX_FAILED_RECOVERIES,
        quarantine: Callable[[], None] | None = None,
        suspects_only: bool = False,
    ) -> None:
        self._on_lost = on_lost
        self._poke = poke
        self.identity = identity
        self._journal = journal
        self._reader = reader
        self._publish = publish
        self._now_ms = now_ms
        self._max_failed_recoveries = max_failed_recoveries
        self._quarantine = quarantine
        self._suspects_only = suspects_only
        self._suspect = ""
        self._hurries = False
        self._holder: AttemptHolder | None = None
        self._limited: LimitedExecutor | None = None
        self._failures: dict[str, tuple[Claim, int]] = {}
        self._lease = Lease(identity, journal, reader, monotonic_ms, on_lost=self._lease_lost)
        gave_up = on_rest if only is None else None
        self._queues = QueueWatch(reader, now_ms)
        self._driver = Driver(
            journal, reader, publish, now_ms, self._lease.is_trusted, gave_up=gave_up, queues=self._queues
        )
        self.child_starter = ChildStarter(
            journal, reader, ChildPlans(reader, node_types), own=self.owned_record, begin=self.begin,
            post=self._driver.post, now_ms=now_ms, limits=child_limits,
        )  # fmt: skip
        self._children = ChildQueue(self.child_starter, self.wake_owners)
        self._plans: OrderedDict[str, PlanIndex] = OrderedDict()
        self._taken: OrderedDict[str, int] = OrderedDict()  # the last epoch under which each was taken up
        self._claiming: set[str] = set()
        self._lock = threading.Lock()
        self._sweep_s = sweep_s
        self._only = only
        self._stopped = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep_forever, name="flowray-sweep", daemon=True)

    @property
    def driver(self) -> Driver:
        """The loop; lanes post their results to it."""
        return self._driver

    @property
    def lease(self) -> Lease:
        """What this owner may rely on; dispatches carry it."""
        return self._lease

    def run(self, executor: Executor, holder: AttemptHolder | None = None) -> None:
        """Register, start driving, and begin to sweep. Returns at once. ``holder``: where attempts outlive owners."""
        self._holder = holder
        self._lease.start()
        self._limited = LimitedExecutor(self.identity.id, executor, self._journal, self._driver, self._now_ms)
        self._driver.start(self._limited, self._children, self._limited)
        self._children.start_thread()
        self._sweeper.start()

    def stop(self) -> None:
        """Stop driving and give up the lease; executions go on with whoever claims them."""
        self._stopped.set()
        self._queues.wake()
        if self._sweeper.is_alive():
            self._sweeper.join(timeout=5)
        self._driver.stop()
        self._children.stop_thread()
        self._lease.stop()

    # -- starting -------------------------------------------------------------------------------------------------

    def owned_record(self, record: ExecutionRecord) -> ExecutionRecord:
        """The record as this orchestrator owns it from its first commit (R43)."""
        return msgspec.structs.replace(
            record,
            owner_id=self.identity.id,
            epoch=1,
            orchestrator_actor_id=self.identity.actor_id,
            log_location=self.identity.log_location,
        )

    def insert_and_start(self, records: Sequence[ExecutionRecord], plan: bytes) -> list[AnyResult]:
        """Commit new executions of one plan, owned by this process, and set those going that may run now."""
        reached(CrashPoint.START_ASKED)
        owned = [self.owned_record(record) for record in records]
        results = self._journal.commit([InsertExecution(record=record, plan=plan) for record in owned])
        reached(CrashPoint.START_DURABLE)
        inserted = [(row, result) for row, result in zip(owned, results, strict=True) if isinstance(result, Inserted)]
        self.begin([row for row, result in inserted if not result.elsewhere])
        for row, result in inserted:
            if result.elsewhere:
                self._queues.left_waiting(row)
        return results

    def begin(self, records: Sequence[ExecutionRecord]) -> None:
        """Drive executions that were inserted as owned by this process with epoch 1; each once, however often asked."""
        now = self._now_ms()
        for record in records:
            if self._was_begun(record.id):
                continue
            try:
                index, start = self._index(record.plan_hash), _start(record, now)
            except Exception:
                # It is committed and ours: the sweep tries again, and ends it visibly if that does not help (R28).
                logger.exception("flowray: execution %s could not be begun", record.id)
                continue
            live = LiveExecution(_without_selection(record), index, ExecutionState(), record.epoch)
            self._driver.own(live, start)

    def _was_begun(self, execution_id: str) -> bool:
        """A start may be asked for again when its answer is late: the execution may even have ended by then (L2)."""
        with self._lock:
            if execution_id in self._taken:
                return True
            self._note_taken(execution_id, 1)
        return False

    def _note_taken(self, execution_id: str, epoch: int) -> None:
        """Under the lock: this process drives it, or has driven it, under ``epoch``."""
        self._taken[execution_id] = epoch
        if len(self._taken) > TAKEN_KEPT:
            self._taken.popitem(last=False)

    def wake(self, execution_ids: Sequence[str]) -> None:
        """Look into the inboxes of these executions, or claim them if nobody owns them."""
        for execution_id in execution_ids:
            # Also to those that the driver does not show yet: their begin may be on its way, ahead of these rows.
            self._driver.deliver_inbox(execution_id, self._reader.inbox(execution_id))
        owned = set(self._driver.owned())
        others = tuple(execution_id for execution_id in execution_ids if execution_id not in owned)
        if others and self._only is None and not self._suspects_only:
            self._claim(others)

    def hear(self, execution_ids: Sequence[str]) -> None:
        """Somebody, on whatever server, has put something into these inboxes: look into those that are driven here."""
        for execution_id in set(execution_ids).intersection(self._driver.owned()):
            self._driver.deliver_inbox(execution_id, self._reader.inbox(execution_id))

    def wake_owners(self, execution_ids: Sequence[str]) -> None:
        """Rows were put into these inboxes: look into them here, or tell the owner in another process. Best effort."""
        actors = {owner.id: owner.actor_name for owner in self._reader.owners()}
        for execution_id in execution_ids:
            record = self._reader.execution_by_id(execution_id)
            if record is None or record.status in TERMINAL_EXECUTION:
                continue
            actor_name = actors.get(record.owner_id or "")
            if record.owner_id in (None, self.identity.id):
                self.wake([execution_id])
            elif actor_name is not None:
                self._poke(actor_name, [execution_id])

    # -- recovery -------------------------------------------------------------------------------------------------

    def _sweep_forever(self) -> None:
        while True:
            self.sweep()
            for is_due in self._queues.nudges(SUSPECTS_S if self._hurries else self._sweep_s):
                if self._stopped.is_set():
                    return
                self._take_next(admit_only=not is_due)
            if self._stopped.is_set():
                return

    def sweep(self) -> None:
        """Look once for executions to take over, for inbox rows, and for what is ours but not driven."""
        self._hurries = False
        try:
            self._queues.look()
            if self._only is None and self._reader.claimable():
                while not self._suspects_only and self._claim(None) == CLAIM_LIMIT:
                    continue
                self._take_a_suspect()
            self._look_into_inboxes()
            self._pick_up_unstarted()
            self._end_shared_waits()
        except FlowrayError as error:
            logger.warning("flowray: the sweep will try again: %s", error)
        except Exception:
            logger.exception("flowray: the sweep failed and will try again")

    def _take_next(self, admit_only: bool) -> None:
        """A slot has come free, or a time has come: do not leave that to the next sweep."""
        if self._only is not None or self._suspects_only:
            return
        try:
            self._claim(None, admit_only=admit_only)
        except FlowrayError as error:
            logger.warning("flowray: the sweep will see who is next: %s", error)
        except Exception:
            logger.exception("flowray: the sweep will see who is next")

    def _look_into_inboxes(self) -> None:
        """Wake-ups can be lost; inbox rows cannot (R25)."""
        for execution_id in self._reader.unread_inboxes(self.identity.id):
            rows: list[InboxRecord] = self._reader.inbox(execution_id)
            self._driver.deliver_inbox(execution_id, rows)

    def _end_shared_waits(self) -> None:
        """Waitpoints of no execution have no owner to look after their time."""
        if self._only is None and (due := self._reader.due_waitpoints()):
            (result,) = self._journal.commit([ExpireWaitpoints(ids=tuple(due))])
            self._children.wake(result.released if isinstance(result, Expired) else ())

    def _pick_up_unstarted(self) -> None:
        """Executions that are ours by the database, but not driven: their insert was committed, its answer lost."""
        driven = set(self._driver.owned())
        for execution_id in self._reader.executions_owned_by(self.identity.id):
            if execution_id in driven:
                continue
            if execution_id in self._failures:  # Its row may be what cannot be read.
                self._take_over([self._failures[execution_id][0]], is_new=False)
                continue
            record = self._reader.execution_by_id(execution_id)
            if record is not None and record.owner_id == self.identity.id:
                expired = has_expired(record, self._now_ms())
                claim = Claim(execution_id, record.epoch, record.last_seq, False, record.failed_recoveries, expired)
                self._take_over([claim], is_new=False)

    def _claim(self, ids: tuple[str, ...] | None, suspects: bool = False, admit_only: bool = False) -> int:
        """Take over what nobody owns; returns how many were claimed. Of suspects, one."""
        limit = 1 if suspects else CLAIM_LIMIT
        write = ClaimExecutions(
            owner_id=self.identity.id, ids=ids, limit=limit, suspects=suspects, admit_only=admit_only
        )
        (result,) = self._journal.commit([write])
        if not isinstance(result, Claimed):
            return 0
        if result.claims:
            reached(CrashPoint.CLAIMED)
            if suspects:
                self._suspect, self._hurries = result.claims[0].execution_id, True
        self._take_over(result.claims, is_new=True)
        return len(result.claims)

    def _take_a_suspect(self) -> None:
        """Only one execution at a time may be the one that killed its owners: its neighbours are not blamed (R28)."""
        if self._driver.is_on_probation(self._suspect):
            self._hurries = True
            return
        if not self._reader.claimable(suspects=True):
            return
        if self._quarantine is not None:
            self._quarantine()
            return
        self._claim(None, suspects=True)

    def _take_over(self, claims: Sequence[Claim], *, is_new: bool) -> None:
        """Fold the logs of all, then go on with them. What cannot be folded stays, for the next sweep.

        Only who claimed asks for attempts, once for an epoch: asking says whom they report to, and the sweep may find
        what is being claimed here at this moment.
        """
        with self._lock:
            if is_new:
                claims = [claim for claim in claims if self._taken.get(claim.execution_id, 0) < claim.epoch]
                self._claiming |= {claim.execution_id for claim in claims}
            else:
                claims = [claim for claim in claims if claim.execution_id not in self._claiming]
            for claim in claims:
                self._note_taken(claim.execution_id, claim.epoch)
        try:
            rows = self._rows(claims)
            found = [known for claim in claims if (known := self._try_to_fold(claim, rows)) is not None]
            self._drive(found, self._holder if is_new else None)
        finally:
            if is_new:
                with self._lock:
                    self._claiming -= {claim.execution_id for claim in claims}

    def _rows(self, claims: Sequence[Claim]) -> dict[str, ExecutionRecord]:
        """Read after the claims were committed, so no older owner can append (R22). Empty if one of them breaks that:
        each is read by itself then.
        """
        try:
            records = self._reader.executions_by_ids([claim.execution_id for claim in claims]) if claims else []
        except Exception as error:
            logger.warning("flowray: executions that were claimed are read one by one: %s", error)
            return {}
        return {record.id: record for record in records}

    def _try_to_fold(self, claim: Claim, rows: Mapping[str, ExecutionRecord]) -> Taken | None:
        """One broken execution must not stop the others; it ends as crashed once it has failed too often (R28)."""
        try:
            if is_poison(claim.failures, self._max_failed_recoveries):
                self._give_up(claim, verdict(claim.failures))
                return None
            known = self._fold(claim, rows.get(claim.execution_id))
        except Exception as error:
            if is_passing(error):
                logger.warning("flowray: execution %s is taken over later: %s", claim.execution_id, error)
                return None
            failures = self._failures.get(claim.execution_id, (claim, 0))[1] + 1
            self._failures[claim.execution_id] = (claim, failures)
            logger.exception("flowray: execution %s could not be taken over", claim.execution_id)
            if failures >= MAX_ADOPTION_FAILURES:
                self._give_up(claim, f"{type(error).__name__}: {error}")
            return None
        self._failures.pop(claim.execution_id, None)
        return known

    def _give_up(self, claim: Claim, reason: str) -> None:
        self._failures.pop(claim.execution_id, None)
        outbox = last_words(self._reader, claim, reason)
        write = crash_write(claim.execution_id, claim.epoch, claim.last_seq, self._now_ms(), reason, outbox)
        (result,) = self._journal.commit([write])
        if isinstance(result, Done):
            event = ev.ExecutionCrashed(ts=write.ts, reason=reason)
            self._publish(claim.execution_id, write.last_seq, [event])
            self._children.wake([*(row.execution_id for row in outbox), *result.told])
            abandon_attempts(self._holder, claim.execution_id, claim.epoch)

    def _fold(self, claim: Claim, record: ExecutionRecord | None) -> Taken | None:
        """What is known of an execution, and what to go on with; None if it is not to be driven here."""
        record = record or self._reader.execution_by_id(claim.execution_id)
        if record is None or (record.owner_id, record.epoch) != (self.identity.id, claim.epoch):
            return None
        index = self._index(record.plan_hash)
        state = load_state(self._reader, record, index) if record.last_seq else ExecutionState()
        if state.ended:
            return None  # It ended while the sweep was looking.
        live = LiveExecution(_without_selection(record), index, state, claim.epoch)
        now = self._now_ms()
        # Not by the claim's last seq: a commit that was given up on may have been written since.
        if state.status in (ExecutionStatus.QUEUED, ExecutionStatus.DELAYED) and not is_redriven(state):
            return live, st.Expire(ts=now) if claim.expired else _start(record, now)
        reason = "its owner was lost" if claim.recovery else "taken up again"
        return live, st.Recovered(ts=now, epoch=claim.epoch, reason=reason)

    def _drive_one(
        self, live: LiveExecution, stimulus: st.AnyStimulus, adopted: set[tuple[str, int]], has_rows: bool
    ) -> None:
        rows = self._reader.inbox(live.id) if has_rows and isinstance(stimulus, st.Start) else []
        if any(row.kind == CANCEL for row in rows):
            # It ends without having started. Of these rows: it may have ended meanwhile, and must then be let go of.
            self._driver.own(live, None)
            self._driver.deliver_inbox(live.id, rows)
            return
        if isinstance(stimulus, st.Recovered):
            stimulus = msgspec.structs.replace(stimulus, adopted=frozenset(adopted))
        self._driver.own(live, stimulus)
        if self._limited is not None and (limited := limited_attempts(live.index, adopted)):
            self._driver.call(self._limited.adopt, live.id, limited)

    def _drive(self, found: Sequence[Taken], holder: AttemptHolder | None) -> None:
        """Go on with executions that were taken over, and with those of their attempts that have outlived their owner.

        Attempts report only once their execution is driven: before, nobody would hear them.
        """
        if not found:
            return
        begun = [live for live, stimulus in found if isinstance(stimulus, st.Recovered)]
        adopted = adopt_attempts(holder, begun)
        try:
            unread = set(self._reader.unread_inboxes(self.identity.id))
            for live, stimulus in found:
                self._drive_one(live, stimulus, adopted.get(live.id, set()), live.id in unread)
        finally:
            # Whatever has failed: what goes on must be heard by those that are driven.
            if holder is not None and adopted:
                holder.deliver(tuple(adopted))
        for execution_id in {live.id for live, _ in found}.intersection(self._reader.unread_inboxes(self.identity.id)):
            self._driver.deliver_inbox(execution_id, self._reader.inbox(execution_id))

    def _index(self, plan_hash: str) -> PlanIndex:
        with self._lock:
            index = self._plans.get(plan_hash)
            if index is not None:
                self._plans.move_to_end(plan_hash)
                return index
        text = self._reader.plan(plan_hash)
        if text is None:
            raise FlowrayError(ErrorCode.NOT_FOUND, f"The plan {plan_hash} is not stored")
        index = PlanIndex(plan_from_json(text))
        with self._lock:
            self._plans[plan_hash] = index
            while len(self._plans) > PLANS_KEPT:
                self._plans.popitem(last=False)
        return index

    def _lease_lost(self) -> None:
        logger.error("flowray: orchestrator %s stops; its executions go to others", self.identity.id)
        self._stopped.set()
        self._queues.wake()
        self._driver.stop()
        self._children.stop_thread()
        self._on_lost()


def _start(record: ExecutionRecord, now: int) -> st.Start:
    """What begins an execution that has not started."""
    selection = selection_from_json(record.selection)
    return st.Start(
        ts=now, inputs=record.inputs, deadline_ms=record.deadline_at, selection=selection, budget=_budget(record)
    )


def _budget(record: ExecutionRecord) -> Budget | None:
    tokens, cost = record.options.get("max_tokens"), record.options.get("max_cost")
    return None if tokens is None and cost is None else Budget(tokens, cost)


def _without_selection(record: ExecutionRecord) -> ExecutionRecord:
    """The record as it is kept while the execution runs: what it was given to start with may be large."""
    return record if record.selection is None else msgspec.structs.replace(record, selection=None)
