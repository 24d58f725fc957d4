"""SIM's workflows, its export file and its serialised form → flowray's format. Start here; reads plain JSON objects.

Blocks become nodes under their own ids (types in ``sim_document``, configs in ``sim_blocks``), loops and parallels
containers by ``parentId`` that give all outputs of each round, references templates (``sim_references``), the
``inputFormat`` of the trigger the JSON Schema of the inputs. As in SIM nothing new starts after an unhandled failure,
and ordinary fan-out has no limit. What has no counterpart is reported with its place in the document.
"""

from __future__ import annotations

from typing import Any

from flowray.definition.diagnostics import DiagnosticCode, Diagnostics, pointer
from flowray.definition.dialects.sim_blocks import block_config, condition_names, retry_policy
from flowray.definition.dialects.sim_containers import check_body, container_config
from flowray.definition.dialects.sim_document import (
    BlockReport,
    SimBlock,
    SimDocument,
    SimEdge,
    is_sim,
    normal_name,
    read_sim,
)
from flowray.definition.dialects.sim_references import References, input_fields
from flowray.values import Json, decode_json

__all__ = ["from_sim", "is_sim"]

Config = dict[str, Any]

MAX_CONCURRENT_NODES = 1_000
"""SIM limits the branches of a parallel, not ordinary fan-out."""

_SUCCESS = frozenset({"source", "source-top", "source-right", "source-bottom", "source-left"})
_STARTS = frozenset({"loop-start-source", "parallel-start-source"})
_INTERNAL = frozenset({
    "loop_continue", "loop-continue-source", "loop_exit", "loop_continue_alt", "parallel_continue", "parallel_exit",
})  # fmt: skip
_FIRST_TRIGGERS = ("start_trigger", "starter", "api_trigger", "input_trigger", "manual_trigger", "chat_trigger")
_SCHEMA_TYPES = {"string": "string", "number": "number", "boolean": "boolean", "object": "object", "array": "array"}


def from_sim(document: dict[str, Any], diagnostics: Diagnostics) -> dict[str, Any]:
    """SIM → flowray. Findings point into ``document`` as given."""
    source = read_sim(document, diagnostics)
    _report_names(source, diagnostics)
    failing = frozenset(edge.source for edge in source.edges if edge.handle == "error")
    references = References(source, failing)
    nodes = {
        block.id: _node(block, source, references, diagnostics)
        for block in source.blocks.values()
        if block.type != "note"
    }
    result: dict[str, Any] = {
        "dialect": "sim",
        "name": source.name,
        "nodes": nodes,
        "edges": _edges(source, diagnostics),
        "settings": {"onFailure": "finish_running", "maxConcurrentNodes": MAX_CONCURRENT_NODES},
        "variables": {
            name: {"type": entry.get("type"), "default": typed(entry.get("value"), str(entry.get("type") or ""))}
            for name, entry in source.variables.items()
        },
    }
    if source.description:
        result["description"] = source.description
    entry = _entry_point(source)
    if entry is not None:
        result["entryPoint"] = entry.id
        schema = _input_schema(entry)
        if schema is not None:
            result["inputs"] = schema
    return result


def typed(value: Json, kind: str) -> Json:
    """A value as a declared type says, where its text can be read as that; else as it is."""
    if not isinstance(value, str) or kind in ("", "plain", "string"):
        return value
    text = value.strip().lower() if kind == "boolean" else value
    try:
        parsed: Json = decode_json(text)
    except ValueError:  # msgspec's DecodeError is one
        return value
    fits: dict[str, tuple[type, ...]] = {
        "number": (int, float),
        "boolean": (bool,),
        "object": (dict,),
        "array": (list,),
    }
    is_flag = isinstance(parsed, bool) and kind == "number"
    return parsed if isinstance(parsed, fits.get(kind, ())) and not is_flag else value


def _node(block: SimBlock, document: SimDocument, references: References, diagnostics: Diagnostics) -> Config:
    report = BlockReport(block, diagnostics)
    texts = references.within(block, report)
    if block.is_container:
        config = container_config(block, document, references, report)
        check_body(block, document, diagnostics)
    else:
        config = block_config(block, document, texts, report)
    node: Config = {"type": block.node_type, "name": block.name, "config": config}
    if block.node_type != block.type:
        report.changed("", f"SIM's block {block.type!r} is a node of type {block.node_type!r} here.")
    if texts.changed:
        report.changed("", "References written <block.field> are written {{id.field}}.")
    if isinstance(block.position, dict):
        node["position"] = block.position
    retry = retry_policy(block)
    if retry is not None:
        node["retry"] = retry
    if not block.enabled:
        diagnostics.info(
            DiagnosticCode.DIALECT_CHANGED,
            f"{block.name!r} is disabled: its edges are cut, so neither it nor what only it leads to runs.",
            node_id=block.id,
            pointer=block.where + "/enabled",
        )
    elif block.parent is not None and block.parent in document.blocks:
        # A disabled block would be a root of the body, and run.
        node["parentId"] = block.parent
    return node


# -- edges ---------------------------------------------------------------------------------------------------------


def _edges(document: SimDocument, diagnostics: Diagnostics) -> list[Config]:
    found = []
    unlabelled: dict[str, int] = {}
    for edge in document.edges:
        source, target = document.blocks.get(edge.source), document.blocks.get(edge.target)
        if source is None or target is None:
            # The compiler names the end that does not exist.
            found.append({"source": edge.source, "target": edge.target})
            continue
        if not (source.enabled and target.enabled) or "note" in (source.type, target.type):
            continue
        problem = _dropped(edge, source, target)
        if problem is not None:
            diagnostics.warning(
                DiagnosticCode.DIALECT_UNSUPPORTED,
                f"The edge {source.name!r} → {target.name!r} is left out: {problem}.",
                node_id=source.id,
                pointer=edge.where,
            )
            continue
        handle = _handle(edge, source, unlabelled, diagnostics)
        written: Config = {"source": source.id, "target": target.id, "sourceHandle": handle}
        if edge.id is not None:
            written["id"] = edge.id
        found.append(written)
    return found


def _dropped(edge: SimEdge, source: SimBlock, target: SimBlock) -> str | None:
    """Why SIM ignores an edge; None for one that it follows."""
    if edge.handle in _INTERNAL:
        return f"the handle {edge.handle!r} is drawn by SIM itself"
    into_body = source.is_container and edge.handle in _STARTS
    if into_body and target.parent != source.id:
        return f"{target.name!r} does not lie in {source.name!r}"
    if not into_body and source.parent != target.parent:
        return "it crosses the border of a loop or parallel, and SIM follows no such edge"
    return None


def _handle(edge: SimEdge, source: SimBlock, unlabelled: dict[str, int], diagnostics: Diagnostics) -> str:
    handle = edge.handle
    if source.is_container:
        if handle in _STARTS:
            return "loop-body"
        return "error" if handle == "error" else "loop-exit"
    if source.type == "condition" and (handle is None or handle in _SUCCESS):
        names = condition_names(source)
        place = unlabelled[source.id] = unlabelled.get(source.id, -1) + 1
        if place < len(names):
            diagnostics.info(
                DiagnosticCode.DIALECT_INFERRED,
                f"The edge leaves {source.name!r} without a handle: by its place it is the branch {names[place]!r}.",
                node_id=source.id,
                pointer=edge.where,
            )
            return names[place]
    if source.node_type == "router" and (handle is None or handle in _SUCCESS):
        return edge.target
    if handle is None or handle in _SUCCESS:
        return "source"
    prefix = {"conditional": "condition-", "router": "router-"}.get(source.node_type)
    return handle.removeprefix(prefix) if prefix else handle


# -- where it begins -----------------------------------------------------------------------------------------------


def _entry_point(document: SimDocument) -> SimBlock | None:
    """SIM's choice: a start block before other triggers. None: the compiler takes the first root."""
    triggers = [block for block in document.blocks.values() if block.trigger and block.enabled]
    return next((block for block in triggers if block.type in _FIRST_TRIGGERS), triggers[0] if triggers else None)


def _input_schema(entry: SimBlock) -> Config | None:
    """The declared inputs as JSON Schema. As in SIM others are kept, and none is required."""
    properties: Config = {}
    for field in input_fields(entry):
        name, kind = field.get("name"), str(field.get("type") or "")
        if not isinstance(name, str) or not name:
            continue
        properties[name] = {"type": [_SCHEMA_TYPES[kind], "null"]} if kind in _SCHEMA_TYPES else {}
        default = typed(field.get("value"), kind)
        if default not in (None, ""):
            properties[name]["default"] = default
    return {"type": "object", "properties": properties} if properties else None


def _report_names(document: SimDocument, diagnostics: Diagnostics) -> None:
    first: dict[str, SimBlock] = {}
    for block in document.blocks.values():
        if block.type == "note":
            continue
        earlier = first.setdefault(normal_name(block.name), block)
        if earlier is not block:
            diagnostics.warning(
                DiagnosticCode.DIALECT_UNSUPPORTED,
                f"{block.name!r} has the name of another block; references by it mean {earlier.id!r}.",
                node_id=block.id,
                pointer=block.where + pointer("name"),
            )
