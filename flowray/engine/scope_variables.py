"""Which variables a scope sees, and whose they become (R17): branches are isolated until their container ends. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowray.definition.node_type import Role
from flowray.engine.instances import parent_of_scope
from flowray.engine.plan_index import PlanIndex
from flowray.engine.signals import VariableOperation
from flowray.engine.state import ContainerState, ExecutionState, ScopeState
from flowray.engine.variables import apply_operation
from flowray.values import canonical_json


def isolates(index: PlanIndex, container_id: str) -> bool:
    """Whether the scopes of a container do not see each other's variables: branches, and rounds side by side."""
    return index.nodes[container_id].node.role is Role.PARALLEL or index.container(container_id).max_concurrency != 1


def visible_variables(state: ExecutionState, scope: str) -> dict[str, Any]:
    """The variables as an instance in ``scope`` sees them. Not a copy."""
    home = _home(state, scope)
    return state.variables if home is None or home.variables is None else home.variables


def change_variables(state: ExecutionState, scope: str, operations: Sequence[VariableOperation]) -> None:
    """Apply operations of an instance in ``scope``. An isolated scope keeps them for the end of its container."""
    if not operations:
        return
    home = _home(state, scope)
    variables = visible_variables(state, scope)
    for operation in operations:
        apply_operation(variables, operation)
    if home is not None:
        home.changes.extend(operations)


def merge_changes(state: ExecutionState, scope: str, container: ContainerState) -> None:
    """A container in ``scope`` has ended: what its branches changed happens there, in the order of their indexes."""
    for number in sorted(container.changes):
        change_variables(state, scope, container.changes[number])


def conflicting_sets(container: ContainerState) -> dict[str, list[int]]:
    """Variables that several branches set to different values → those branches; the last one counts."""
    found: dict[str, dict[int, Any]] = {}
    for number in sorted(container.changes):
        for operation in container.changes[number]:
            if operation.op == "set":
                found.setdefault(operation.name, {})[number] = operation.value
    return {name: list(values) for name, values in found.items() if len({*map(canonical_json, values.values())}) > 1}


def _home(state: ExecutionState, scope: str) -> ScopeState | None:
    """The isolated scope that ``scope`` is or lies in; None where the execution's own variables are seen."""
    while scope:
        found = state.scopes[scope]
        if found.variables is not None:
            return found
        scope = parent_of_scope(scope)[0].rpartition("/")[0]
    return None
