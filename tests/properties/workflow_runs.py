"""A random workflow of the simulation, on the engine alone: all constructs, any order, crashes; no driver, no store."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from flowray.engine import events as ev
from flowray.engine import stimuli as st
from flowray.engine.commands import Command, ExpireWaitpoint, PruneOutputs, RunNode, StartChild, StopChild, StopNode
from flowray.engine.signals import NodeError
from flowray.engine.snapshot import snapshot_from_json, snapshot_to_json
from flowray.errors import ErrorCode
from flowray.handlers.node_task import NodeTask
from flowray.persistence.records import ExecutionRecord
from flowray.plan import ExecutionPlan
from flowray.runtime.dispatch import node_task
from tests.engine.harness import Run
from tests.simulation.behaving import Attempts, Payloads
from tests.simulation.reference import answer_of
from tests.simulation.workflows import UNKNOWN_CODE, Workflow

Call = RunNode | StartChild
Pick = Callable[[Sequence[Any]], int]


class WorkflowRun(Run):
    """One execution of a random workflow. ``restores``: before each step its state is replaced by its own snapshot.

    ``read``: payload ids that attempts were given after they had been pruned.
    """

    def __init__(
        self,
        workflow: Workflow,
        pick: Pick,
        *,
        plan: ExecutionPlan | None = None,
        payloads: Payloads | None = None,
        made: dict[int, tuple[str, str, int]] | None = None,
        check: bool = True,
        restores: bool = False,
        name: str = "e0",
    ) -> None:
        super().__init__(plan or workflow.plan, {}, pick, check)
        self.workflow = workflow
        self.payloads = payloads or Payloads()
        self.made: dict[int, tuple[str, str, int]] = {} if made is None else made
        self.restores = restores
        self.tasks: dict[RunNode, NodeTask] = {}
        self.read_after_pruning: set[str] = set()
        self._pruned: set[str] = set()
        self._record = ExecutionRecord(id=name, status="running", plan_hash="")

    def send(self, stimulus: st.AnyStimulus) -> list[ev.AnyEvent]:
        """One step, perhaps on a state that was restored from its snapshot."""
        if self.restores:
            self.state = snapshot_from_json(snapshot_to_json(self.state))
        return super().send(stimulus)

    def _carry_out(self, command: Command) -> None:
        if isinstance(command, StopNode):
            stopped = (command.instance, command.attempt)
            self.pending = [call for call in self.pending if (call.instance, _attempt(call)) != stopped]
            return
        super()._carry_out(command)
        match command:
            case RunNode():
                task = node_task(self._record, self.index, self.state, command, self.now)
                self.tasks[command] = task
                given = self.payloads.ids([task.outputs, task.containers, list(task.entries)])
                self.read_after_pruning |= self._pruned.intersection(given)
            case StartChild():
                self.pending.append(command)  # type: ignore[arg-type]
            case StopChild(instance, key):
                self.pending = [call for call in self.pending if (call.instance, _key(call)) != (instance, key)]
            case PruneOutputs(payload_ids):
                self._pruned.update(payload_ids)
            case ExpireWaitpoint(waitpoint):
                self.send(st.WaitExpired(ts=self.now, waitpoint=waitpoint))

    def answer(self, call: Any) -> list[ev.AnyEvent]:
        """Let an attempt, or a child, come to its end."""
        self.pending.remove(call)
        if isinstance(call, StartChild):
            return self._call(call)
        return self.send(Attempts(self.payloads, self.made).result(self.workflow, self.tasks[call], self.now))

    def _call(self, call: StartChild) -> list[ev.AnyEvent]:
        callee = self.workflow.callees.get(str(call.call.workflow_id))
        if callee is None:
            error = NodeError(message="there is no such workflow", code=UNKNOWN_CODE)
            return self.send(
                st.ChildEnded(ts=self.now, instance=call.instance, key=call.key, status="refused", error=error)
            )
        child = WorkflowRun(
            callee, self.pick, payloads=self.payloads, made=self.made, check=self.check, restores=self.restores,
            name=f"{self._record.id}.{call.key}",
        )  # fmt: skip
        child.start(**call.call.inputs).play_on()
        self.send(st.ChildStarted(ts=self.now, instance=call.instance, key=call.key, child_id=child._record.id))
        error_ = child.state.errors[0] if child.state.errors else None
        if error_ is None and child.ended != "completed":
            error_ = NodeError(message="it ended otherwise", code=ErrorCode.EXECUTION_TIMEOUT.value)
        return self.send(
            st.ChildEnded(
                ts=self.now, instance=call.instance, key=call.key, child_id=child._record.id, status=str(child.ended),
                outputs=child.outputs if child.ended == "completed" else None, error=error_,
            )
        )  # fmt: skip

    def play_on(self) -> WorkflowRun:
        """To the end; people answer whatever waits for them."""
        while self.ended is None:
            self.play()
            asked = [instance for instance, due_at in self.state.waiting.items() if due_at < 0]
            if self.ended is None and asked:
                self.send(st.WaitAnswered(ts=self.now, instance=asked[0], data=answer_of(asked[0])))
        return self


def _key(call: Call) -> str:
    return call.key if isinstance(call, StartChild) else ""


def _attempt(call: Call) -> int | None:
    return call.attempt if isinstance(call, RunNode) else None


def by_chance(seed: int) -> Pick:
    """Which pending call answers next, at random."""
    chance = random.Random(seed)
    return lambda pending: chance.randrange(len(pending))


def by_name(pending: Sequence[Any]) -> int:
    """An END that is asked, else the call whose instance comes first: one course, whatever else happens in between."""
    ends = [getattr(call, "sentinel", "") not in ("close", "collect") for call in pending]
    return min(range(len(pending)), key=lambda number: (ends[number], pending[number].instance, number))
