"""What comes upon the runtime from outside: clients that start and cancel executions, and faults of machines."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from flowray.errors import FlowrayError
from flowray.persistence.records import ExecutionRecord, InboxRecord
from flowray.persistence.writes import Inserted, InsertInbox
from flowray.plan import plan_hash, plan_to_json
from tests.simulation.lanes import Lanes

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.world import Run, World

FAULTS = ("kill", "kill", "stop", "stop", "lane", "retire", "slow")
MEAN_MS = 1_500
"""When faults and cancellations come, on average: most executions of a simulation take a few seconds."""


class Outside:
    """Clients and faults of one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def plan(self) -> None:
        """Decide what is to come; whether it then does is for ``World.chaos`` to say."""
        world = self._world
        for run in world.runs:
            slot = world.rng.randrange(len(world.slots))
            world.later(world.delay(0, 200), None, partial(self._start, run, slot))
        if not world.chaos:
            return
        for _ in range(world.rng.choice((0, 1, 2, 4, 8))):
            world.later(self._some_time(), None, self._fault)
        for run in world.runs:
            if world.rng.random() < 0.2:
                for number in range(world.rng.choice((1, 1, 2))):
                    world.later(self._some_time(), None, partial(self.cancel, run, number))

    def _some_time(self) -> int:
        return int(self._world.rng.expovariate(1 / MEAN_MS))

    # -- clients --------------------------------------------------------------------------------------------------

    def _start(self, run: Run, slot: int) -> None:
        """As the API does: the same request, to the same actor, again until it is answered."""
        if run.started:
            return
        world, actor = self._world, self._world.slots[slot]
        if actor.ready:  # An actor answers nothing before it is constructed, and there its lease begins.
            world.later(0, actor, partial(self._insert, actor, run))
        again = world.delay(100, 10_000) if actor.ready and world.chaos else 500
        world.later(again, None, partial(self._start, run, slot))

    def _insert(self, actor: Process, run: Run) -> None:
        plan, now = run.workflow.plan, self._world.now
        record = ExecutionRecord(id=run.id, status="queued", plan_hash=plan_hash(plan), created_at=now, updated_at=now)
        try:
            actor.orchestrator.insert_and_start([record], plan_to_json(plan))
        except FlowrayError:
            return
        run.started = True

    def cancel(self, run: Run, number: int) -> None:
        """Ask for a cancellation; usually somebody is woken for it, not always the owner."""
        world = self._world
        if world.ledger.store.execution_by_id(run.id) is None:
            return
        record = InboxRecord(id=f"c{number}-{run.id}", execution_id=run.id, kind="cancel", data={"reason": "enough"})
        (result,) = world.ledger.commit([InsertInbox(record=record)])
        run.cancelled = run.cancelled or isinstance(result, Inserted)
        world.tell(f"cancel {run.id}: {type(result).__name__}")
        process = world.rng.choice(world.slots)
        if world.rng.random() < 0.7:
            world.later(world.delay(0, 5), process, partial(_wake, process, run.id))

    # -- faults ---------------------------------------------------------------------------------------------------

    def _fault(self) -> None:
        world = self._world
        process, kind = world.rng.choice(world.slots), world.rng.choice(FAULTS)
        if not world.chaos or process.dead:
            return
        world.tell(f"fault: {kind} {process.owner_id}")
        if kind == "kill":
            process.die()
        elif kind == "stop":
            process.stop()
        elif kind == "lane":
            world.lanes.crash(world.rng.randrange(Lanes.COUNT))
        elif kind == "retire":
            world.later(0, process, process.retire)
        else:
            world.slowness = 400


def _wake(process: Process, execution_id: str) -> None:
    """A wake-up that fails is not repeated: the sweep makes up for it."""
    if process.ready:
        try:
            process.orchestrator.wake([execution_id])
        except FlowrayError:
            return
