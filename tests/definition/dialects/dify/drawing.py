"""Small Dify apps for the tests, and what they become."""

from __future__ import annotations

from typing import Any

from flowray.definition.loading import LoadResult, load_definition


def app(nodes: dict[str, dict[str, Any]], *edges: tuple[str, ...], mode: str = "workflow", **workflow: Any) -> Any:
    """A DSL file. ``nodes``: data by id; ``parentId`` in it is the node's. ``edges``: source, target, handle."""
    drawn = [
        {"id": key, "type": "custom", "data": data, "parentId": data.get("parentId")} for key, data in nodes.items()
    ]
    lines = [{"source": edge[0], "target": edge[1], "sourceHandle": (*edge, "source")[2]} for edge in edges]
    return {"app": {"mode": mode, "name": "a"}, "workflow": {"graph": {"nodes": drawn, "edges": lines}, **workflow}}


def imported(nodes: dict[str, dict[str, Any]], *edges: tuple[str, ...], **rest: Any) -> LoadResult:
    """The app as flowray reads it; a start with the id ``1`` is added."""
    return load_definition(app({"1": {"type": "start", "title": "Start"}, **nodes}, *edges, **rest))


def config(result: LoadResult, name: str) -> dict[str, Any]:
    """The config of one node."""
    return result.require().nodes[name].config


def edges_of(result: LoadResult) -> set[tuple[str, str | None, str]]:
    """All edges."""
    return {(edge.source, edge.source_handle, edge.target) for edge in result.require().edges}
