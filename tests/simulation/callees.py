"""The workflows that a simulation may call, and the thread that starts children, as events of the world (R19)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flowray.definition.inputs import InputContract
from flowray.engine.signals import ChildCall
from flowray.errors import ErrorCode, FlowrayError
from flowray.plan import plan_hash, plan_to_json
from flowray.runtime.child_plans import ChildPlan
from flowray.runtime.child_queue import ChildQueue
from tests.simulation.workflows import Workflow

if TYPE_CHECKING:
    from tests.simulation.process import Process


class Callees:
    """In place of ``ChildPlans``: the workflows that may be called, known to all processes."""

    def __init__(self, workflows: Iterable[Workflow]) -> None:
        self._plans: dict[str, ChildPlan] = {}
        self._add(workflows)

    def _add(self, workflows: Iterable[Workflow]) -> None:
        for workflow in workflows:
            for name, callee in workflow.callees.items():
                self._plans[name] = ChildPlan(
                    name=name, plan=plan_to_json(callee.plan), plan_hash=plan_hash(callee.plan), trigger=None,
                    contract=InputContract(), workflow_id=name, version=1,
                )  # fmt: skip
            self._add(workflow.callees.values())

    def of(self, call: ChildCall, workspace_id: str) -> ChildPlan:
        """The plan of a call."""
        found = self._plans.get(call.workflow_id or "")
        if found is None:
            raise FlowrayError(ErrorCode.NOT_FOUND, f"there is no workflow {call.workflow_id!r}")
        return found


class _Event:
    """A threading.Event of a process: whoever waits for it lets the world go on."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._is_set = False

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True

    def wait(self, timeout_s: float) -> bool:
        self._process.wait(int(timeout_s * 1_000))
        return self._is_set


class ChildJobs:
    """Works the queue of a process: jobs in order, never overtaking itself, whatever it has to wait for."""

    def __init__(self, process: Process, queue: ChildQueue) -> None:
        self._process = process
        self._queue = queue
        self._busy = False
        queue._stopped = _Event(process)  # type: ignore[assignment]

    def plan(self) -> None:
        """To be called when there may be jobs."""
        if not self._busy and not self._queue._jobs.empty():
            self._process.world.later(self._process.world.delay(0, 3), self._process, self._work)

    def _work(self) -> None:
        if self._busy or self._queue._stopped.is_set():
            return
        self._busy = True
        if jobs := self._queue._more():
            self._queue.work(jobs)
        self._busy = False
        self.plan()
