"""FlowMaestro's recorded snapshots (``snapshot.jsonl``), against ours: the state of an execution as versioned JSON.

Their snapshot repeats in lists by status what its queue and context hold, and carries ids and a purpose. Ours is the
state that the log folds to (R29); whose it is and why it was taken stand in its row. So a recorded queue becomes an
execution in that state, and what is compared is what both can say: who is how, outputs, variables, inputs, progress,
loops and branches, and what a restored execution does next. Sizes are not compared (theirs: two bytes a character).
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from flowray.engine.machine import new_state
from flowray.engine.outputs import progress
from flowray.engine.plan_index import PlanIndex
from flowray.engine.snapshot import snapshot_from_json, snapshot_to_json
from flowray.engine.state import STATE_VERSION, ContainerState, ExecutionState, NodeState, ScopeState
from flowray.engine.statuses import NodeStatus
from flowray.engine.versions import FIRST
from flowray.errors import FlowrayError
from flowray.values import decode_json, encode_json
from tests.conformance.judging import EquivalentError, Record, SkippedError, judge
from tests.corpus import golden, needs_corpus
from tests.engine.harness import Run, asks, err, ok, route
from tests.engine.plans import PlanMaker

LISTS = {
    "completedNodes": {"completed"},
    "pendingNodes": {"pending", "ready"},
    "executingNodes": {"running"},
    "failedNodes": {"failed"},
    "skippedNodes": {"skipped"},
}
"""Their list → our statuses that belong into it."""

STATUSES = {"executing": "running"}


def state_of(nodes: dict[str, Record], context: Record) -> tuple[PlanIndex, ExecutionState]:
    """A state with these nodes, as their queue describes them, and this context."""
    maker = PlanMaker()
    for node_id in nodes:
        maker.node(node_id)
    state = new_state()
    state.inputs, state.variables = context["inputs"], context["workflowVariables"]
    known = {}
    for node_id, node in nodes.items():
        status = NodeStatus(STATUSES.get(node["status"], node["status"]))
        known[node_id] = NodeState(status=status, tries=node["retryCount"])
        state.counts[status.value] = state.counts.get(status.value, 0) + 1
    for node_id, output in context["nodeOutputs"].items():
        found = known.setdefault(node_id, NodeState(status=NodeStatus.COMPLETED))
        found.output, found.has_output = output, True
    state.scopes[""] = ScopeState(plan_scope="", nodes=known)
    return PlanIndex(maker.build()), state


def restored(state: ExecutionState) -> ExecutionState:
    """The state after a snapshot; the same in every byte."""
    again = snapshot_from_json(snapshot_to_json(state))
    assert snapshot_to_json(again) == snapshot_to_json(state)
    return again


def nodes_of(snapshot: Record) -> dict[str, Record]:
    """Their nodes by id, whatever list they stand in."""
    return {node["nodeId"]: node for name in LISTS for node in snapshot[name]}


def create_snapshot(record: Record) -> None:
    queue, context, loops, branches = record["args"][3:7]
    theirs = record["result"]
    index, state = state_of(queue["nodeStates"], context)
    for branch in branches.values():
        scope = f"parallel-1[{branch['index']}]"
        state.scopes[scope] = ScopeState("parallel-1", {}, index=branch["index"], item=branch["currentItem"])
    assert not loops
    again = restored(state)
    _same_nodes(again, theirs)
    assert progress(index, again)["percent"] == theirs["progress"]
    assert [(scope.index, scope.item) for name, scope in again.scopes.items() if name] == [
        (branch["branchIndex"], branch["currentItem"]) for branch in theirs["parallelStates"]
    ]


def _same_nodes(state: ExecutionState, theirs: Record) -> None:
    nodes = {node_id: node for node_id, node in state.scopes[""].nodes.items() if node_id in nodes_of(theirs)}
    for name, statuses in LISTS.items():
        ours = [node_id for node_id, node in nodes.items() if node.status.value in statuses]
        assert sorted(ours) == sorted(node["nodeId"] for node in theirs[name]), name
    _same_context(state, theirs)


def _same_context(state: ExecutionState, theirs: Record) -> None:
    outputs = {node_id: node.output for node_id, node in state.scopes[""].nodes.items() if node.has_output}
    assert outputs == theirs["nodeOutputs"]
    assert (state.variables, state.inputs) == (theirs["workflowVariables"], theirs["inputs"])


def validate_snapshot(record: Record) -> None:
    (snapshot,) = record["args"]
    errors = record["result"].get("errors", [])
    if any(error.startswith("Missing") for error in errors):
        fields = set(ExecutionState.__struct_fields__)
        assert not fields & {"id", "execution_id", "workflow_id", "user_id", "created_by"}
        raise EquivalentError("whose snapshot it is stands in its row, where the database demands it (R22)")
    if errors:
        broken = encode_json({"scopes": {"": {"plan_scope": "", "nodes": snapshot["completedNodes"]}}})
        with pytest.raises(msgspec.ValidationError):
            snapshot_from_json(broken)
        raise EquivalentError("a snapshot of another shape is refused where it is read")
    version = STATE_VERSION + snapshot["schemaVersion"] - 1
    if version < FIRST:
        with pytest.raises(FlowrayError):
            snapshot_from_json(encode_json({"version": version}))
        raise EquivalentError("a version that no release wrote is refused where it is read")
    assert snapshot_from_json(encode_json({"version": version})).version == version


def round_trip(record: Record) -> None:
    """Their row or their object: what either holds survives ours."""
    given = record["args"][0]
    snapshot = given if "completedNodes" in given else record["result"]
    nodes = nodes_of(snapshot)
    for node in nodes.values():
        node.setdefault("retryCount", 0)
    _, state = state_of(nodes, snapshot)
    again = restored(_with_loops(state, snapshot["loopStates"]))
    _same_nodes(again, snapshot)
    for node_id, node in nodes.items():
        assert again.scopes[""].nodes[node_id].tries == node["retryCount"]
    assert _loops(again) == _their_loops(snapshot["loopStates"])
    if "completed_nodes" in record["result"]:
        assert decode_json(record["result"]["node_outputs"]) == snapshot["nodeOutputs"]
    pause = snapshot.get("pauseContext")
    if pause is not None:
        node_id, reason = pause["pausedAtNodeId"], pause["reason"]
        run = Run(PlanMaker().node(node_id).build(), {node_id: asks(reason)}).start().play()
        waiting = restored(run.state).scopes[""].nodes[node_id]
        assert (waiting.status, waiting.wait_reason) == (NodeStatus.WAITING, reason)
        raise EquivalentError("what a person is asked stands with the node that waits for it (R20)")


def _with_loops(state: ExecutionState, loops: list[Record]) -> ExecutionState:
    for loop in loops:
        results: dict[int, Any] = dict(enumerate(loop["accumulatedResults"]))
        state.containers[loop["loopNodeId"]] = ContainerState(
            opened=True, total=loop["totalItems"], next_index=loop["currentIndex"], results=results
        )
        scope = f"{loop['loopNodeId']}[{loop['currentIndex']}]"
        state.scopes[scope] = ScopeState(loop["loopNodeId"], {}, index=loop["currentIndex"], item=loop["currentItem"])
    return state


def _loops(state: ExecutionState) -> dict[str, Record]:
    found = {}
    for loop_id, loop in state.containers.items():
        scope = state.scopes[f"{loop_id}[{loop.next_index}]"]
        results = [loop.results[index] for index in sorted(loop.results)]
        found[loop_id] = {"index": scope.index, "total": loop.total, "item": scope.item, "results": results}
    return found


def _their_loops(loops: list[Record]) -> dict[str, Record]:
    return {
        loop["loopNodeId"]: {
            "index": loop["currentIndex"], "total": loop["totalItems"], "item": loop["currentItem"],
            "results": loop["accumulatedResults"],
        }
        for loop in loops
    }  # fmt: skip


def restore_queue_state(record: Record) -> None:
    """What was executing runs again, as a new attempt; what had ended stays as it is."""
    theirs = record["result"]
    maker = PlanMaker().branch("n1").chain("n3", "n2").node("n4").node("n5").edge("n1 no-> n5")
    run = Run(maker.build(), {"n1": route("yes", output={"x": 1}), "n3": ok(), "n4": err()}).start()
    run.finish("n1")
    run.finish("n4")
    run.crash_and_recover()
    assert [call.instance for call in run.pending] == theirs["ready"] == ["n3"]
    assert run.pending[0].attempt == 2
    for name in ("pending", "completed", "failed", "skipped"):
        assert sorted(run.with_status(NodeStatus(name))) == theirs[name], name
    assert run.root()["n1"].output == theirs["nodeStates"]["n1"]["output"]


def restore_context(record: Record) -> None:
    _, state = state_of({}, record["args"][0])
    _same_context(restored(state), record["result"])
    assert restored(state).shared == {}


def restore_loops(record: Record) -> None:
    _, state = state_of({}, record["args"][0])
    assert _loops(restored(_with_loops(state, record["args"][0]["loopStates"]))) == record["result"]


def describe_type(record: Record) -> None:
    raise SkippedError("a snapshot has no kind: it only shortens the fold of the log, at any time (R29)")


CHECKS = {
    "createSnapshot": create_snapshot,
    "validateSnapshot": validate_snapshot,
    "serializeSnapshot": round_trip,
    "deserializeSnapshot": round_trip,
    "restoreQueueState": restore_queue_state,
    "restoreContextSnapshot": restore_context,
    "restoreLoopStates": restore_loops,
    "getSnapshotTypeDescription": describe_type,
}


@needs_corpus
def test_recorded_snapshots(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = judge("snapshot.jsonl", golden("snapshot.jsonl"), lambda record: CHECKS[record["fn"]](record), capsys)
    assert outcomes["skipped"] == 3
    assert outcomes["deviating"] == 0
    assert outcomes["passed"] >= 15
