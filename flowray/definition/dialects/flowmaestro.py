"""FlowMaestro's formats → flowray's: the engine format (``nodes`` by id) and the canvas format (``nodes`` as a list).

Takes and gives plain JSON objects and reports every change; reads no expression and runs nothing. The canonical config
of each type, which the handlers take (camelCase, durations in ms, templates as ``{{path}}``; ``*`` = required):

input        inputName, inputType, required, defaultValue, description
output       outputName*, value or fields or template, format
trigger      triggerType (schedule, webhook, event, manual, provider), schedule, timezone, provider, event,
             outputVariable
transform    operation* (map, filter, reduce, sort, merge, extract, template, set, custom, parseJSON, …), inputData,
             expression, template, sources, operations, outputVariable
conditional  expression, or leftValue + operator + rightValue, or conditions [{name, expression}] + defaultOutput
variable     operation*, variableName*, value, valueType, scope
http         method, url*, headers [{key, value}], queryParams [{key, value}], authType, authCredentials, bodyType,
             body, timeoutMs, retryCount, outputVariable
llm          provider, model, systemPrompt, prompt*, temperature, maxTokens, topP, responseFormat, outputVariable
wait         waitType (duration, until, webhook), duration (ms), timestamp, timezone, timeoutMs, outputVariable
integration  provider*, operation*, connection, parameters, timeoutMs, outputVariable
loop         loopType (forEach, count, while, doWhile), arrayPath (a name or template), count, condition, itemVariable,
             indexVariable, maxIterations, outputVariable

Other types pass with what is the same for all: ``${x}`` becomes ``{{x}}``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flowray.definition.diagnostics import DiagnosticCode, Diagnostics, pointer
from flowray.definition.dialects.flowmaestro_configs import CONFIGS

NOTE_TYPES = frozenset({"comment", "note", "annotation", "label", "group"})
"""Drawn, never executed: dropped with their edges."""

CONVERTER_TIMEOUT_MS = 300_000
"""FlowMaestro's converter writes this into every file without asking the author, so it means no limit (R14)."""

_OLD_TEMPLATE = re.compile(r"\$\{(?!\{)([^{}]+)\}")
_CODE_FIELDS = frozenset({"code", "script"})


@dataclass
class NodeReport:
    """Where the normaliser of one node's config records what it did."""

    node_id: str
    where: str
    diagnostics: Diagnostics

    def changed(self, key: str, message: str) -> None:
        """A spelling was replaced by the canonical one."""
        self._record(DiagnosticCode.DIALECT_CHANGED, key, message)

    def inferred(self, key: str, message: str) -> None:
        """A meaning was guessed from the value."""
        self._record(DiagnosticCode.DIALECT_INFERRED, key, message)

    def unsupported(self, key: str, message: str, hint: str | None = None) -> None:
        """Something has no counterpart here and is kept as it is."""
        self.diagnostics.warning(
            DiagnosticCode.DIALECT_UNSUPPORTED,
            message,
            node_id=self.node_id,
            pointer=self.where + pointer(key),
            hint=hint,
        )

    def _record(self, code: DiagnosticCode, key: str, message: str) -> None:
        self.diagnostics.info(code, message, node_id=self.node_id, pointer=self.where + pointer(key))


def from_canvas(document: dict[str, Any], diagnostics: Diagnostics) -> dict[str, Any]:
    """Canvas format → flowray. Node ids that occur twice are errors: as keys, the first would vanish."""
    nodes: dict[str, Any] = {}
    places: dict[str, str] = {}
    for index, item in enumerate(document["nodes"]):
        node_id = item.get("id") if isinstance(item, dict) else None
        if not isinstance(node_id, str) or not node_id:
            diagnostics.error(
                DiagnosticCode.INVALID_FIELD,
                "A node of a list needs a text id.",
                pointer=pointer("nodes", index, "id"),
                hint="Edges name nodes by it.",
            )
            continue
        if node_id in nodes:
            diagnostics.error(
                DiagnosticCode.DUPLICATE_NODE_ID,
                f"Two nodes have the id {node_id!r}.",
                node_id=node_id,
                pointer=pointer("nodes", index, "id"),
            )
        nodes[node_id] = _canvas_node(item)
        places[node_id] = pointer("nodes", index, "data" if isinstance(item.get("data"), dict) else "config")
    entry = document.get("entryPoint") or _first_of_type(nodes, "input") or next(iter(nodes), None)
    if entry is not None and "entryPoint" not in document:
        diagnostics.info(
            DiagnosticCode.DIALECT_INFERRED,
            f"Execution begins at {entry!r}: the canvas format names no entry point.",
            pointer="/entryPoint",
        )
    return _normalise({**document, "nodes": nodes, "entryPoint": entry}, places, diagnostics)


def from_engine(document: dict[str, Any], diagnostics: Diagnostics) -> dict[str, Any]:
    """Engine format → flowray."""
    raw = document.get("nodes")
    nodes = raw if isinstance(raw, dict) else {}
    return _normalise(document, {node_id: pointer("nodes", node_id, "config") for node_id in nodes}, diagnostics)


def _canvas_node(item: dict[str, Any]) -> dict[str, Any]:
    data = item.get("data") if isinstance(item.get("data"), dict) else item.get("config")
    config = dict(data) if isinstance(data, dict) else {}
    name = config.get("label") or item.get("name") or config.get("inputName") or config.get("outputName")
    # Some canvases keep the node's real type in its data, and a drawing component's name outside.
    return {
        **{key: value for key, value in item.items() if key not in ("id", "data", "config")},
        "name": name if isinstance(name, str) else str(item.get("type", "")),
        "config": config,
    }


def _first_of_type(nodes: dict[str, Any], kind: str) -> str | None:
    return next((node_id for node_id, node in nodes.items() if node.get("type") == kind), None)


def _normalise(document: dict[str, Any], places: dict[str, str], diagnostics: Diagnostics) -> dict[str, Any]:
    """What both formats share. Malformed parts stay as they are: the definition's model reports them."""
    result = {key: value for key, value in document.items() if key not in ("nodes", "edges", "settings")}
    nodes, dropped = _nodes(document.get("nodes"), places, diagnostics)
    result["dialect"] = "flowmaestro"
    result["nodes"] = nodes
    result["edges"] = _edges(document.get("edges", []), dropped)
    if document.get("settings") is not None:
        result["settings"] = _settings(document["settings"], diagnostics)
    if result.get("entryPoint") in dropped:
        result["entryPoint"] = next(iter(nodes), None)
        diagnostics.info(
            DiagnosticCode.DIALECT_CHANGED,
            "The entry point was a comment; the first node takes its place.",
            pointer="/entryPoint",
        )
    return result


def _nodes(raw: Any, places: dict[str, str], diagnostics: Diagnostics) -> tuple[Any, frozenset[str]]:
    if not isinstance(raw, dict):
        return raw, frozenset()
    dropped = frozenset(i for i, node in raw.items() if isinstance(node, dict) and node.get("type") in NOTE_TYPES)
    for node_id in sorted(dropped):
        diagnostics.info(
            DiagnosticCode.DIALECT_CHANGED,
            "A comment is not executed: dropped with its edges.",
            node_id=node_id,
            pointer=pointer("nodes", node_id),
        )
    kept = {node_id: node for node_id, node in raw.items() if node_id not in dropped}
    return {
        node_id: _node(node, NodeReport(node_id, places.get(node_id, ""), diagnostics))
        if isinstance(node, dict)
        else node
        for node_id, node in kept.items()
    }, dropped


def _node(node: dict[str, Any], report: NodeReport) -> dict[str, Any]:
    config = node.get("config") or {}
    if not isinstance(config, dict):
        return node
    if _has_old_template(config):
        report.changed("", "Templates written ${path} are read as {{path}}.")
        config = _modern_templates(config)
    result = {**node, "config": config}
    normalise: Callable[[dict[str, Any], NodeReport], dict[str, Any]] | None = CONFIGS.get(str(node.get("type")))
    if normalise is not None:
        result["config"] = normalise(dict(config), report)
    return result


def _edges(raw: Any, dropped: frozenset[str]) -> Any:
    if not isinstance(raw, list):
        return raw
    return [
        edge
        for edge in raw
        if not (isinstance(edge, dict) and (edge.get("source") in dropped or edge.get("target") in dropped))
    ]


def _settings(raw: Any, diagnostics: Diagnostics) -> Any:
    if not isinstance(raw, dict):
        return raw
    settings = {key: value for key, value in raw.items() if key not in ("timeout", "enableCache")}
    timeout = raw.get("timeout")
    if timeout == CONVERTER_TIMEOUT_MS:
        diagnostics.info(
            DiagnosticCode.DIALECT_CHANGED,
            "The timeout of 300000 ms is a converter's default in this format and sets no limit.",
            pointer="/settings/timeout",
            hint="Write settings.timeoutMs for a real limit.",
        )
    elif timeout is not None:
        settings.setdefault("timeoutMs", timeout)
    return settings


def _has_old_template(value: Any) -> bool:
    if isinstance(value, str):
        return _is_template_text(value) and _OLD_TEMPLATE.search(value) is not None
    if isinstance(value, dict):
        return any(_has_old_template(item) for key, item in value.items() if key not in _CODE_FIELDS)
    return isinstance(value, list) and any(_has_old_template(item) for item in value)


def _modern_templates(value: Any) -> Any:
    if isinstance(value, str):
        return _OLD_TEMPLATE.sub(r"{{\1}}", value) if _is_template_text(value) else value
    if isinstance(value, dict):
        return {key: item if key in _CODE_FIELDS else _modern_templates(item) for key, item in value.items()}
    return [_modern_templates(item) for item in value] if isinstance(value, list) else value


def _is_template_text(text: str) -> bool:
    # Inside backticks ${x} belongs to JavaScript.
    return "${" in text and "`" not in text
