"""Small workflows in SIM's export form, a line per block and edge. Shared by the tests of its loader."""

from __future__ import annotations

from typing import Any

from flowray.definition.loading import LoadResult, load_definition


def block(kind: str, name: str | None = None, parent: str | None = None, **fields: Any) -> dict[str, Any]:
    """One block. ``fields``: subBlocks by name, and ``enabled``, ``triggerMode``, ``retry``, ``data`` as they are."""
    own: dict[str, Any] = {key: fields.pop(key) for key in ("enabled", "triggerMode", "retry") if key in fields}
    data = {**fields.pop("data", {}), **({"parentId": parent} if parent else {})}
    values = {key: {"id": key, "type": "short-input", "value": value} for key, value in fields.items()}
    return {"type": kind, "name": name or kind, "enabled": True, "subBlocks": values, "data": data, **own}


def export(blocks: dict[str, dict[str, Any]], *edges: str, **state: Any) -> dict[str, Any]:
    """An export. An edge is ``"a -> b"``, with a handle ``"a error-> b"``."""
    written = []
    for edge in edges:
        left, _, target = edge.partition("->")
        source, _, handle = left.strip().partition(" ")
        written.append({"source": source, "target": target.strip(), "sourceHandle": handle or None})
    named = {key: {"id": key, **entry} for key, entry in blocks.items()}
    return {"version": "1.0", "state": {"blocks": named, "edges": written, "loops": {}, "parallels": {}, **state}}


def load(blocks: dict[str, dict[str, Any]], *edges: str, **state: Any) -> LoadResult:
    """The export, loaded."""
    return load_definition(export(blocks, *edges, **state))


def config_of(result: LoadResult, node_id: str) -> dict[str, Any]:
    """The config of one loaded node."""
    return result.require().nodes[node_id].config


def found(result: LoadResult) -> list[tuple[str, str]]:
    """``(code, pointer)`` of every finding that is no remark on a change."""
    return [
        (finding.code.value, finding.pointer)
        for finding in result.diagnostics
        if finding.code.value != "DIALECT_CHANGED"
    ]
