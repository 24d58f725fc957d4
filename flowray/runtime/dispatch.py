"""From the engine's RunNode to the task that a lane understands: plan, context slice and identity in one struct."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowray.definition.node_type import Role
from flowray.engine.commands import COLLECT, RunNode
from flowray.engine.context import ContextSlice, context_for
from flowray.engine.instances import split_instance, visit
from flowray.engine.plan_index import PlanIndex
from flowray.engine.residency import inline_limit
from flowray.engine.state import ExecutionState
from flowray.handlers.node_task import NodeTask
from flowray.handlers.services import MemoryPlace
from flowray.persistence.records import ExecutionRecord
from flowray.plan import ExecutableNode
from flowray.runtime.token_estimates import estimated_tokens
from flowray.values import Value, to_wire

DEADLINE_GRACE_MS = 2_000
"""The engine ends an execution at its deadline and stops its attempts; a lane does so by itself only this much later.
If it came first, the execution would fail with a node that took too long instead of ending as timed out (R14)."""

_NAMED_KEY = {
    Role.SOURCE: ("inputName", "input_name", "inputVariable", "input_variable", "variableName", "variable_name"),
    Role.OUTPUT: ("outputName", "output_name", "outputVariable", "output_variable", "name"),
}
"""Nodes whose output is ``{key: value}``: the config fields that give the key, in the order in which handlers ask."""


def idempotency_key(execution_id: str, instance: str, tries: int, step: int = 0) -> str:
    """The same for every attempt whose predecessor's outcome is unknown; a new one after a received failure, and after
    a step (R31).
    """
    return f"{execution_id}:{instance}:{visit(tries, step)}"


def stream_name(instance: str) -> str:
    """The name of an instance's text stream: ``llm-<node id>``, with the scope path inside loops and parallels."""
    scope, node_id = split_instance(instance)
    return f"llm-{scope}/{node_id}" if scope else f"llm-{node_id}"


def node_task(
    record: ExecutionRecord, index: PlanIndex, state: ExecutionState, command: RunNode, ts: int, incarnation: int = 0
) -> NodeTask:
    """Everything a lane needs to run one attempt of one instance, without looking anything up.

    To be called in the step that decided the command, at its time ``ts``: a later state may hold what it must not see.
    """
    known = index.nodes[command.node_id]
    node = known.node
    context, entries = _given(index, state, command)
    return NodeTask(
        execution_id=record.id,
        payload_owner=record.root_id or "",
        workflow_id=record.workflow_id,
        memory=_memory_place(record, index, node),
        workflow_name=record.workflow_name or index.plan.name,
        plan_hash=record.plan_hash,
        workspace_id=record.workspace_id,
        epoch=state.epoch,
        incarnation=incarnation,
        instance=command.instance,
        node_id=command.node_id,
        node_type=node.type,
        node_name=node.name,
        dialect=index.plan.dialect.name,
        config=node.config,
        attempt=command.attempt,
        tries=command.tries,
        idempotency_key=idempotency_key(record.id, command.instance, command.tries, command.step),
        sentinel=command.sentinel,
        round=command.round,
        start_timeout_ms=None if command.sentinel else node.start_timeout_ms,
        timeout_ms=node.timeout_ms,
        deadline_ms=None if record.deadline_at is None else record.deadline_at + DEADLINE_GRACE_MS,
        stream_id=stream_name(command.instance) if node.streams else "",
        streams=node.streams,
        keep_unresolved=index.plan.dialect.keep_unresolved,
        flatten=index.plan.dialect.flatten_outputs,
        inputs=context.inputs,
        variables=dict(context.variables),  # changed in place here, while a lane reads the task in another thread
        shared=context.shared,
        outputs=context.outputs,
        aliases=context.aliases,
        alias_keys=_alias_keys(index, context.aliases) if context.aliases else {},
        known=tuple(name for name in known.names if name not in context.outputs),
        loop=context.loop,
        parallel=context.parallel,
        containers=context.containers,
        bound=context.bound,
        inline_limit_bytes=inline_limit(index, state),
        output_limit_bytes=index.plan.settings.max_node_output_bytes,
        elapsed_ms=max(ts - state.started_at, 0),
        lane=known.lane,
        entries=entries,
        resources=node.resources,
        limits=() if command.sentinel else node.limits,
        estimated_tokens=estimated_tokens(node, context) if node.limits and node.spends_tokens else 0,
        **_so_far(state, command),
    )


def _given(index: PlanIndex, state: ExecutionState, command: RunNode) -> tuple[ContextSlice, tuple[Value, ...]]:
    """What the attempt may read; or the results that are to go into the next chunk, which needs nothing else (R16)."""
    if command.sentinel != COLLECT:
        return context_for(index, state, command.instance), ()
    container = state.containers[command.instance]
    entries = (container.results[number] for number in range(container.collected, container.collecting))
    return ContextSlice(), tuple(map(to_wire, entries))


def _so_far(state: ExecutionState, command: RunNode) -> dict[str, Any]:
    """What the steps of the instance have left, if it has done any."""
    node = state.node(*split_instance(command.instance)) if command.step else None
    if node is None:
        return {}
    return {
        "step": command.step, "journal": node.journal, "answer": node.answer, "stream_offset": node.stream_offset,
    }  # fmt: skip


def _memory_place(record: ExecutionRecord, index: PlanIndex, node: ExecutableNode) -> MemoryPlace | None:
    if record.workflow_id is None or not node.reads_shared:
        return None
    settings = index.plan.settings
    return MemoryPlace(
        workflow_id=record.workflow_id, workspace_id=record.workspace_id, max_entries=settings.memory_entries,
        max_value_bytes=settings.memory_value_bytes, max_total_bytes=settings.memory_total_bytes,
    )  # fmt: skip


def _alias_keys(index: PlanIndex, aliases: Mapping[str, str]) -> dict[str, str]:
    """For aliases of input and output nodes, the key of their output object that the alias means."""
    keys = {alias: output_key(index.nodes[node_id].node) for alias, node_id in aliases.items()}
    return {alias: key for alias, key in keys.items() if key is not None}


def output_key(node: ExecutableNode) -> str | None:
    """The key of a node's output that its aliases mean; None for a node whose output is its value."""
    if node.value_key is not None:
        return node.value_key
    config: Mapping[str, Any] = node.config
    named = (config.get(field) for field in _NAMED_KEY.get(node.role, ()))
    return next((name for name in named if isinstance(name, str) and name), None)
