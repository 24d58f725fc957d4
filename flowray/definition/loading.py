"""A document → a workflow definition, with every problem at once. Judges shape, not meaning: the compiler does that."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from flowray.definition.diagnostics import Diagnostic, DiagnosticCode, Diagnostics, pointer
from flowray.definition.dialects.dify.document import from_dify, is_dify
from flowray.definition.dialects.flowmaestro import from_canvas, from_engine
from flowray.definition.dialects.n8n.document import is_n8n
from flowray.definition.dialects.n8n.importing import from_n8n
from flowray.definition.dialects.sim import from_sim, is_sim
from flowray.definition.documents import read_document, within_bounds
from flowray.definition.workflow import SCHEMA_VERSION, NodeDefinition, WorkflowDefinition
from flowray.errors import DefinitionError, ErrorCode

SCHEMA_ID = f"https://flowray.dev/schemas/workflow-v{SCHEMA_VERSION}.json"

SourceFormat = Literal["flowray", "flowmaestro-engine", "flowmaestro-canvas", "sim", "n8n", "dify"]

_SHAPE_HINTS = {
    "missing": "Add the field.",
    "string_type": "Put the value in quotes.",
    "string_too_short": "Write at least one character.",
}

_FLOWRAY_FIELDS = frozenset({"inputs", "variables", "triggers"})
_FLOWRAY_NODE_FIELDS = frozenset(
    {"errorPort", "retry", "timeoutMs", "startTimeoutMs", "join", "execution", "parentId"}
    | {"error_port", "timeout_ms", "start_timeout_ms", "parent_id"}
)
_MAX_SHAPE_ERRORS = 200
"""Beyond these, a document is another kind of file, and a longer list helps nobody."""


@dataclass(frozen=True)
class LoadResult:
    """``definition`` is None if and only if ``diagnostics`` holds an error. ``source_format`` is what was detected."""

    definition: WorkflowDefinition | None
    diagnostics: tuple[Diagnostic, ...]
    source_format: SourceFormat = "flowray"

    def require(self) -> WorkflowDefinition:
        """The definition, or DefinitionError (INVALID_DEFINITION) with all diagnostics in its details."""
        if self.definition is None:
            raise definition_error(list(self.diagnostics))
        return self.definition


def load_definition(
    document: str | bytes | dict[str, Any],
    format: Literal["json", "yaml"] | None = None,
    dialect: Literal["flowray", "flowmaestro", "sim", "n8n", "dify"] | None = None,
) -> LoadResult:
    """Read a definition from text, bytes or an already parsed object. Never raises for a wrong document.

    ``format`` of text is detected if None. ``dialect`` says how to read an object without ``schemaVersion``; None
    detects it. A definition that was loaded and dumped before loads again unchanged. Pointers of diagnostics refer to
    the document as given.
    """
    diagnostics = Diagnostics()
    if isinstance(document, str | bytes):
        document = read_document(document, format, diagnostics)
        if diagnostics.has_errors and document is None:
            return LoadResult(None, tuple(diagnostics))
    elif not within_bounds(document, diagnostics):
        return LoadResult(None, tuple(diagnostics))
    if not isinstance(document, dict):
        diagnostics.error(
            DiagnosticCode.MALFORMED_DOCUMENT,
            f"A workflow definition is an object, not {_json_type(document)}.",
            hint='The smallest one is {"nodes": {"a": {"type": "input"}}}.',
        )
        return LoadResult(None, tuple(diagnostics))
    source = detect_format(document, dialect)
    normalised = _normalise(document, source, diagnostics)
    definition = _validate(normalised, source, document, diagnostics)
    if definition is not None and source == "flowray":
        _report_unknown_fields(definition, diagnostics)
    return LoadResult(None if diagnostics.has_errors else definition, tuple(diagnostics), source)


def detect_format(document: dict[str, Any], dialect: str | None = None) -> SourceFormat:
    """Which format an object is in.

    ``schemaVersion`` marks flowray's own, whatever dialect it came from. A list of nodes is FlowMaestro's canvas. Of
    the unmarked rest, FlowMaestro's engine format is recognised by what its schema demands of every node (``name`` and
    ``position``) or its settings, as long as nothing in it is flowray's alone. Blocks without nodes are SIM's,
    a list of nodes with connections by name is n8n's, an ``app`` with a mode Dify's.
    """
    if is_sim(document):
        return "sim"
    if dialect == "dify" or is_dify(document):
        return "dify"
    if dialect == "n8n" or is_n8n(document):
        return "n8n"
    if isinstance(document.get("nodes"), list):
        return "flowmaestro-canvas"
    if "schemaVersion" in document or "schema_version" in document:
        return "flowray"
    chosen = dialect or document.get("dialect")
    if chosen is not None:
        return "flowmaestro-engine" if chosen == "flowmaestro" else "flowray"
    return "flowmaestro-engine" if _looks_like_flowmaestro(document) else "flowray"


def definition_schema() -> dict[str, Any]:
    """The published JSON Schema (2020-12) of flowray's own format, in camelCase."""
    schema = WorkflowDefinition.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **schema,
        "title": "flowray workflow definition",
        "x-schema-version": SCHEMA_VERSION,
    }


def dump_definition(definition: WorkflowDefinition) -> dict[str, Any]:
    """The JSON form in which a definition is stored and shown; loads again as the same definition."""
    dumped = definition.model_dump(by_alias=True, mode="json", exclude_unset=True)
    return {**dumped, "schemaVersion": definition.schema_version, "dialect": definition.dialect}


def definition_error(diagnostics: list[Diagnostic]) -> DefinitionError:
    """The error for a refused definition: names the first finding, carries them all."""
    found = Diagnostics(diagnostics)
    errors = found.errors()
    first = errors[0] if errors else None
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return DefinitionError(
        ErrorCode.INVALID_DEFINITION,
        (first.message if first else "The definition cannot be compiled.") + more,
        details={"diagnostics": found.as_json()},
        hint=first.hint if first else None,
    )


def _looks_like_flowmaestro(document: dict[str, Any]) -> bool:
    nodes = document.get("nodes")
    if not isinstance(nodes, dict) or not nodes or _FLOWRAY_FIELDS & document.keys():
        return False
    members = [node for node in nodes.values() if isinstance(node, dict)]
    if any(_FLOWRAY_NODE_FIELDS & node.keys() for node in members):
        return False
    settings = document.get("settings")
    if isinstance(settings, dict) and ("timeout" in settings or "enableCache" in settings):
        return True
    return "entryPoint" in document and all("name" in node and "position" in node for node in members)


def _normalise(document: dict[str, Any], source: SourceFormat, diagnostics: Diagnostics) -> dict[str, Any]:
    if source == "sim":
        return from_sim(document, diagnostics)
    if source == "n8n":
        return from_n8n(document, diagnostics)
    if source == "dify":
        return from_dify(document, diagnostics)
    if source == "flowmaestro-canvas":
        return from_canvas(document, diagnostics)
    return from_engine(document, diagnostics) if source == "flowmaestro-engine" else document


def _validate(
    document: dict[str, Any], source: SourceFormat, original: dict[str, Any], diagnostics: Diagnostics
) -> WorkflowDefinition | None:
    version = document.get("schemaVersion", document.get("schema_version", SCHEMA_VERSION))
    if isinstance(version, int) and version > SCHEMA_VERSION:
        diagnostics.error(
            DiagnosticCode.UNSUPPORTED_SCHEMA_VERSION,
            f"The definition has schema version {version}; this flowray reads up to {SCHEMA_VERSION}.",
            pointer="/schemaVersion",
            hint="Upgrade flowray, or save the definition in the older version.",
        )
        return None
    try:
        return WorkflowDefinition.model_validate(_handles_as_text(document))
    except ValidationError as error:
        places = _canvas_places(original) if source == "flowmaestro-canvas" else {}
        for item in error.errors(include_url=False)[:_MAX_SHAPE_ERRORS]:
            location = tuple(part for part in item["loc"] if part != "[key]")
            node_id = str(location[1]) if len(location) > 1 and location[0] == "nodes" else None
            diagnostics.error(
                DiagnosticCode.INVALID_FIELD,
                f"{_place(location)}: {item['msg']}.",
                node_id=node_id,
                pointer=places.get(node_id or "", "") + pointer(*location[2:])
                if node_id in places
                else pointer(*location),
                hint=_SHAPE_HINTS.get(item["type"], "/openapi.json of a server describes every field."),
            )
        return None


def _canvas_places(original: dict[str, Any]) -> dict[str, str]:
    return {
        item["id"]: pointer("nodes", index)
        for index, item in enumerate(original["nodes"])
        if isinstance(item, dict) and isinstance(item.get("id"), str)
    }


def _handles_as_text(document: dict[str, Any]) -> dict[str, Any]:
    """An unquoted ``sourceHandle: true`` is a boolean in YAML and a case may be a number; handles are names."""
    edges = document.get("edges")
    if not isinstance(edges, list) or not any(_needs_text(edge) for edge in edges):
        return document
    return {**document, "edges": [_edge_as_text(edge) for edge in edges]}


_HANDLE_FIELDS = ("sourceHandle", "source_handle", "targetHandle", "target_handle", "handleType", "handle_type")


def _needs_text(edge: Any) -> bool:
    return isinstance(edge, dict) and any(isinstance(edge.get(key), bool | int | float) for key in _HANDLE_FIELDS)


def _edge_as_text(edge: Any) -> Any:
    if not _needs_text(edge):
        return edge
    return {key: _as_text(value) if key in _HANDLE_FIELDS else value for key, value in edge.items()}


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _report_unknown_fields(definition: WorkflowDefinition, diagnostics: Diagnostics) -> None:
    """Unknown fields are kept, for other tools' sake, but one that nearly names a known field is a slip."""
    for model, path, node_id in _models(definition):
        names = _field_names(type(model))
        for extra in model.model_extra or {}:
            close = difflib.get_close_matches(extra, names, n=1, cutoff=0.8)
            if close:
                diagnostics.warning(
                    DiagnosticCode.UNKNOWN_FIELD,
                    f"The field {extra!r} has no meaning here.",
                    node_id=node_id,
                    pointer=pointer(*path, extra),
                    hint=f"Did you mean {close[0]!r}?",
                )


def _models(definition: WorkflowDefinition) -> Iterator[tuple[BaseModel, tuple[str | int, ...], str | None]]:
    yield definition, (), None
    yield definition.settings, ("settings",), None
    for node_id, node in definition.nodes.items():
        yield node, ("nodes", node_id), node_id
        for field in ("on_error", "retry", "execution"):
            part = getattr(node, field)
            if part is not None:
                yield part, ("nodes", node_id, NodeDefinition.model_fields[field].alias or field), node_id
    for index, edge in enumerate(definition.edges):
        yield edge, ("edges", index), None


def _field_names(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items()]


def _place(location: tuple[str | int, ...]) -> str:
    if len(location) > 1 and location[0] == "nodes":
        inner = ".".join(str(part) for part in location[2:])
        return f"Node {str(location[1])!r}" + (f", {inner}" if inner else "")
    return ".".join(str(part) for part in location) or "The definition"


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    return {list: "a list", str: "text", bool: "a boolean"}.get(type(value), "a number")
