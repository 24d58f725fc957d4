"""A plan as people look at it: dependencies, levels, and the sentinels of loops by name. Not what execution reads."""

from __future__ import annotations

from typing import Any

from flowray.compiler.handles import BODY, EXIT, handle_type
from flowray.definition.node_type import Role
from flowray.plan import ExecutableNode, ExecutionPlan, plan_hash

START_SUFFIX = "__LOOP_START"
END_SUFFIX = "__LOOP_END"
_SUFFIXES = {
    Role.LOOP: (START_SUFFIX, END_SUFFIX),
    Role.PARALLEL: ("__PARALLEL_START", "__PARALLEL_END"),
}


def plan_view(plan: ExecutionPlan) -> dict[str, Any]:
    """What ``GET …/plan`` answers.

    ``nodes``: by id, each with type, dependencies, dependents, handle_types (by dependent), lane, segment, scope and
    order. A loop ``L`` stands as ``L__LOOP_START`` and ``L__LOOP_END`` around its body. ``edges``: as drawn between
    these. ``execution_order``: the root's levels. ``readers``: node id → ids of the nodes that may read its output.
    """
    nodes: dict[str, dict[str, Any]] = {}
    for node in plan.nodes.values():
        for view_id, sentinel in _stand_ins(node):
            nodes[view_id] = _node_view(node, view_id, sentinel)
    edges = _edges(plan)
    for edge in edges:
        source, target = nodes[edge["source"]], nodes[edge["target"]]
        _append_new(source["dependents"], edge["target"])
        _append_new(target["dependencies"], edge["source"])
        source["handle_types"].setdefault(edge["target"], []).append(edge["handle_type"])
    return {
        "name": plan.name,
        "hash": plan_hash(plan),
        "version": plan.version,
        "trigger": plan.trigger,
        "start_nodes": list(plan.start_nodes),
        "output_nodes": list(plan.output_nodes),
        "execution_order": _execution_order(plan),
        "nodes": nodes,
        "edges": edges,
        "readers": {node_id: list(readers) for node_id, readers in plan.readers.items()},
        "absent_nodes": list(plan.absent_nodes),
        "settings": {
            "max_concurrent_nodes": plan.settings.max_concurrent_nodes,
            "timeout_ms": plan.settings.timeout_ms,
            "on_failure": plan.settings.on_failure.value,
        },
    }


def is_sentinel(node_id: str) -> bool:
    """Whether a name in a view stands for the border of a loop or parallel."""
    return container_of_sentinel(node_id) is not None


def container_of_sentinel(node_id: str) -> str | None:
    """The loop or parallel whose border a sentinel is; None for any other name."""
    for suffixes in _SUFFIXES.values():
        for suffix in suffixes:
            if node_id.endswith(suffix):
                return node_id.removesuffix(suffix)
    return None


def _stand_ins(node: ExecutableNode) -> list[tuple[str, str | None]]:
    suffixes = _SUFFIXES.get(node.role)
    if suffixes is None:
        return [(node.id, None)]
    kind = node.role.value
    return [(node.id + suffixes[0], f"{kind}-start"), (node.id + suffixes[1], f"{kind}-end")]


def _node_view(node: ExecutableNode, view_id: str, sentinel: str | None) -> dict[str, Any]:
    return {
        "id": view_id,
        "node_id": node.id,
        "name": node.name,
        "type": node.type,
        "sentinel": sentinel,
        "scope": node.scope,
        "order": node.order,
        "depth": node.depth,
        "lane": node.lane.value,
        "segment": node.segment,
        "error_port": node.error_port,
        "dependencies": [],
        "dependents": [],
        "handle_types": {},
    }


def _edges(plan: ExecutionPlan) -> list[dict[str, Any]]:
    found = []
    for scope in plan.scopes.values():
        for edge in scope.edges:
            source = plan.nodes[edge.source]
            start = edge.origin or _end(source)
            role = plan.nodes[edge.origin].role if edge.origin else source.role
            found.append(
                {
                    "id": edge.id,
                    "source": start,
                    "target": _start(plan.nodes[edge.target]),
                    "handle": edge.handle,
                    "handle_type": handle_type(edge.handle, role, edge.kind),
                    "kind": edge.kind,
                }
            )
    for container_id, container in plan.containers.items():
        node = plan.nodes[container_id]
        body = plan.scopes[container_id]
        inner = [(_start(node), _start(plan.nodes[first]), BODY) for first in body.starts]
        inner += [(_end(plan.nodes[last]), _end(node), "default") for last in container.terminals]
        if not body.nodes:
            inner = [(_start(node), _end(node), EXIT)]
        found.extend(
            {
                "id": f"{source}->{target}",
                "source": source,
                "target": target,
                "handle": "source",
                "handle_type": handle,
                "kind": "body",
            }
            for source, target, handle in inner
        )
    return found


def _start(node: ExecutableNode) -> str:
    return node.id + _SUFFIXES[node.role][0] if node.role in _SUFFIXES else node.id


def _end(node: ExecutableNode) -> str:
    return node.id + _SUFFIXES[node.role][1] if node.role in _SUFFIXES else node.id


def _execution_order(plan: ExecutionPlan) -> list[list[str]]:
    return [[view_id for node_id in level for view_id, _ in _stand_ins(plan.nodes[node_id])] for level in plan.levels]


def _append_new(names: list[str], name: str) -> None:
    if name not in names:
        names.append(name)
