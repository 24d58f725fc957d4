"""SIM's two forms of a workflow, the export file and the serialised workflow, read into one. Judges no meaning.

The export (``state.blocks`` by id, ``edges``) is what its editor saves; the serialised form (``blocks`` as a list,
``connections``) is what its executor runs. Both may be wrapped in ``{"data": …}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from flowray.definition.diagnostics import DiagnosticCode, Diagnostics, pointer

LOOP, PARALLEL = "loop", "parallel"
CONTAINER_TYPES = frozenset({LOOP, PARALLEL})

_TRIGGER_TYPES = frozenset({
    "start_trigger", "starter", "api_trigger", "input_trigger", "manual_trigger", "chat_trigger", "schedule",
    "generic_webhook", "webhook", "webhook_request",
})  # fmt: skip

NODE_TYPES = {
    "function": "code", "api": "http", "condition": "conditional", "router": "router", "router_v2": "router",
    "response": "response", "human_in_the_loop": "humanReview", "variables": "variables", "wait": "wait",
    "workflow": "subworkflow", "workflow_input": "subworkflow", LOOP: LOOP, PARALLEL: PARALLEL, "note": "note",
}  # fmt: skip
"""SIM's block types → node types, where the name alone decides."""


@dataclass
class SimBlock:
    """One block. ``params`` by field name, nulls dropped; ``settings`` are those of a loop or parallel.

    ``where`` is the pointer of the block, ``fields`` that of its params, after which ``suffix`` follows each key.
    """

    id: str
    type: str
    name: str
    where: str
    fields: str
    suffix: str = ""
    enabled: bool = True
    trigger: bool = False
    params: dict[str, Any] = field(default_factory=dict)
    retry: dict[str, Any] = field(default_factory=dict)
    parent: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    position: Any = None

    @property
    def is_container(self) -> bool:
        """True for a loop or parallel."""
        return self.type in CONTAINER_TYPES

    @property
    def node_type(self) -> str:
        """The type of the node that the block becomes. An agent without tools asks a model once."""
        if self.trigger:
            return "trigger"
        if self.type == "agent":
            return "agent" if self.params.get("tools") else "llm"
        return NODE_TYPES.get(self.type, self.type)


@dataclass
class BlockReport:
    """Where findings about one block go. ``key`` is the param that they are about, "" for the block itself."""

    block: SimBlock
    diagnostics: Diagnostics

    def changed(self, key: str, message: str) -> None:
        """Something is written in another way here."""
        self.diagnostics.info(DiagnosticCode.DIALECT_CHANGED, message, **self._place(key))

    def inferred(self, key: str, message: str) -> None:
        """Something was not said and had to be guessed."""
        self.diagnostics.info(DiagnosticCode.DIALECT_INFERRED, message, **self._place(key))

    def unsupported(self, key: str, message: str, hint: str | None = None) -> None:
        """Something has no counterpart here, or is probably a slip, and is kept as it is."""
        self.diagnostics.warning(DiagnosticCode.DIALECT_UNSUPPORTED, message, hint=hint, **self._place(key))

    def _place(self, key: str) -> dict[str, str]:
        block = self.block
        where = block.fields + pointer(key) + block.suffix if key in block.params else block.where
        return {"node_id": block.id, "pointer": where}


@dataclass(frozen=True)
class SimEdge:
    """One edge. ``handle`` as written, None where the author gave none."""

    source: str
    target: str
    handle: str | None
    where: str
    id: str | None = None


@dataclass
class SimDocument:
    """A whole workflow. ``variables`` maps names to ``{type, value}``."""

    name: str = ""
    description: str | None = None
    blocks: dict[str, SimBlock] = field(default_factory=dict)
    edges: list[SimEdge] = field(default_factory=list)
    variables: dict[str, dict[str, Any]] = field(default_factory=dict)

    def chain(self, block_id: str) -> list[str]:
        """The containers around a block, innermost first."""
        found: list[str] = []
        parent = self.blocks[block_id].parent
        while parent is not None and parent in self.blocks and parent not in found:
            found.append(parent)
            parent = self.blocks[parent].parent
        return found


def is_sim(document: dict[str, Any]) -> bool:
    """Whether an object is a workflow of SIM's: blocks with edges or connections, wrapped or not."""
    return "nodes" not in document and _state_of(document) is not None


def read_sim(document: dict[str, Any], diagnostics: Diagnostics) -> SimDocument:
    """Either form as one. Blocks that are none are reported and left out."""
    state, where = _state_of(document) or (document, "")
    found = SimDocument(blocks=dict(_blocks(state.get("blocks"), where, diagnostics)))
    metadata = _mapping(state.get("metadata"))
    found.name = str(metadata.get("name") or state.get("name") or document.get("name") or "")[:255]
    description = metadata.get("description", state.get("description"))
    found.description = description if isinstance(description, str) else None
    key = "edges" if "edges" in state else "connections"
    found.edges = list(_edges(state.get(key), where + pointer(key)))
    for entry in _mapping(state.get("variables") or document.get("variables")).values():
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            found.variables[entry["name"]] = entry
    _read_containers(found, _mapping(state.get("loops")) | _mapping(state.get("parallels")))
    return found


def normal_name(name: str) -> str:
    """A name as SIM compares it: without case, blanks and dots."""
    return re.sub(r"[\s.]", "", name).lower()


def _state_of(document: dict[str, Any]) -> tuple[dict[str, Any], str] | None:
    for path in ((), ("state",), ("data",), ("data", "state")):
        inner: Any = document
        for key in path:
            inner = _mapping(inner).get(key)
        if isinstance(inner, dict) and "blocks" in inner and ("edges" in inner or "connections" in inner):
            return inner, pointer(*path)
    return None


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _blocks(raw: Any, where: str, diagnostics: Diagnostics) -> Iterator[tuple[str, SimBlock]]:
    seen: set[str] = set()
    entries = raw.items() if isinstance(raw, dict) else enumerate(raw if isinstance(raw, list) else ())
    for key, entry in entries:
        place = where + pointer("blocks", key)
        block_id = _mapping(entry).get("id", key if isinstance(key, str) else None)
        if not isinstance(entry, dict) or not isinstance(block_id, str) or not block_id:
            diagnostics.error(DiagnosticCode.INVALID_FIELD, "A block is an object with an id.", pointer=place)
            continue
        if block_id in seen:
            message = f"Two blocks have the id {block_id!r}."
            diagnostics.error(DiagnosticCode.DUPLICATE_NODE_ID, message, node_id=block_id, pointer=place)
            continue
        seen.add(block_id)
        yield (
            block_id,
            _exported(block_id, entry, place) if "metadata" not in entry else _serialised(block_id, entry, place),
        )


def _exported(block_id: str, entry: dict[str, Any], place: str) -> SimBlock:
    fields = _mapping(entry.get("subBlocks"))
    data = _mapping(entry.get("data"))
    kind = str(entry.get("type") or "")
    parent = data.get("parentId")
    return SimBlock(
        id=block_id, type=kind, name=str(entry.get("name") or block_id), where=place, fields=place + "/subBlocks",
        suffix="/value", enabled=entry.get("enabled") is not False,
        trigger=entry.get("triggerMode") is True or kind in _TRIGGER_TYPES,
        params={key: item["value"] for key, item in fields.items() if _mapping(item).get("value") is not None},
        retry=_mapping(entry.get("retry")), parent=parent if isinstance(parent, str) else None,
        settings=data, position=entry.get("position"),
    )  # fmt: skip


def _serialised(block_id: str, entry: dict[str, Any], place: str) -> SimBlock:
    metadata, config = _mapping(entry["metadata"]), _mapping(entry.get("config"))
    kind = str(metadata.get("id") or "")
    return SimBlock(
        id=block_id, type=kind, name=str(metadata.get("name") or block_id), where=place,
        fields=place + "/config/params", enabled=entry.get("enabled") is not False,
        trigger=metadata.get("category") == "triggers" or kind in _TRIGGER_TYPES,
        params={key: value for key, value in _mapping(config.get("params")).items() if value is not None},
        retry=_mapping(entry.get("retry")), position=entry.get("position"),
    )  # fmt: skip


def _edges(raw: Any, where: str) -> Iterator[SimEdge]:
    for index, entry in enumerate(raw if isinstance(raw, list) else ()):
        edge = _mapping(entry)
        handle = edge.get("sourceHandle")
        yield SimEdge(
            source=str(edge.get("source", "")),
            target=str(edge.get("target", "")),
            handle=handle if isinstance(handle, str) and handle else None,
            where=where + pointer(index),
            id=edge["id"] if isinstance(edge.get("id"), str) else None,
        )


def _read_containers(document: SimDocument, containers: dict[str, Any]) -> None:
    """Settings and members of loops and parallels. An export's own ``data`` wins, as in SIM, over what may be stale."""
    listed: dict[str, list[str]] = {}
    for container_id, entry in containers.items():
        block = document.blocks.get(container_id)
        if block is None or not isinstance(entry, dict):
            continue
        block.settings = {**entry, **block.settings}
        members = entry.get("nodes")
        for member in members if isinstance(members, list) else ():
            listed.setdefault(str(member), []).append(container_id)
    for member, candidates in listed.items():
        if member in document.blocks and document.blocks[member].parent is None:
            # Of nested containers the innermost counts: the one that most of the others hold.
            outer = [set(listed.get(candidate, ())) for candidate in candidates]
            deepest = max(range(len(candidates)), key=lambda place: len(outer[place] & set(candidates)))
            document.blocks[member].parent = candidates[deepest]
