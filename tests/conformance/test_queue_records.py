"""The recorded traces of FlowMaestro's ready queue, played on flowray's engine, operation by operation.

Their queue is told what to skip; ours derives it from edges. So an edge into a node that a trace skips by hand gets a
handle of its own, and its source selects every handle but that one. What a trace does that flowray does otherwise is
named with the rule, and *our* value is asserted.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from flowray.engine.outputs import progress
from flowray.engine.statuses import NodeStatus
from flowray.plan import PlanRetry
from tests.corpus import golden, needs_corpus
from tests.engine.harness import Run, err, ok, route
from tests.engine.plans import PlanMaker

Trace = dict[str, Any]

ALLOWED_DEVIATING = 0.05


class DeviationError(Exception):
    """The record contradicts a rule; ours was asserted. ``kind`` is how the count calls it."""

    kind = "deviating"


class DefectError(DeviationError):
    """As above, and the recorded engine's behaviour is a known defect of it."""

    kind = "divergence of the record"


class EquivalentError(DeviationError):
    """The operation has another form here; that form was asserted."""

    kind = "by our equivalent"


class NotOursError(Exception):
    """The rest of the trace does what no operation of flowray's engine does."""


class Player:
    """One trace."""

    def __init__(self, trace: Trace) -> None:
        self.steps = trace["steps"]
        self.nodes = [node["id"] for node in trace["graph"]["nodes"]]
        self.deps = {node["id"]: list(node["deps"]) for node in trace["graph"]["nodes"]}
        self.labels = {(source, target): handle for source, target, handle in trace["graph"]["edges"]}
        self.told_to_skip = {step["node"] for step in self.steps if step["op"] == "markSkipped"}
        self.retried = {step["node"] for step in self.steps if step["op"] == "markRetry"}
        self.executing: set[str] = set()
        self.skipped_by_hand: set[str] = set()
        self.run = Run(self._plan())

    def _plan(self) -> Any:
        maker = PlanMaker(max_concurrent_nodes=10_000)
        for node_id in self.nodes:
            retry = PlanRetry(max_attempts=250, initial_delay_ms=0) if node_id in self.retried else PlanRetry()
            maker.node(node_id, retry=retry)
        for target, sources in self.deps.items():
            for source in sources:
                maker.edge(f"{source} {self._handle(source, target)}-> {target}")
        return maker.build()

    def _handle(self, source: str, target: str) -> str:
        if target in self.told_to_skip:
            return f"to:{target}"
        return "error" if self.labels.get((source, target)) == "error" else "source"

    def play(self) -> None:
        for position, step in enumerate(self.steps):
            operation = getattr(self, f"_{step['op']}", None)
            if operation is None:
                raise NotOursError(f"{step['op']}: every iteration has a scope of its own (R1), nothing is reset")
            operation(step, position)
            if "state" in step:
                self._compare(step["state"])
        if self._out_of_step():
            raise NotOursError("markSkipped of a node whose sources have not run: only dead edges skip (R1)")

    # -- operations ---------------------------------------------------------------------------------------------------

    def _initializeQueue(self, step: Trace, position: int) -> None:  # noqa: N802
        if any(not self.deps[node_id] for node_id in self.told_to_skip):
            raise NotOursError("markSkipped of a start node: only dead edges skip (R1)")
        self.run.start()

    def _markExecuting(self, step: Trace, position: int) -> None:  # noqa: N802
        for node_id in step["nodes"]:
            if self._is(node_id, NodeStatus.RUNNING):
                self.executing.add(node_id)

    def _markCompleted(self, step: Trace, position: int) -> None:  # noqa: N802
        node_id = step["node"]
        if not self._is(node_id, NodeStatus.RUNNING):
            return
        self.executing.discard(node_id)
        followers = [target for target, sources in self.deps.items() if node_id in sources]
        alive = [self._handle(node_id, target) for target in followers if target not in self.told_to_skip]
        selects = any(target in self.told_to_skip for target in followers)
        self.run.script = {node_id: route(*alive, output=step.get("output")) if selects else ok(step.get("output"))}
        self.run.finish(node_id)

    def _markFailed(self, step: Trace, position: int) -> None:  # noqa: N802
        node_id = step["node"]
        if not self._is(node_id, NodeStatus.RUNNING):
            return
        self.executing.discard(node_id)
        again = any(later["op"] == "markRetry" and later["node"] == node_id for later in self.steps[position:])
        self.run.script = {node_id: err(retryable=again, message=step.get("error") or "")}
        self.run.finish(node_id)
        if again:
            assert self._is(node_id, NodeStatus.WAITING)
            self.run.fire_next_timer()
            assert self._is(node_id, NodeStatus.RUNNING)
            assert self.run.root()[node_id].tries == 2
            raise EquivalentError(
                "a retry is decided before the failure counts, so nothing is skipped in between (R21)"
            )

    def _markSkipped(self, step: Trace, position: int) -> None:  # noqa: N802
        self.skipped_by_hand.add(step["node"])

    def _getReadyNodes(self, step: Trace, position: int) -> None:  # noqa: N802
        if self._out_of_step():
            return
        ready = self._running() - self.executing
        assert set(step["result"]) <= ready
        assert len(step["result"]) == max(0, min(step.get("max", len(ready)) - len(self.executing), len(ready)))

    def _isExecutionComplete(self, step: Trace, position: int) -> None:  # noqa: N802
        if not self._out_of_step():
            assert (self.run.ended is not None) is step["result"]

    def _canContinue(self, step: Trace, position: int) -> None:  # noqa: N802
        assert (self.run.ended is None) is step["result"]

    def _getExecutionSummary(self, step: Trace, position: int) -> None:  # noqa: N802
        if self._out_of_step():
            return
        counts = Counter(node.status.value for node in self.run.root().values())
        theirs = step["result"]
        assert theirs["ready"] + theirs["executing"] == counts["running"]
        assert theirs["total"] == len(self.nodes)
        for status in ("pending", "completed", "failed", "skipped"):
            assert theirs[status] == counts[status], status

    def _getExecutionProgress(self, step: Trace, position: int) -> None:  # noqa: N802
        if not self._out_of_step():
            assert progress(self.run.index, self.run.state)["percent"] == step["result"]

    def _getNodeState(self, step: Trace, position: int) -> None:  # noqa: N802
        if step["result"] is None or step["node"] not in self.run.root():
            assert step["node"] not in self.run.root()
            return
        theirs = step["result"]["status"]
        assert self.run.root()[step["node"]].status.value == {"ready": "running", "executing": "running"}.get(
            theirs, theirs
        )

    def _getNodesByStatus(self, step: Trace, position: int) -> None:  # noqa: N802
        ours = {
            "ready": self._running() - self.executing,
            "executing": self.executing,
            "completed": self.run.completed,
            "skipped": self.run.skipped,
            "failed": self.run.with_status(NodeStatus.FAILED),
            "pending": self.run.with_status(NodeStatus.PENDING),
        }
        assert set(step["result"]) == ours[step["status"]]

    def _out_of_step(self) -> set[str]:
        """Nodes that one of both has skipped: theirs when the trace says so, ours once their edges are dead."""
        return (self.told_to_skip & self.run.skipped) ^ self.skipped_by_hand

    # -- comparison ---------------------------------------------------------------------------------------------------

    def _is(self, node_id: str, status: NodeStatus) -> bool:
        return node_id in self.run.root() and self.run.root()[node_id].status is status

    def _running(self) -> set[str]:
        return self.run.with_status(NodeStatus.RUNNING)

    def _compare(self, theirs: dict[str, list[str]]) -> None:
        failed = self.run.with_status(NodeStatus.FAILED)
        assert self.run.completed == set(theirs["completed"])
        assert failed == set(theirs["failed"])
        if self._out_of_step():
            return
        self._compare_stuck_joins(theirs, failed)
        if any(self._handle(source, target) == "error" for target in self.nodes for source in self.deps[target]):
            self._compare_error_edges(theirs, failed)
        assert self._running() == set(theirs["ready"]) | set(theirs["executing"])
        assert self.executing == set(theirs["executing"])
        assert self.run.skipped == set(theirs["skipped"])
        assert self.run.with_status(NodeStatus.PENDING) == set(theirs["pending"])

    def _compare_stuck_joins(self, theirs: dict[str, list[str]], failed: set[str]) -> None:
        """Theirs looks at a join only when a feeder completes: if the last one fails, it stays pending for ever."""
        for target in theirs["pending"]:
            sources = set(self.deps[target])
            if len(sources) > 1 and sources <= self.run.completed | failed and sources & self.run.completed:
                assert self._is(target, NodeStatus.RUNNING)
                raise DeviationError("a join runs once all its feeders are settled, whichever came last (R3)")

    def _compare_error_edges(self, theirs: dict[str, list[str]], failed: set[str]) -> None:
        """An error edge lives exactly if its source failed; theirs follows success like any other edge."""
        if self.run.skipped == set(theirs["skipped"]):
            return
        for target in self.nodes:
            handlers = [source for source in self.deps[target] if self._handle(source, target) == "error"]
            if any(source in failed for source in handlers):
                assert self.run.root()[target].status in (NodeStatus.RUNNING, NodeStatus.COMPLETED)
        raise DefectError("an error edge lives when its source fails, and only then (design, section 6: errors route)")


def outcome_of(trace: Trace) -> tuple[str, str]:
    """``(passed | deviating | skipped, reason)``; a contradiction that no rule explains raises AssertionError."""
    try:
        Player(trace).play()
    except DeviationError as reason:
        return reason.kind, str(reason)
    except NotOursError as reason:
        return "skipped", str(reason)
    return "passed", ""


@needs_corpus
def test_recorded_queue_traces(capsys: pytest.CaptureFixture[str]) -> None:
    traces = golden("queue_scenarios.jsonl")
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    contradictions = []
    for trace in traces:
        try:
            outcome, reason = outcome_of(trace)
        except AssertionError as error:
            contradictions.append(f"{trace['test']}: {str(error)[:300]}")
            continue
        outcomes[outcome] += 1
        if reason:
            reasons[f"{outcome}: {reason}"] += 1
    with capsys.disabled():
        print(f"\nqueue_scenarios.jsonl: {dict(outcomes)} of {len(traces)}")
        for reason, count in reasons.most_common():
            print(f"  {count:3} {reason}")
    assert contradictions == []
    assert outcomes["deviating"] <= ALLOWED_DEVIATING * len(traces)
    assert outcomes["passed"] >= 0.85 * len(traces)
