"""The laws that the simulation holds the runtime to: at every outward act, at every commit, and once all is quiet."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

from flowray.definition.policies import OnFailure
from flowray.engine import events as ev
from flowray.engine.plan_index import PlanIndex
from flowray.engine.replay import replay
from flowray.engine.state import ExecutionState
from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.node_task import NodeTask
from tests.simulation.ledger import nonces
from tests.simulation.reference import Reference, canonical
from tests.simulation.workflows import FAILURE_CODE

if TYPE_CHECKING:
    from tests.simulation.world import Run, World


class Laws:
    """Checks; every breach goes to ``world.violation`` with the law or rule that it breaks."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._effects: Counter[tuple[str, str, int]] = Counter()
        self._tries: dict[tuple[str, str], set[int]] = {}
        self.compared = 0

    # -- outward acts -----------------------------------------------------------------------------------------------

    def dispatched(self, task: NodeTask) -> None:
        """An attempt leaves its owner (L1, L2, R23, R24)."""
        known = self._world.ledger.of(task.execution_id)
        name = f"{task.execution_id} {task.instance}#{task.attempt}"
        if task.sentinel or not self._world.node(task).waits_for_commit:
            return
        epoch = known.started.get((task.instance, task.attempt))
        if epoch is None:
            self._world.violation(f"L1 R24 {name}: an effect begins before its start is durable")
        elif epoch != task.epoch:
            self._world.violation(f"R23 {name}: started under epoch {epoch}, dispatched under {task.epoch}")
        row = self._world.row(task.execution_id)
        if row.epoch != task.epoch:
            self._world.violation(f"R23 {name}: dispatched under epoch {task.epoch} in the days of {row.epoch}")
        if task.instance in known.ended:
            self._world.violation(f"L2 {name}: runs although its end is durable")
        if any(nonce not in known.nonces for value in task.outputs.values() for nonce in nonces(value)):
            self._world.violation(f"R23 {name}: an effect rests on a result that is not durable")
        key = (task.execution_id, task.instance, task.attempt)
        self._effects[key] += 1
        if self._effects[key] > 1:
            self._world.violation(f"L2 {name}: one attempt had its effect {self._effects[key]} times")
        self._tries.setdefault(key[:2], set()).add(task.tries)

    def published(self, execution_id: str, first_seq: int, events: Sequence[ev.AnyEvent]) -> None:
        """Events reach readers (L1, L3): exactly as they are durable, under their numbers."""
        found = [batch for batch in self._world.ledger.batches(execution_id) if batch.first_seq == first_seq]
        if not found:
            self._world.violation(f"L1 {execution_id}: {first_seq} is published and not durable")
        elif found[0].events != ev.encode_events(events):
            self._world.violation(f"L3 {execution_id}: {first_seq} is published as something else than is durable")

    # -- once all is quiet ------------------------------------------------------------------------------------------

    def at_rest(self) -> None:
        """Everything has ended: nothing may be left over (L8), and every log must stand (L3, R29)."""
        world = self._world
        for process in world.living():
            driver = process.driver
            left = {
                "executions": list(driver._live),
                "uncommitted": list(driver._dirty),
                "undispatched": [task.instance for task in driver._to_run],
                "timers": driver._timers.next_due(),
                "failures": process.orchestrator._failures,
            }
            if any(left.values()):
                world.violation(f"L8 {process.owner_id} has left { ({k: v for k, v in left.items() if v}) }")
        running = [key for key, attempt in world.lanes.attempts.items() if not (attempt.stopped or attempt.over)]
        if running := [key for key in running if key[0] in {process.lane_id for process in world.living()}]:
            world.violation(f"L8 attempts still run: {running}")
        for run in world.runs:
            self._execution(run)

    def _execution(self, run: Run) -> None:
        world, known, row = self._world, self._world.ledger.of(run.id), self._world.row(run.id)
        if row.status not in TERMINAL_EXECUTION:
            world.violation(f"L7 {run.id} is {row.status} and nothing will move it")
            return
        self._log_stands(run)
        try:
            folded = replay(PlanIndex(run.workflow.plan), world.ledger.store.events.read_raw(run.id))
        except Exception as error:
            world.violation(f"R29 {run.id}: its log cannot be folded: {error!r}")
            return
        if folded.status.value != row.status or row.last_seq != known.last_seq:
            world.violation(f"R29 {run.id} is {row.status} at {row.last_seq}; its log says {folded.status.value}")
        if known.terminal != f"execution.{row.status}" or row.owner_id is not None:
            world.violation(f"{run.id} ended as {row.status}, owner {row.owner_id}, log {known.terminal}")
        if folded.running or folded.waiting or folded.containers or len(folded.ready):
            world.violation(f"L8 {run.id} ended with something open")
        if row.status == "crashed":
            world.violation(f"{run.id} crashed: {row.crash_reason}")
        if run.cancelled and row.status != "cancelled":
            world.violation(f"R35 {run.id} ended {row.status} although its cancellation was accepted")
        for (execution_id, instance), tries in self._tries.items():
            if execution_id == run.id and len(tries) > 1 + known.retries.get(instance, 0):
                world.violation(f"R31 {run.id} {instance}: tries {tries} after {known.retries.get(instance)} failures")
        if not run.cancelled and not run.workflow.timed and known.codes <= {FAILURE_CODE}:
            self._compare(run, folded)

    def _log_stands(self, run: Run) -> None:
        """Readers see 1 to n, and every byte as it was when it became durable (L3)."""
        events, known = self._world.ledger.store.events, self._world.ledger.of(run.id)
        if [event.seq for event in events.read(run.id, limit=sys.maxsize)] != list(range(1, known.last_seq + 1)):
            self._world.violation(f"L3 {run.id}: its log has a gap or something twice")
        if blake2b(b"".join(events.read_raw(run.id))).digest() != known.written.digest():
            self._world.violation(f"L3 {run.id}: what was durable has changed")

    def _compare(self, run: Run, state: ExecutionState) -> None:
        """Faults change nothing of what a workflow comes to (R1 to R12, L4)."""
        status, statuses, outputs = Reference(run.workflow).evaluate()
        self.compared += 1
        if state.status.value != status:
            self._world.violation(f"{run.id} ended {state.status.value}; by the rules it is {status}")
            return
        if status == "failed" and run.workflow.plan.settings.on_failure is not OnFailure.RUN_INDEPENDENT:
            return  # What else had run by then depends on time.
        found = {node_id: node.status.value for node_id, node in state.scopes[""].nodes.items()}
        if found != statuses:
            wrong = {key: (status, statuses[key]) for key, status in found.items() if status != statuses[key]}
            self._world.violation(f"{run.id}: (found, by the rules) {wrong}")
        elif canonical(state.outputs) != outputs:
            self._world.violation(f"{run.id}: outputs {canonical(state.outputs)}; by the rules {outputs}")


class UnexpectedErrors(logging.Handler):
    """What the runtime logs as an exception it did not expect is a violation: it was survived, not understood."""

    def __init__(self, world: World) -> None:
        super().__init__(logging.ERROR)
        self._world = world
        self._logger = logging.getLogger("flowray")

    def __enter__(self) -> None:
        self._before = (self._logger.level, self._logger.propagate)
        self._logger.setLevel(logging.ERROR)
        self._logger.propagate = False
        self._logger.addHandler(self)

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.setLevel(self._before[0])
        self._logger.propagate = self._before[1]

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, FlowrayError) and error.code == ErrorCode.DATABASE_UNAVAILABLE:
            return
        if error is not None:
            self._world.violation(f"unexpected: {record.getMessage()}: {error!r}")
