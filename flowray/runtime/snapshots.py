"""Snapshots of executions: kept where one is given up, to shorten its fold, and shown to people as a document (R29).

The log stays the truth: a snapshot that is missing, or that this flowray cannot read, costs only time. Values above the
inline limit stand as descriptors.
"""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from flowray.definition.node_type import Role
from flowray.engine.folding import instances_of
from flowray.engine.manifests import results_of
from flowray.engine.plan_index import PlanIndex
from flowray.engine.replay import replay
from flowray.engine.snapshot import snapshot_from_json, snapshot_to_json
from flowray.engine.state import STATE_VERSION, ContainerState, ExecutionState, NodeState
from flowray.engine.statuses import NodeStatus
from flowray.errors import FlowrayError
from flowray.persistence.records import ExecutionRecord, SnapshotRecord
from flowray.persistence.stores import Reader
from flowray.runtime.waitpoints import waitpoint_id
from flowray.values import to_wire

logger = logging.getLogger(__name__)

DOCUMENT_VERSION = 1

_RUNNING = (NodeStatus.RUNNING, NodeStatus.WAITING)
_PENDING = (NodeStatus.PENDING, NodeStatus.READY)


def snapshot_id(execution_id: str, seq: int) -> str:
    """The id of the snapshot after event ``seq``."""
    return f"{execution_id}@{seq}"


def snapshot_record(execution_id: str, seq: int, state: ExecutionState, now_ms: int) -> SnapshotRecord:
    """The state after event ``seq``, as it is kept. One per seq, so that repeats are the same row."""
    return SnapshotRecord(
        id=snapshot_id(execution_id, seq),
        execution_id=execution_id,
        seq=seq,
        version=STATE_VERSION,
        data=snapshot_to_json(state),
        created_at=now_ms,
    )


def load_state(reader: Reader, record: ExecutionRecord, index: PlanIndex) -> ExecutionState:
    """The state of an execution: its snapshot, if it has one, and the events since; else the whole log."""
    kept = reader.snapshot(record.snapshot_id) if record.snapshot_id is not None else None
    if kept is not None:
        try:
            return replay(index, reader.events.read_raw(record.id, kept.seq), snapshot_from_json(kept.data))
        except (FlowrayError, msgspec.MsgspecError) as error:
            logger.warning("flowray: snapshot %s is not used: %s", kept.id, error)
    return replay(index, reader.events.read_raw(record.id))


def snapshot_document(record: ExecutionRecord, index: PlanIndex, state: ExecutionState) -> dict[str, Any]:
    """What is known of an execution, for people and for export. ``pauseContext`` has an entry per pending pause.

    ``outputs`` by instance are those still in the state: what nobody reads any more is in the node logs. ``state`` is
    the engine's own, from which an execution can be taken up.
    """
    nodes = instances_of(state)
    by_status: dict[str, list[str]] = {
        name: [] for name in ("completed", "pending", "running", "failed", "skipped", "cancelled")
    }
    for instance, _, node in nodes:
        by_status[_group(node)].append(instance)
    return {
        "version": DOCUMENT_VERSION,
        "execution_id": record.id,
        "workflow_id": record.workflow_id,
        "workflow_version": record.workflow_version,
        "plan_hash": record.plan_hash,
        "created_by": record.created_by,
        "status": state.status.value,
        "seq": record.last_seq,
        "epoch": state.epoch,
        "started_at": record.started_at,
        "inputs": state.inputs,
        **by_status,
        "outputs": {instance: to_wire(node.output) for instance, _, node in nodes if node.has_output},
        "variables": state.variables,
        "loops": _containers(index, state, Role.LOOP),
        "parallels": _containers(index, state, Role.PARALLEL),
        "pauseContext": _pauses(record.id, nodes, state),
        "state": {"version": STATE_VERSION, **msgspec.to_builtins(state, str_keys=True)},
    }


def _group(node: NodeState) -> str:
    if node.status in _PENDING:
        return "pending"
    return "running" if node.status in _RUNNING else node.status.value


def _containers(index: PlanIndex, state: ExecutionState, role: Role) -> dict[str, Any]:
    return {
        instance: _container(container)
        for instance, container in state.containers.items()
        if index.nodes[instance.rpartition("/")[2]].node.role is role
    }


def _container(container: ContainerState) -> dict[str, Any]:
    return {
        "total": None if container.total < 0 else container.total,
        "next_index": container.next_index,
        "running": container.running,
        "results": to_wire(results_of(container)),
    }


def _pauses(execution_id: str, nodes: list[tuple[str, str, NodeState]], state: ExecutionState) -> list[dict[str, Any]]:
    found = [
        {
            "nodeId": node_id,
            "instance": instance,
            "reason": node.wait_reason,
            "waitpointId": waitpoint_id(execution_id, node.waitpoint),
            "expectedInputSchema": node.pause.expected_input,
            "pausedAt": node.waiting_since,
        }
        for instance, node_id, node in nodes
        if node.pause is not None
    ]
    if state.hold is not None:
        requested = {"nodeId": None, "instance": None, "waitpointId": None, "expectedInputSchema": None}
        found.append({**requested, "reason": state.hold.reason, "pausedAt": state.hold.since})
    return found
