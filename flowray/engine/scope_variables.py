"""Which variables and shared memory a scope sees, and whose changes become whose (R17). Pure.

Branches are isolated until their container ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowray.definition.node_type import Role
from flowray.engine.instances import parent_of_scope
from flowray.engine.plan_index import PlanIndex
from flowray.engine.shared_memory import Entries, changed, over_limit, unfit
from flowray.engine.signals import NodeError, VariableOperation
from flowray.engine.state import ContainerState, ExecutionState, ScopeState
from flowray.engine.variables import apply_operation, misfit
from flowray.errors import ErrorCode
from flowray.values import canonical_json


def isolates(index: PlanIndex, container_id: str) -> bool:
    """Whether the scopes of a container do not see each other's variables: branches, and rounds side by side."""
    return index.nodes[container_id].node.role is Role.PARALLEL or index.container(container_id).max_concurrency != 1


def visible_variables(state: ExecutionState, scope: str) -> dict[str, Any]:
    """The variables as an instance in ``scope`` sees them. Not a copy."""
    home = _home(state, scope)
    return state.variables if home is None or home.variables is None else home.variables


def visible_shared(state: ExecutionState, scope: str) -> Entries:
    """Shared memory as an instance in ``scope`` sees it. Not a copy, and never to be changed in place."""
    return (_home(state, scope) or state).shared


def change_variables(state: ExecutionState, scope: str, operations: Sequence[VariableOperation]) -> None:
    """Apply operations of an instance in ``scope``. An isolated scope keeps them for the end of its container.

    Those on the workflow's memory change no state, and wait for no container: the store applies them.
    """
    operations = [operation for operation in operations if not operation.workflow]
    if not operations:
        return
    home = _home(state, scope)
    variables = visible_variables(state, scope)
    owner = home or state
    for operation in operations:
        if operation.shared:
            owner.shared = changed(owner.shared, operation)
        else:
            apply_operation(variables, operation)
    if home is not None:
        home.changes.extend(operations)


def refusal(
    index: PlanIndex, state: ExecutionState, scope: str, operations: Sequence[VariableOperation]
) -> NodeError | None:
    """Why operations of an instance in ``scope`` cannot be applied one after the other now; None if they can.

    VARIABLE_MISMATCH, or SHARED_MEMORY_LIMIT_EXCEEDED. Changes nothing.
    """
    if not operations:
        return None
    variables = visible_variables(state, scope)
    entries = visible_shared(state, scope)
    touched: dict[str, Any] = {}
    for operation in operations:
        name = operation.name
        if operation.workflow:
            continue  # Checked where it was read; whatever another execution has done since, it happens (R17).
        if operation.shared:
            problem = unfit(entries, operation)
            if problem is not None:
                return _mismatch(f"cannot {operation.op} the entry {name[:100]!r} of shared memory: {problem}")
            entries = changed(entries, operation)
            problem = over_limit(entries, index.plan.settings)
            if problem is not None:
                return NodeError(
                    message=problem, code=ErrorCode.SHARED_MEMORY_LIMIT_EXCEEDED.value,
                    hint="Store less, delete entries, or set settings.sharedMemory.",
                )  # fmt: skip
        else:
            touched.setdefault(name, variables.get(name))
            problem = misfit(touched[name], operation, index.plan.variable_types.get(name))
            if problem is not None:
                return _mismatch(f"cannot {operation.op} variable {name!r}: {problem}")
            apply_operation(touched, operation)
    return None


def _mismatch(message: str) -> NodeError:
    return NodeError(
        message=message, code=ErrorCode.VARIABLE_MISMATCH.value,
        hint="Convert the value first, or declare another type.",
    )  # fmt: skip


def merge_changes(state: ExecutionState, scope: str, container: ContainerState) -> None:
    """A container in ``scope`` has ended: what its branches changed happens there, in the order of their indexes."""
    for number in sorted(container.changes):
        change_variables(state, scope, container.changes[number])


def merge_refusal(index: PlanIndex, state: ExecutionState, scope: str, container: ContainerState) -> NodeError | None:
    """The limit that shared memory would exceed with what the branches of an ending container did, if any."""
    if not container.changes:
        return None
    operations = [
        operation for number in sorted(container.changes) for operation in container.changes[number] if operation.shared
    ]
    entries = visible_shared(state, scope)
    for operation in operations:
        entries = changed(entries, operation)
    problem = over_limit(entries, index.plan.settings) if operations else None
    if problem is None:
        return None
    return NodeError(message=f"together, {problem}", code=ErrorCode.SHARED_MEMORY_LIMIT_EXCEEDED.value)


def conflicting_sets(container: ContainerState) -> dict[str, list[int]]:
    """Variables and entries that several branches set to different values → those branches; the last one counts."""
    found: dict[str, dict[int, Any]] = {}
    for number in sorted(container.changes):
        for operation in container.changes[number]:
            if operation.op == "set":
                name = f"shared.{operation.name}" if operation.shared else operation.name
                found.setdefault(name, {})[number] = operation.value
    return {name: list(values) for name, values in found.items() if len({*map(canonical_json, values.values())}) > 1}


def _home(state: ExecutionState, scope: str) -> ScopeState | None:
    """The isolated scope that ``scope`` is or lies in; None where the execution's own variables are seen."""
    while scope:
        found = state.scopes[scope]
        if found.variables is not None:
            return found
        scope = parent_of_scope(scope)[0].rpartition("/")[0]
    return None
