"""What comes upon the runtime from outside: clients that start and cancel executions, and faults of machines."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from flowray.engine.outcomes import read_run
from flowray.engine.plan_index import PlanIndex
from flowray.engine.start_planning import StartRequest, plan_start
from flowray.engine.start_points import selection_to_json
from flowray.errors import FlowrayError
from flowray.persistence.records import ExecutionRecord, InboxRecord
from flowray.persistence.writes import Inserted, InsertInbox
from flowray.plan import ROOT, plan_hash, plan_to_json
from flowray.runtime.waitpoints import OPEN, PAUSE, RESUME, answer_row
from tests.simulation.lanes import Lanes
from tests.simulation.ledger import AGAIN
from tests.simulation.reference import answer_of
from tests.simulation.runs import Run

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.world import World

FAULTS = ("kill", "kill", "stop", "stop", "lane", "retire", "slow")
MEAN_MS = 1_500
"""When faults and cancellations come, on average: most executions of a simulation take a few seconds."""


class Outside:
    """Clients and faults of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._requests = 0

    def plan(self) -> None:
        """Decide what is to come; whether it then does is for ``World.chaos`` to say."""
        world = self._world
        for run in world.runs:
            slot = world.rng.randrange(len(world.slots))
            world.later(world.delay(0, 200), None, partial(self._start, run, slot))
            if world.rng.random() < 0.12:
                world.later(world.delay(1_000, 20_000), None, partial(self._run_again, run))
        if not world.chaos:
            return
        for _ in range(world.rng.choice((0, 1, 2, 4, 8))):
            world.later(self._some_time(), None, self._fault)
        for run in world.runs:
            if world.rng.random() < 0.2:
                for number in range(world.rng.choice((1, 1, 2))):
                    world.later(self._some_time(), None, partial(self.cancel, run, number))
            if world.rng.random() < 0.15:
                world.later(self._some_time(), None, partial(self._hold, run))
        for _ in range(12):
            world.later(self._some_time() + self._some_time(), None, self._look_round)

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
        record = ExecutionRecord(
            id=run.id, plan_hash=plan_hash(plan), created_at=now, updated_at=now, deadline_at=run.deadline_at,
            selection=run.selection, **{"status": "queued", **self._world.queueing.asked(run.id, now)},
        )  # fmt: skip
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
        run.cancelled = self._send(record) or run.cancelled

    def _run_again(self, run: Run) -> None:
        """Once an execution has ended: from some node, or what has failed. What it was given comes along (R54)."""
        world = self._world
        row = world.row(run.id) if run.started else None
        if row is None or row.status not in ("completed", "failed"):
            return
        plan, known = run.workflow.plan, world.ledger.of(run.id)
        past = read_run(PlanIndex(plan), world.ledger.store.events.read_raw(run.id))
        from_node = world.rng.choice(sorted(past.outcomes)) if row.status == "completed" and past.outcomes else None
        request = StartRequest(from_node=from_node, failed_only=row.status == "failed")
        try:
            selection = plan_start(PlanIndex(plan), request, past, run.id)
        except FlowrayError:
            if not known.finished:
                raise
            return  # It finished early: what was never decided is not there to be taken over.
        if selection is None:
            return
        taken = selection_to_json(selection)
        again = Run(f"{run.id}{AGAIN}", run.workflow, part=set(selection.may_run or plan.scopes[ROOT].nodes))
        again.selection = world.lanes.payloads.carried(taken)
        world.add(again)
        self._start(again, world.rng.randrange(len(world.slots)))

    def _send(self, record: InboxRecord) -> bool:
        """Put a row into an inbox, as the API does, and perhaps wake somebody. True if it was accepted."""
        world, execution_id = self._world, record.execution_id
        (result,) = world.ledger.commit([InsertInbox(record=record)])
        world.tell(f"{record.kind} {execution_id}: {type(result).__name__}")
        process = world.rng.choice(world.slots)
        if world.rng.random() < 0.7:
            world.later(world.delay(0, 5), process, partial(process.wake, [execution_id]))
        return isinstance(result, Inserted)

    # -- people ---------------------------------------------------------------------------------------------------

    def _hold(self, run: Run) -> None:
        """Somebody pauses an execution, and somebody lets it go on, some time."""
        if run.started and self._world.chaos:
            self._requests += 1
            self._send(InboxRecord(id=f"p{self._requests}-{run.id}", execution_id=run.id, kind=PAUSE))
            self._world.later(self._some_time(), None, partial(self.act, run.id))

    def _look_round(self) -> None:
        """People answer some of what waits for them, some twice."""
        for run in self._world.all_runs():
            if self._world.rng.random() < 0.3:
                self._answer(run.id)

    def act(self, execution_id: str) -> bool:
        """Do what only people can do for an execution. True if there was anything to do."""
        row = self._world.row(execution_id)
        if row.pause is not None:
            self._requests += 1
            record = InboxRecord(id=f"r{self._requests}-{execution_id}", execution_id=execution_id, kind=RESUME)
            return self._send(record) | self._answer(execution_id)
        return self._answer(execution_id)

    def _answer(self, execution_id: str) -> bool:
        """Answer every open waitpoint of an execution; the first answer counts, whatever a second one says (R25)."""
        world = self._world
        asked = world.ledger.store.waitpoints(status=OPEN, execution_id=execution_id).data
        for waitpoint in asked:
            for data in (answer_of(waitpoint.instance), {"v": "a second thought"}):
                self._requests += 1
                row = answer_row(f"a{self._requests}", execution_id, waitpoint.id, data, now_ms=world.now)
                if self._send(row):
                    world.laws.answered(waitpoint.id, data)
        return bool(asked)

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
