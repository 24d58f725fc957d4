"""Small real workflows: definitions compiled with the built-in node types, a line per edge."""

from __future__ import annotations

from typing import Any

from flowray.compiler.builder import build_plan
from flowray.definition.loading import load_definition
from flowray.handlers.registry import NodeRegistry, default_registry
from flowray.plan import ExecutionPlan


def definition(nodes: dict[str, Any], *edges: str, **more: Any) -> dict[str, Any]:
    """A definition; an edge is ``"a -> b"`` or, with a handle, ``"a true-> b"``."""
    listed = []
    for number, arrow in enumerate(edges):
        left, target = (part.strip() for part in arrow.split("->"))
        source, _, handle = left.partition(" ")
        edge = {"id": f"e{number}", "source": source, "target": target}
        listed.append(edge | ({"sourceHandle": handle.strip()} if handle.strip() else {}))
    filled = {node_id: {"name": node_id, "config": {}} | node for node_id, node in nodes.items()}
    return {"name": "Test", "nodes": filled, "edges": listed, "entryPoint": next(iter(nodes)), **more}


def compiled(nodes: dict[str, Any], *edges: str, registry: NodeRegistry | None = None, **more: Any) -> ExecutionPlan:
    """The plan of a definition that must compile."""
    loaded = load_definition(definition(nodes, *edges, **more))
    assert loaded.definition is not None, list(loaded.diagnostics)
    built = build_plan(loaded.definition, (registry or default_registry(plugins=False)).node_types())
    assert built.plan is not None, list(built.diagnostics)
    return built.plan
