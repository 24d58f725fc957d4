"""The workflows that children run: looked up in the version that is called, compiled, and kept for the next call."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flowray.compiler.documents import compile_document
from flowray.definition.inputs import InputContract
from flowray.definition.node_type import NodeType
from flowray.engine.signals import ChildCall
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.records import WorkflowRecord
from flowray.persistence.stores import Reader
from flowray.plan import plan_hash, plan_to_json
from flowray.values import stable_hash

CAPACITY = 256


@dataclass(frozen=True)
class ChildPlan:
    """What a call runs: the compiled plan, and the stored workflow in the version called; None for an inline one."""

    name: str
    plan: bytes
    plan_hash: str
    trigger: str | None
    contract: InputContract
    workflow_id: str | None = None
    version: int | None = None


class ChildPlans:
    """Compiles each definition once. Not thread-safe: belongs to whoever starts children."""

    def __init__(self, reader: Reader, node_types: Callable[[], Mapping[str, NodeType]]) -> None:
        self._reader = reader
        self._node_types = node_types
        self._kept: OrderedDict[str, ChildPlan] = OrderedDict()

    def of(self, call: ChildCall, workspace_id: str) -> ChildPlan:
        """The plan of a call. Raises NOT_FOUND for an unknown workflow or version, INVALID_DEFINITION."""
        if call.definition is not None:
            return self._compiled(stable_hash(call.definition), call.definition, None)
        workflow = self._workflow(call, workspace_id)
        key = f"{workflow.id} {workflow.version} {workflow.hash}"
        return self._compiled(key, workflow.definition, workflow)

    def _workflow(self, call: ChildCall, workspace_id: str) -> WorkflowRecord:
        wanted = call.workflow_id or ""
        found = self._reader.workflow(wanted, workspace_id)
        if found is None:
            raise FlowrayError(
                ErrorCode.NOT_FOUND,
                f"there is no workflow {wanted[:200]!r}",
                hint="workflowId of a sub-workflow node is the id under which the workflow is stored",
            )
        if call.version in (None, found.version):
            return found
        pinned = self._reader.workflow_version(wanted, call.version or 0, workspace_id)
        if pinned is None:
            raise FlowrayError(
                ErrorCode.NOT_FOUND,
                f"workflow {wanted!r} has no version {call.version}; it is at version {found.version}",
                hint="leave version out to call the latest",
            )
        return pinned

    def _compiled(self, key: str, definition: dict[str, Any], workflow: WorkflowRecord | None) -> ChildPlan:
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return kept
        compiled = compile_document(definition, self._node_types())
        made = ChildPlan(
            name=compiled.name,
            plan=plan_to_json(compiled.plan),
            plan_hash=plan_hash(compiled.plan),
            trigger=compiled.plan.trigger,
            contract=compiled.contract,
            workflow_id=workflow.id if workflow else None,
            version=workflow.version if workflow else None,
        )
        self._kept[key] = made
        if len(self._kept) > CAPACITY:
            self._kept.popitem(last=False)
        return made
