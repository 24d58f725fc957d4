"""A process of the simulation: a real orchestrator without its threads, which may be killed, stopped and continued."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from flowray.engine import events as ev
from flowray.engine import stimuli as st
from flowray.engine.replay import replay
from flowray.engine.snapshot import snapshot_to_json
from flowray.errors import FlowrayError
from flowray.handlers.node_task import NodeTask
from flowray.persistence.stores import Reader
from flowray.runtime.driver import IDLE_S
from flowray.runtime.held_attempts import Adoption
from flowray.runtime.orchestrator import SWEEP_S, Orchestrator
from flowray.runtime.ownership import LEASE_MS, OwnerIdentity
from tests.simulation.callees import ChildJobs
from tests.simulation.journal import SimulatedJournal, away

if TYPE_CHECKING:
    from tests.simulation.world import World

MOST_NESTING = 3
FAR_MS = 3_600_000
"""A timer beyond this does not keep a simulation from being at rest."""


class Killed(BaseException):
    """The process is gone: nothing after this point happens in it."""


class Process:
    """One life of an orchestrator. ``slot`` is its actor name: a restarted actor knows that its predecessor is dead.

    ``heir``: the next orchestrator of the same process, after the lease was lost; the lanes talk to it from then on.
    """

    def __init__(self, world: World, slot: int, owner_id: str, pid: int, predecessor: Process | None = None) -> None:
        self.world = world
        self.slot = slot
        self.owner_id = owner_id
        self.pid = pid
        self.dead = False
        self.ready = False
        self.lane_id: str = predecessor.lane_id if predecessor is not None else owner_id
        self.heir: Process | None = None
        self.has_lost_lease = False
        self.paused_until = 0
        self.skew_ms = world.rng.choice((0, 0, -150, 400))
        self.orchestrator = Orchestrator(
            OwnerIdentity(id=owner_id, kind="simulated", generation="g", actor_name=f"slot-{slot}"),
            SimulatedJournal(self), _reader(self), self._publish, self._now_ms, lambda: world.now + 77_777,
            on_lost=self._lost, poke=self._poke,
        )  # fmt: skip
        children = self.orchestrator._children
        self._jobs = ChildJobs(self, children)
        self.orchestrator.child_starter._plans = world.callees  # type: ignore[assignment]
        self.orchestrator._holder = _Holder(self)
        self.driver = self.orchestrator.driver
        self.driver._attempts.executor, self.driver._children = _Executor(self), children
        self.driver._attempts._clock_s = count(0, 0.001).__next__  # A slice is a few attempts long.
        self._turn_planned = False
        self._in_turn = False
        self._timer_turn_at: int | None = None
        self._busy: set[str] = set()
        self._retiring = False
        self._has_stopped = False

    def _now_ms(self) -> int:
        return self.world.now + self.skew_ms

    # -- life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """What ``Orchestrator.run`` does, with events of the world in place of threads."""
        try:
            self.orchestrator._lease.register()
        except FlowrayError:
            self.die()
            return
        self.ready = True
        self._repeat("renew", LEASE_MS // 3, self._renew, first=LEASE_MS // 3)
        self._repeat("sweep", int(SWEEP_S * 1_000), self.orchestrator.sweep, first=0)

    def _repeat(self, name: str, every_ms: int, work: Callable[[], object], first: int) -> None:
        """A thread that works, then sleeps: it never overtakes itself."""

        def once() -> None:
            if self.orchestrator._stopped.is_set() or name in self._busy:
                return
            self._busy.add(name)
            work()
            self._busy.discard(name)
            self.world.later(every_ms, self, once, periodic=True)

        self.world.later(first, self, once, periodic=True)

    def _renew(self) -> None:
        if not self.orchestrator._lease.renew():
            self.orchestrator._lease_lost()

    def _lost(self) -> None:
        """As ``LocalRuntime``: the process lives on, under a new owner id, with the lanes that it has."""
        self.world.tell(f"{self.owner_id} lost its lease")
        self.has_lost_lease = True
        for execution_id in self.driver.owned():
            self.world.lanes.drop(self, execution_id)

    def retire(self) -> None:
        """An orderly stop: the driver ends after what is queued, then the lease is given up."""
        self.orchestrator._stopped.set()
        self.driver.stop()
        self._retiring = True
        while self._turn():
            pass
        self.orchestrator._lease.stop()
        self.die()

    def die(self) -> None:
        """Everything in memory is gone. Somebody starts the actor again."""
        if not self.dead:
            self.dead = True
            self.world.tell(f"{self.owner_id} dies")
            self.world.restart(self)

    def may_die(self, where: str) -> None:
        """A point at which a process can be killed in the middle of what it does."""
        if self.world.strikes(0.002):
            self.world.tell(f"{self.owner_id} is killed at {where}")
            self.die()
        if self.dead:
            raise Killed

    def stop(self) -> None:
        """As by SIGSTOP: for less than a lease, or for so long that somebody else takes over.

        A second stop never shortens the first: what the process has to do waits in the queue for that one's end.
        """
        until = self.world.now + self.world.delay(50, self.world.rng.choice((500, 15_000, 40_000)))
        self.paused_until = max(self.paused_until, until)

    # -- acting ---------------------------------------------------------------------------------------------------

    def act(self, work: Callable[[], object]) -> None:
        """Do something in this process, as one of its threads."""
        try:
            work()
        except Killed:
            return
        self._plan_turn()

    def wait(self, ms: int) -> None:
        """A thread of this process waits; the rest of it, and of the world, goes on."""
        if self.world.nesting >= MOST_NESTING or self._in_turn:
            return
        self.world.run_nested(self.world.now + ms)
        while self.paused_until > self.world.now and not self.dead:
            self.world.run_nested(self.paused_until)
        if self.dead:
            raise Killed

    def wait_a_little(self, chance: float) -> None:
        """Perhaps let others overtake."""
        if self.world.strikes(chance):
            self.wait(self.world.delay(0, 20))

    def hear(self, execution_id: str, stimulus: st.AnyStimulus) -> None:
        """A lane reports."""
        self.driver.post(execution_id, stimulus)

    def _poke(self, actor_name: str, execution_ids: Sequence[str]) -> None:
        """Tell another actor to look into inboxes; the sweep makes up for what it does not hear."""
        other = self.world.slots[int(actor_name.removeprefix("slot-"))]
        if not self.world.strikes(0.1):
            self.world.later(self.world.delay(0, 3), other, lambda: other.wake(execution_ids))

    def wake(self, execution_ids: Sequence[str]) -> None:
        """What its actor is told; a wake-up that fails is not repeated: the sweep makes up for it."""
        if self.ready:
            try:
                self.orchestrator.wake(execution_ids)
            except FlowrayError:
                return

    def _plan_turn(self) -> None:
        if not self._turn_planned and (not self.driver._messages.empty() or self.driver._attempts.has_more):
            self._turn_planned = True
            self.world.later(self.world.delay(0, 2), self, self._turn)

    def _turn(self) -> bool:
        self._turn_planned = False
        if self._has_stopped:
            return False
        self._in_turn = True
        if self.driver._messages.empty():
            self.driver.post_many(())  # A turn with nothing to take would wait for something.
        try:
            going_on = self.driver._turn()
        except Exception as error:
            self.world.violation(f"a turn of {self.owner_id} failed: {error!r}")
            going_on = True
        finally:
            self._in_turn = False
        if self.world.rng.random() < 0.1:
            self._check_fold()
        if not going_on:
            self._has_stopped = True
            if not self._retiring:
                self.die()
            return False
        self._plan_timers()
        self._plan_turn()
        self._jobs.plan()
        self.world.queueing.heard(self)
        return True

    def _plan_timers(self) -> None:
        due_at = self.driver._timers.next_due()
        if self.driver._attempts.undispatched:
            idle_until = self._now_ms() + int(IDLE_S * 1_000)
            due_at = idle_until if due_at is None else min(due_at, idle_until)
        if due_at is None or (self._timer_turn_at is not None and self._now_ms() < self._timer_turn_at <= due_at):
            return
        self._timer_turn_at = due_at
        delay_ms = max(due_at - self._now_ms(), 1)
        self.world.later(delay_ms, self, self._timer_turn, periodic=delay_ms > FAR_MS)

    def _timer_turn(self) -> None:
        self._timer_turn_at = None
        self._turn()

    def _check_fold(self) -> None:
        """Folding what is durable gives the state in hand, wherever nothing is under way (R29)."""
        for live in self.driver._live.values():
            if live.pending or live.in_flight or live.crash_reason or live.committed_seq != self._durable_seq(live.id):
                continue
            try:
                folded = replay(live.index, self.world.ledger.store.events.read_raw(live.id))
            except Exception as error:
                self.world.violation(f"R29 {live.id}: its log cannot be folded: {error!r}")
                continue
            folded.epoch = live.epoch
            if snapshot_to_json(folded) != snapshot_to_json(live.state):
                self.world.violation(f"R29 {live.id}: the fold of the log is not the state of its owner")

    def _durable_seq(self, execution_id: str) -> int:
        return self.world.ledger.of(execution_id).last_seq

    def _publish(self, execution_id: str, first_seq: int, events: Sequence[ev.AnyEvent]) -> None:
        self.may_die("publish")
        self.world.laws.published(execution_id, first_seq, events)


class _Executor:
    """Hands attempts to the world's lanes."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def run(self, tasks: Sequence[NodeTask]) -> None:
        for task in tasks:
            self._process.may_die("dispatch")
            self._process.world.lanes.run(self._process, task)

    def compute(self, task: NodeTask) -> list[st.AnyStimulus] | None:
        return self._process.world.lanes.compute(self._process, task)

    def stop(self, execution_id: str, instance: str, attempt: int, incarnation: int = 0) -> None:
        self._process.world.lanes.stop(self._process, (execution_id, instance, attempt))

    def obstacle(self, task: NodeTask) -> str:
        return f"the lane of {task.node_id} is busy"

    def prune(self, payload_ids: Sequence[str]) -> None:
        self._process.world.lanes.pruned.update(payload_ids)

    def drop(self, execution_id: str) -> None:
        self._process.world.lanes.drop(self._process, execution_id)


class _Holder:
    """Asks the world's lanes what they hold."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def adopt(self, adoptions: Sequence[Adoption]) -> list[tuple[str, str, int]]:
        self._process.wait_a_little(0.2)
        adopted = self._process.world.lanes.adopt(self._process, adoptions)
        self._process.may_die("adoption")
        return adopted

    def deliver(self, execution_ids: Sequence[str]) -> None:
        world, process = self._process.world, self._process
        world.later(world.delay(0, 5), process, lambda: world.lanes.deliver(process, execution_ids))


class _Hazardous:
    """A reader (or its event log): now and then it is away, or so slow that others overtake."""

    def __init__(self, target: Any, process: Process) -> None:
        self._target = target
        self._process = process

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)

        def reading(*arguments: Any, **named: Any) -> Any:
            if self._process.world.strikes(0.01):
                raise away()
            self._process.wait_a_little(0.05)
            result = found(*arguments, **named)
            self._process.wait_a_little(0.05)
            return result

        self.__dict__[name] = reading
        return reading


def _reader(process: Process) -> Reader:
    store = process.world.ledger.store
    reader: Any = _Hazardous(store, process)
    reader.__dict__["events"] = _Hazardous(store.events, process)
    reader.__dict__["queues"] = _Hazardous(store.queues, process)
    return reader  # type: ignore[no-any-return]
