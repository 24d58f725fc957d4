"""What one node instance may read: outputs by scope, variables, inputs, loop and parallel values (R6). Pure.

The slice travels with the dispatch. Values above the inline limit are references in it, read where the node runs (R36).
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from flowray.definition.node_type import Role
from flowray.engine.folding import error_output
from flowray.engine.instances import instance_id, parent_of_scope, split_instance
from flowray.engine.manifests import item_at, results_of
from flowray.engine.plan_index import PlanIndex
from flowray.engine.scope_variables import visible_shared, visible_variables
from flowray.engine.shared_memory import contents
from flowray.engine.state import ExecutionState
from flowray.plan import ROOT, ExecutableNode
from flowray.values import Value, encode_json

_MAY_NAME_ANY = re.compile(rb"\bshared\b").search
"""``{{shared[key]}}`` may mean any entry."""


class ContextSlice(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Values for one attempt. ``outputs`` by node id; ``aliases`` maps other names to node ids.

    ``pruned`` lists provider instances whose value left the context although this reader may still want it; the lane
    reads them from the log. ``containers`` has the loop or parallel values of every enclosing container by node id.
    ``bound`` has their items and indexes under the names that the author gave them, innermost winning. ``shared`` has
    those entries of shared memory that the node may name, by key.
    """

    inputs: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    shared: dict[str, Any] = {}
    outputs: dict[str, Value] = {}
    aliases: dict[str, str] = {}
    loop: dict[str, Any] | None = None
    parallel: dict[str, Any] | None = None
    containers: dict[str, dict[str, Any]] = {}
    pruned: tuple[str, ...] = ()
    bound: dict[str, Any] = {}


def context_for(index: PlanIndex, state: ExecutionState, instance: str) -> ContextSlice:
    """The slice for an instance whose scope is open."""
    scope, node_id = split_instance(instance)
    node = index.nodes[node_id].node
    outputs: dict[str, Value] = {}
    aliases: dict[str, str] = {}
    pruned: list[str] = []
    for name, candidates in node.providers.items():
        for candidate in candidates:
            if _read(index, state, scope, candidate, outputs, pruned):
                if name != candidate:
                    aliases[name] = candidate
                break
    if node.reads_all:
        for candidate in index.nodes[node_id].reads or index.plan.nodes:
            if candidate not in outputs:
                _read(index, state, scope, candidate, outputs, pruned)
        for candidate in outputs:
            alias = index.nodes[candidate].node.output_variable
            if alias:
                aliases[alias] = candidate
    loop, parallel, containers = _surroundings(index, state, scope, node_id) if scope else (None, None, {})
    if node_id in index.plan.containers and _add_own_round(index, state, instance, node_id, containers):
        if index.nodes[node_id].node.role is Role.PARALLEL:
            parallel = containers[node_id]
        else:
            loop = containers[node_id]
    return ContextSlice(
        inputs=state.inputs, variables=visible_variables(state, scope), outputs=outputs, aliases=aliases, loop=loop,
        parallel=parallel, containers=containers, pruned=tuple(pruned), shared=_shared(state, scope, node),
        bound=_failure(index, state, node_id) | (_bound(index, containers, node_id) if containers else {}),
    )  # fmt: skip


def _shared(state: ExecutionState, scope: str, node: ExecutableNode) -> dict[str, Any]:
    """Entries that the config names, or all where it may look up any: memory may hold 10 MiB, a dispatch should not."""
    entries = visible_shared(state, scope)
    if not entries:
        return {}
    text = encode_json(node.config)
    if node.reads_shared or node.reads_all or _MAY_NAME_ANY(text) is not None:
        return contents(entries)
    return {key: entry.value for key, entry in entries.items() if encode_json(key)[1:-1] in text}


def _failure(index: PlanIndex, state: ExecutionState, reader: str) -> dict[str, Any]:
    """``error`` and ``errors`` for the path of the error handler (R20)."""
    if not state.handling or (index.chains[reader] or (reader,))[0] not in index.handler_nodes:
        return {}
    errors = [{**error_output(error), "instance": error.instance, "hint": error.hint} for error in state.errors]
    return {"error": errors[0], "errors": errors}


def _read(
    index: PlanIndex, state: ExecutionState, scope: str, provider: str, into: dict[str, Value], pruned: list[str]
) -> bool:
    """Find the provider's value as seen from ``scope``: own scope, then the previous round, then outwards (R6)."""
    home = index.nodes[provider].node.scope
    chain = index.chains[provider]
    here = scope
    while True:
        found = state.scopes[here]
        if found.plan_scope == home:
            node = found.nodes[provider]
            if node.has_output:
                into[provider] = node.output
                return True
            if node.pruned:
                pruned.append(instance_id(here, provider))
                return True
            return _previous_round(index, state, here, provider, into)
        if found.plan_scope == ROOT or found.plan_scope in chain:
            # The provider lives further inside: in a container of this scope.
            return _inside_container(index, state, here, provider, into)
        here = parent_of_scope(here)[0].rpartition("/")[0]


def _previous_round(index: PlanIndex, state: ExecutionState, scope: str, provider: str, into: dict[str, Value]) -> bool:
    """What the round before had. The branches of a parallel, and concurrent rounds, do not see each other."""
    if not scope:
        return False
    instance = parent_of_scope(scope)[0]
    container_id = split_instance(instance)[1]
    sequential = index.container(container_id).max_concurrency == 1
    if index.nodes[container_id].node.role is Role.PARALLEL or not sequential:
        return False
    return _last_round(state, instance, provider, into)


def _inside_container(
    index: PlanIndex, state: ExecutionState, scope: str, provider: str, into: dict[str, Value]
) -> bool:
    """A reader outside a container sees its highest iteration, or branch 0 of a parallel (R6)."""
    found = state.scopes[scope]
    if provider in found.exports:
        into[provider] = found.exports[provider]
        return True
    chain = index.chains[provider]
    depth = chain.index(found.plan_scope) + 1 if found.plan_scope != ROOT else 0
    running = instance_id(scope, chain[depth])
    return _last_round(state, running, provider, into) or _previous_round(index, state, scope, provider, into)


def _last_round(state: ExecutionState, instance: str, provider: str, into: dict[str, Value]) -> bool:
    container = state.containers.get(instance)
    if container is None or provider not in container.last:
        return False
    into[provider] = container.last[provider]
    return True


def _surroundings(
    index: PlanIndex, state: ExecutionState, scope: str, reader: str
) -> tuple[dict[str, Any] | None, dict[str, Any] | None, dict[str, dict[str, Any]]]:
    """The nearest loop and parallel, and all enclosing ones by node id."""
    loop: dict[str, Any] | None = None
    parallel: dict[str, Any] | None = None
    containers: dict[str, dict[str, Any]] = {}
    known = index.nodes[reader]
    here = scope
    while here:
        container_instance, number = parent_of_scope(here)
        container_id = split_instance(container_instance)[1]
        values = _round_values(index, state, here, container_instance, container_id, number)
        if known.reads_items:
            values["items"] = state.containers[container_instance].items
        if known.reads_results and index.nodes[container_id].node.role is Role.LOOP:
            values["results"] = results_of(state.containers[container_instance], before=number)
        containers.setdefault(container_id, values)
        if index.nodes[container_id].node.role is Role.PARALLEL:
            parallel = parallel or values
        else:
            loop = loop or values
        here = container_instance.rpartition("/")[0]
    return loop, parallel, containers


def _bound(index: PlanIndex, containers: dict[str, dict[str, Any]], reader: str) -> dict[str, Any]:
    """Item and index of each enclosing container under its author's names for them.

    A container that asks for its own next round has no item yet; its name may mean something else until then.
    """
    bound: dict[str, Any] = {}
    for container_id, values in sorted(containers.items(), key=lambda found: len(index.chains[found[0]])):
        plan = index.container(container_id)
        if plan.item_variable and (container_id != reader or plan.asks_each_round):
            bound[plan.item_variable] = values["item"]
        if plan.index_variable:
            bound[plan.index_variable] = values["index"]
    return bound


def _round_values(
    index: PlanIndex, state: ExecutionState, scope: str, container_instance: str, container_id: str, number: int
) -> dict[str, Any]:
    container = state.containers[container_instance]
    item = state.scopes[scope].item
    values: dict[str, Any] = {
        "index": number,
        "iteration": number + 1,
        "item": item,
        "currentItem": item,
        "branchId": scope,
        "total": None if container.total < 0 else container.total,
        "isFirst": number == 0,
        "isLast": container.total >= 0 and number == container.total - 1,
    }
    return values


def _add_own_round(
    index: PlanIndex,
    state: ExecutionState,
    instance: str,
    container_id: str,
    containers: dict[str, dict[str, Any]],
) -> bool:
    """A sentinel's condition sees the round it decides on and the results so far; END sees all results.

    False for START, which sees what is around its container: a collection may be the item of the loop outside.
    """
    container = state.containers.get(instance)
    if container is None or not container.opened:
        return False
    number = container.next_index
    containers[container_id] = {
        "index": number,
        "iteration": number + 1,
        "item": item_at(container.items, number),
        "total": None if container.total < 0 else container.total,
        "isFirst": number == 0,
        "isLast": False,
    }
    if container.closing:
        containers[container_id]["results"] = results_of(container)
    elif index.nodes[container_id].reads_results:
        containers[container_id]["results"] = results_of(container, before=number)
    return True
