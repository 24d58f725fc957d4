"""The laws that the simulation holds the runtime to: at every outward act, at every commit, and once all is quiet."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

from flowray.definition.node_type import Role
from flowray.definition.policies import OnFailure
from flowray.engine import events as ev
from flowray.engine.instances import parent_of_scope
from flowray.engine.plan_index import PlanIndex
from flowray.engine.replay import replay
from flowray.engine.state import ExecutionState
from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.node_task import NodeTask
from flowray.plan import ExecutionPlan
from tests.simulation.behaving import Payloads
from tests.simulation.ledger import nonces
from tests.simulation.reference import Reference, Verdict, canonical
from tests.simulation.workflows import EXPECTED_CODES, Workflow

if TYPE_CHECKING:
    from tests.simulation.runs import Run
    from tests.simulation.world import World


class Laws:
    """Checks; every breach goes to ``world.violation`` with the law or rule that it breaks."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._effects: Counter[tuple[str, str, int]] = Counter()
        self._tries: dict[tuple[str, str], set[tuple[int, int]]] = {}
        self._answers: dict[str, object] = {}
        self.compared = 0

    def answered(self, waitpoint_id: str, data: object) -> None:
        """An answer was accepted, which is a promise (R25)."""
        if waitpoint_id in self._answers:
            self._world.violation(f"R25 {waitpoint_id}: a second answer was accepted")
        self._answers[waitpoint_id] = data

    # -- outward acts -----------------------------------------------------------------------------------------------

    def dispatched(self, task: NodeTask) -> None:
        """An attempt leaves its owner (L1, L2, R23, R24)."""
        self._reads(task)
        known = self._world.ledger.of(task.execution_id)
        name = f"{task.execution_id} {task.instance}#{task.attempt}"
        if task.sentinel:
            return
        self._steps(task, name)
        if not self._world.node(task).waits_for_commit:
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
        rests_on = self._world.lanes.payloads.whole(task.outputs)
        if any(nonce not in known.nonces for value in rests_on.values() for nonce in nonces(value)):
            self._world.violation(f"R23 {name}: an effect rests on a result that is not durable")
        key = task.key
        self._effects[key] += 1
        if self._effects[key] > 1:
            self._world.violation(f"L2 {name}: one attempt had its effect {self._effects[key]} times")
        self._tries.setdefault(key[:2], set()).add((task.step, task.tries))

    def _steps(self, task: NodeTask, name: str) -> None:
        """A step that is durable is not done again, and what it left is what the next one is given (R23)."""
        done = self._world.ledger.of(task.execution_id).steps.get(task.instance, [])
        given = [entry["n"] for entry in self._world.lanes.journal(task)]
        if len(given) != task.step:
            self._world.violation(f"R23 {name}: step {task.step} is given the journal of {len(given)} steps")
        if given[: len(done)] != done:
            self._world.violation(f"R23 {name}: begins after {given}, although {done} are durable")
        if task.step > len(done) and self._world.node(task).waits_for_commit:
            self._world.violation(f"R23 {name}: an effect begins after {given}, of which {done} are durable")

    def _reads(self, task: NodeTask) -> None:
        """What an attempt is given: nothing that was pruned (R7), and of the branches beside its own nothing (R17)."""
        world, name = self._world, f"{task.execution_id} {task.instance}#{task.attempt}"
        workflow = world.workflow(task)
        given = world.lanes.payloads.ids([task.outputs, task.containers, list(task.entries), task.journal])
        gone = [payload_id for payload_id in world.lanes.pruned.intersection(given) if not self._forgets(payload_id)]
        if gone:
            world.violation(f"R7 {name}: reads {gone}, which were pruned")
        scopes = dict(enclosing(task.instance))
        for writer in task.variables.get("log", ()):
            for container, number in enclosing(writer):
                if scopes.get(container, number) != number and is_isolating(workflow.plan, container):
                    world.violation(f"R17 {name}: sees what {writer} did beside it")

    def _forgets(self, payload_id: str) -> bool:
        """Whether a value belongs to an execution that keeps only its last ones near: others are read again."""
        owner = self._world.run(payload_id.removeprefix("copy of ").partition("/")[0])
        return owner.workflow.plan.settings.keep_last is not None

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
                "undispatched": [task.instance for task in driver._attempts.undispatched],
                "timers": driver._timers.next_due(),
                "failures": process.orchestrator._failures,
                "jobs": not process.orchestrator._children._jobs.empty(),
            }
            if any(left.values()):
                world.violation(f"L8 {process.owner_id} has left { ({k: v for k, v in left.items() if v}) }")
        running = [key for key, attempt in world.lanes.attempts.items() if not (attempt.stopped or attempt.over)]
        if running := [key for key in running if key[0] in {process.lane_id for process in world.living()}]:
            world.violation(f"L8 attempts still run: {running}")
        for run in world.all_runs():
            self._execution(run)
        self._children()
        self._promises()

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
        began = {instance.partition("/")[0].partition("[")[0] for instance, _ in known.started}
        if run.part is not None and not began <= run.part:
            world.violation(f"R54 {run.id} ran {began - run.part}, which it was to take over")
        if run.cancelled and row.status != "cancelled":
            world.violation(f"R35 {run.id} ended {row.status} although its cancellation was accepted")
        self._tries_of(run.id)
        timed = run.workflow.timed or row.deadline_at is not None
        if not run.cancelled and not timed and self._codes(run.id) <= EXPECTED_CODES:
            self._compare(run, folded)

    def _tries_of(self, execution_id: str) -> None:
        known = self._world.ledger.of(execution_id)
        retries = known.retries
        for (its_id, instance), tries in self._tries.items():
            possible = 1 + retries.get(instance, 0) + len(known.steps.get(instance, ()))
            if its_id == execution_id and len(tries) > possible:
                self._world.violation(f"R31 {its_id} {instance}: tries {tries} after {retries.get(instance)} failures")

    def _children(self) -> None:
        """Every call has one child, which nobody but its caller cancels, and which has no longer time than it (R19)."""
        world = self._world
        called: dict[tuple[str, str], str] = {}
        for row in world.ledger.executions():
            if row.parent_id is None:
                continue
            key, parent = (row.parent_id, row.parent_key or ""), world.row(row.parent_id)
            if key in called:
                world.violation(f"R19 {key} has two children, {called[key]} and {row.id}")
            called[key] = row.id
            if parent.deadline_at is not None and (row.deadline_at is None or row.deadline_at > parent.deadline_at):
                world.violation(f"R19 {row.id} may run longer than its caller")
            known = world.ledger.of(parent.id)
            codes = known.codes | known.codes_tried
            by_people = any(run.cancelled and run.parent for run in world.all_runs())
            if ErrorCode.EXECUTION_CANCELLED in codes and not by_people:
                world.violation(f"R19 a child of {parent.id} was cancelled, although it was waited for")
            ended = known.children.get(row.id, "") is not None or ErrorCode.NODE_TIMEOUT in codes
            if not ended and parent.status == "completed" and not world.run(parent.id).workflow.timed:
                world.violation(f"R19 {parent.id} completed without the end of {row.id}")

    def _promises(self) -> None:
        """An answer that was accepted is the one that counts, wherever an execution went on to its own end (R25)."""
        for waitpoint_id, data in self._answers.items():
            execution_id = waitpoint_id.partition(":")[0]
            known, row = self._world.ledger.of(execution_id), self._world.row(execution_id)
            if waitpoint_id in known.answers:
                if known.answers[waitpoint_id] != data:
                    self._world.violation(f"R25 {waitpoint_id}: {known.answers[waitpoint_id]} counts, not {data}")
            elif row.status == "completed" and not known.finished:
                self._world.violation(f"R25 {waitpoint_id}: its answer {data} was lost")

    def _codes(self, execution_id: str) -> set[str]:
        """Of all errors that ended a node of an execution, or of one below it."""
        below = [row.id for row in self._world.ledger.executions() if row.parent_id == execution_id]
        return self._world.ledger.of(execution_id).codes.union(*(self._codes(child) for child in below))

    def _log_stands(self, run: Run) -> None:
        """Readers see 1 to n, and every byte as it was when it became durable (L3)."""
        events, known = self._world.ledger.store.events, self._world.ledger.of(run.id)
        if [event.seq for event in events.read(run.id, limit=sys.maxsize)] != list(range(1, known.last_seq + 1)):
            self._world.violation(f"L3 {run.id}: its log has a gap or something twice")
        if blake2b(b"".join(events.read_raw(run.id))).digest() != known.written.digest():
            self._world.violation(f"L3 {run.id}: what was durable has changed")

    def _compare(self, run: Run, state: ExecutionState) -> None:
        """Faults change nothing of what a workflow comes to (R1 to R12, L4)."""
        if run.parent is not None and state.status.value == "cancelled":
            return  # Nobody waits for it any more; what its caller comes to says whether that is right.
        rules = Reference(run.workflow, run.given).evaluate()
        self.compared += 1
        if state.status.value != rules.status:
            self._world.violation(f"{run.id} ended {state.status.value}; by the rules it is {rules.status}")
            return
        if rules.status == "failed" and run.workflow.plan.settings.on_failure is not OnFailure.RUN_INDEPENDENT:
            return  # What else had run by then depends on time.
        for wrong in differences(run.workflow, state, rules, self._world.lanes.payloads):
            self._world.violation(f"{run.id}: {wrong}")


def differences(workflow: Workflow, state: ExecutionState, rules: Verdict, payloads: Payloads) -> Iterator[str]:
    """What of an ended state is not as the reference says."""
    found = {node_id: node.status.value for node_id, node in state.scopes[""].nodes.items()}
    if found != rules.statuses:
        wrong = {key: (status, rules.statuses[key]) for key, status in found.items() if status != rules.statuses[key]}
        yield f"(found, by the rules) {wrong}"
        return
    outputs = canonical(payloads.whole(state.outputs))
    if outputs != rules.outputs:
        yield f"outputs {outputs}; by the rules {rules.outputs}"
    if any(lives is None for lives in state.scopes[""].edges.values()):
        yield "R9 an edge is void although nothing ended the execution early"
    if workflow.loose:
        return
    made: dict[str, list[str]] = {"count": [], "log": [], "set": []}
    for change, instance in rules.changes:
        made[change].append(instance)
    if state.variables["n"] != len(made["count"]) or sorted(state.variables["log"]) != sorted(made["log"]):
        yield f"R17 variables {state.variables}; by the rules {made}"
    if state.variables["s"] not in made["set"] and (made["set"] or state.variables["s"] is not None):
        yield f"R17 {state.variables['s']!r} was set; by the rules one of {made['set']}"


def enclosing(instance: str) -> Iterator[tuple[str, int]]:
    """The container instances around an instance, each with the number of the scope that it lies in."""
    while "/" in instance:
        instance, number = parent_of_scope(instance.rpartition("/")[0])
        yield instance, number


def is_isolating(plan: ExecutionPlan, container: str) -> bool:
    """Whether the scopes of a container instance may not see each other's variables (R17)."""
    node_id = container.rpartition("/")[2]
    return plan.nodes[node_id].role is Role.PARALLEL or plan.containers[node_id].max_concurrency != 1


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
