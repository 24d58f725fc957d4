"""Small n8n workflows for the tests, and what they become."""

from __future__ import annotations

from typing import Any

from flowray.definition.loading import LoadResult, load_definition


def node(name: str, kind: str, version: float = 1, /, **parameters: Any) -> dict[str, Any]:
    """A node of the base package; with a slash in ``kind``, of the package for language models."""
    package = "@n8n/n8n-nodes-langchain." if kind.startswith("/") else "n8n-nodes-base."
    return {"name": name, "type": package + kind.removeprefix("/"), "typeVersion": version, "parameters": parameters}


def workflow(*nodes: dict[str, Any], **links: Any) -> dict[str, Any]:
    """A file. ``links``: name of the source → names of the targets of each output; of a helper ``(kind, target)``."""
    connections: dict[str, Any] = {}
    for source, outputs in links.items():
        if isinstance(outputs, tuple):
            kind, target = outputs
            connections[source] = {kind: [[{"node": target, "type": kind, "index": 0}]]}
        else:
            listed = [[{"node": target, "type": "main", "index": 0} for target in output] for output in outputs]
            connections[source] = {"main": listed}
    return {"name": "w", "nodes": list(nodes), "connections": connections}


def imported(*nodes: dict[str, Any], **links: Any) -> LoadResult:
    """The workflow as flowray reads it."""
    return load_definition(workflow(*nodes, **links))


def config(result: LoadResult, name: str) -> dict[str, Any]:
    """The config of one node."""
    return result.require().nodes[name].config


def edges(result: LoadResult) -> set[tuple[str, str | None, str]]:
    """All edges."""
    return {(edge.source, edge.source_handle, edge.target) for edge in result.require().edges}


def messages(result: LoadResult) -> list[str]:
    """What was reported."""
    return [finding.message for finding in result.diagnostics]
