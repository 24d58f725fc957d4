"""Small definitions for the tests on Ray."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def workflow(name: str, nodes: dict[str, Any], edges: Sequence[tuple[str, ...]], **more: Any) -> dict[str, Any]:
    """A definition from nodes and ``(source, target[, handle])`` edges; the first node is the entry point."""
    return {
        "name": name,
        "entryPoint": next(iter(nodes)),
        "nodes": nodes,
        "edges": [
            {"id": f"e{i}", "source": edge[0], "target": edge[1], **({"sourceHandle": edge[2]} if edge[2:] else {})}
            for i, edge in enumerate(edges)
        ],
        **more,
    }


def effects_chain(world: str, length: int, ms: int, prefix: str) -> dict[str, Any]:
    """input → ``length`` HTTP POSTs, each of which the world counts → output."""
    nodes: dict[str, Any] = {"start": {"type": "input", "config": {"inputName": "seed"}}}
    edges: list[tuple[str, ...]] = []
    previous = "start"
    for number in range(length):
        node_id = f"step-{number:02d}"
        url = f"{world}/effect/{prefix}-{number:02d}?ms={ms}"
        nodes[node_id] = {"type": "http", "config": {"method": "POST", "url": url, "failOnStatus": True}}
        edges.append((previous, node_id))
        previous = node_id
    nodes["end"] = {
        "type": "output",
        "config": {"outputName": "last", "value": f"{{{{{previous}.data.name}}}}", "format": "string"},
    }
    edges.append((previous, "end"))
    return workflow("effects chain", nodes, edges)
