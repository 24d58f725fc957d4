"""A Dify app: its graph, or its one model → flowray's format. Reads plain objects; nodes are in ``nodes``.

Workflows and chatflows keep their graph. A chat app without one is a trigger, one model call and its answer.
"""

from __future__ import annotations

from typing import Any

from flowray.definition.diagnostics import DiagnosticCode, Diagnostics, pointer
from flowray.definition.dialects.dify.conditions import case_expression
from flowray.definition.dialects.dify.models import model_settings
from flowray.definition.dialects.dify.nodes import DifyNode, note_text, typed_config
from flowray.definition.dialects.dify.references import References, node_name
from flowray.values import Json

Config = dict[str, Any]

_NOTES = "custom-note"
_STARTS = ("iteration-start", "loop-start")
_CONTAINERS = ("iteration", "loop")
_SCHEMA_TYPES = {
    "text-input": "string", "paragraph": "string", "select": "string", "number": "number", "checkbox": "boolean",
    "file": None, "file-list": "array",
}  # fmt: skip
_VARIABLE_TYPES = {"string": "string", "number": "number", "object": "object", "boolean": "boolean"}
_LOOP_LIMIT = 10


def is_dify(document: dict[str, Any]) -> bool:
    """An app of Dify: ``app.mode``, with a graph or the config of one model."""
    app = document.get("app")
    return isinstance(app, dict) and "mode" in app and ("workflow" in document or "model_config" in document)


def from_dify(document: dict[str, Any], diagnostics: Diagnostics) -> Config:
    """Dify → flowray. Findings point into ``document`` as given."""
    written = document.get("app")
    app: Config = written if isinstance(written, dict) else {}
    workflow = document.get("workflow")
    if isinstance(workflow, dict):
        body = _Graph(workflow, diagnostics).definition()
    else:
        body = _chat(document, str(app.get("mode")), diagnostics)
    return {"name": str(app.get("name") or ""), "description": str(app.get("description") or ""), **body}


class _Graph:
    """The graph of one workflow or chatflow."""

    def __init__(self, workflow: Config, diagnostics: Diagnostics) -> None:
        graph = workflow.get("graph") or {}
        self._workflow = workflow
        self._diagnostics = diagnostics
        self._raw = [item for item in graph.get("nodes") or [] if isinstance(item, dict) and "id" in item]
        self._edges = [item for item in graph.get("edges") or [] if isinstance(item, dict)]
        self._types = {str(item["id"]): str((item.get("data") or {}).get("type") or "") for item in self._raw}
        self._parents = {str(item["id"]): self._parent(item) for item in self._raw}
        self._start = next((node for node, kind in self._types.items() if kind == "start"), None)
        self._nodes: dict[str, Config] = {}
        self._added: list[Config] = []

    def definition(self) -> Config:
        """Nodes, edges, inputs and variables."""
        for index, item in enumerate(self._raw):
            self._node(item, pointer("workflow", "graph", "nodes", index))
        variables = {
            str(entry["name"]): {
                "type": _VARIABLE_TYPES.get(str(entry.get("value_type")), "array"), "default": entry.get("value"),
            }
            for entry in self._workflow.get("conversation_variables") or []
        }  # fmt: skip
        if variables:
            self._info("", "Conversation variables begin anew with each execution.", "/workflow/conversation_variables")
        result: Config = {"nodes": self._nodes, "edges": [*self._kept_edges(), *self._added], "variables": variables}
        if self._start is not None:
            result |= {"entryPoint": node_name(self._start), "inputs": self._inputs()}
        return result

    def _node(self, item: Config, where: str) -> None:
        data, dify_id = item.get("data") or {}, str(item["id"])
        kind = self._types[dify_id]
        if kind in _STARTS:
            return
        node = DifyNode(dify_id, kind, data, where, self._references(dify_id, where), self._diagnostics)
        if item.get("type") == _NOTES or (not kind and "text" in data):
            written: Config = {"type": "comment", "config": {"text": note_text(data)}}
        elif kind == "end":
            written = self._end(node)
        elif kind in _CONTAINERS:
            written = self._container(node)
        else:
            node_type, config = typed_config(node)
            written = {"type": node_type, "config": config}
        written |= self._policies(data)
        written["name"] = str(data.get("title") or kind or "note")
        if isinstance(item.get("position"), dict):
            written["position"] = {axis: item["position"].get(axis, 0) for axis in ("x", "y")}
        parent = self._parents[dify_id]
        if parent is not None:
            written["parentId"] = node_name(parent)
        self._nodes[node_name(dify_id)] = written

    def _references(self, dify_id: str, where: str) -> References:
        def report(message: str) -> None:
            self._diagnostics.warning(
                DiagnosticCode.DIALECT_UNSUPPORTED, message, node_id=node_name(dify_id), pointer=where
            )

        return References(self._types, self._start, report)

    def _policies(self, data: Config) -> Config:
        written: Config = {}
        if data.get("error_strategy") == "fail-branch":
            written["errorPort"] = True
        elif data.get("error_strategy") == "default-value":
            values = {str(entry.get("key")): entry.get("value") for entry in data.get("default_value") or []}
            written["onError"] = {"strategy": "fallback", "fallbackValue": values}
        retry = data.get("retry_config") or {}
        if retry.get("retry_enabled"):
            tries, delay = int(retry.get("max_retries") or 3), int(retry.get("retry_interval") or 1000)
            written["retry"] = {"maxAttempts": tries + 1, "initialDelayMs": delay, "factor": 1.0}
        return written

    def _end(self, node: DifyNode) -> Config:
        """Each variable is an output of the execution: the first one's node is the end, further ones follow it."""
        rows = [row for row in node.data.get("outputs") or [] if row.get("variable")]
        configs = [
            {"outputName": str(row["variable"]), "value": node.references.template(row.get("value_selector"))}
            for row in rows
        ]
        before = node_name(node.id)
        for index, config in enumerate(configs[1:], 2):
            further = f"{node_name(node.id)}_{index}"
            self._nodes[further] = {"type": "output", "name": config["outputName"], "config": config}
            self._added.append({"source": before, "target": further})
            before = further
        if not configs:
            return {"type": "transform", "config": {"operation": "passthrough"}}
        return {"type": "output", "config": configs[0]}

    # -- containers ------------------------------------------------------------------------------------------------

    def _container(self, node: DifyNode) -> Config:
        data, name = node.data, node_name(node.id)
        if node.kind == "iteration":
            config: Config = {
                "loopType": "forEach",
                "collection": "{{" + node.references.path(data.get("iterator_selector")) + " ?? []}}",
                "maxConcurrency": int(data.get("parallel_nums") or 10) if data.get("is_parallel") else 1,
            }
            self._collect(node, data.get("output_selector"))
        else:
            config = {
                "loopType": "count", "count": int(data.get("loop_count") or _LOOP_LIMIT),
            }  # fmt: skip
            if data.get("break_conditions"):
                stop = {"conditions": data["break_conditions"], "logical_operator": data.get("logical_operator")}
                config["breakCondition"] = case_expression(stop, node.references)
            if data.get("loop_variables"):
                node.unsupported("loop_variables", "Variables of the loop itself are not kept from round to round.")
        start = next(
            (other for other, kind in self._types.items() if kind in _STARTS and self._parents[other] == node.id), None
        )
        first = data.get("start_node_id")
        if start is None and first in self._types:
            self._added.append({"source": name, "target": node_name(str(first)), "sourceHandle": "loop-body"})
        return {"type": "loop", "config": config}

    def _collect(self, node: DifyNode, selector: Json) -> None:
        """The result of a round is one variable: a last node of the body names it."""
        inside = [
            other for other, parent in self._parents.items() if parent == node.id and self._types[other] not in _STARTS
        ]
        leaving = {str(edge.get("source")) for edge in self._edges if str(edge.get("target")) in inside}
        last = [other for other in inside if other not in leaving and self._types[other]]
        if not last:
            return
        result = f"{node_name(node.id)}_result"
        template = node.references.template(selector)
        self._nodes[result] = {
            "type": "transform", "name": "result of a round", "parentId": node_name(node.id),
            "config": {"operation": "template", "template": template},
        }  # fmt: skip
        self._added.extend({"source": node_name(other), "target": result} for other in last)

    def _parent(self, item: Config) -> str | None:
        data = item.get("data") or {}
        parent = item.get("parentId") or data.get("iteration_id") or data.get("loop_id")
        return str(parent) if parent in self._types else None

    # -- edges and inputs ------------------------------------------------------------------------------------------

    def _kept_edges(self) -> list[Config]:
        kept = []
        for edge in self._edges:
            source, target = str(edge.get("source")), str(edge.get("target"))
            handle = str(edge.get("sourceHandle") or "source")
            if self._types.get(target) in _STARTS:
                continue
            written: Config = {"source": node_name(source), "target": node_name(target)}
            kind = self._types.get(source)
            if kind in _STARTS and self._parents[source] is not None:
                written |= {"source": node_name(str(self._parents[source])), "sourceHandle": "loop-body"}
            elif kind in _CONTAINERS:
                written["sourceHandle"] = "loop-exit"
            elif handle == "fail-branch":
                written["sourceHandle"] = "error"
            elif handle not in ("source", "success-branch"):
                written["sourceHandle"] = handle
            kept.append(written)
        return kept

    def _inputs(self) -> Config:
        start = next(item for item in self._raw if str(item["id"]) == self._start)
        schema = _input_schema((start.get("data") or {}).get("variables") or [])
        read = str(self._raw)
        if "sys.query" in read or "'sys', 'query'" in read:
            schema["properties"].setdefault("query", {"type": "string"})
        return schema

    def _info(self, field: str, message: str, where: str) -> None:
        self._diagnostics.info(DiagnosticCode.DIALECT_CHANGED, message, pointer=where + field)


def _input_schema(variables: list[Config]) -> Config:
    """JSON Schema of what the start asks for."""
    properties: Config = {}
    required = []
    for entry in variables:
        name = str(entry.get("variable") or "")
        if not name:
            continue
        kind = _SCHEMA_TYPES.get(str(entry.get("type")))
        schema: Config = {"type": kind} if kind else {}
        if entry.get("label"):
            schema["title"] = str(entry["label"])
        if entry.get("type") == "select" and entry.get("options"):
            schema["enum"] = [str(option) for option in entry["options"]]
        if entry.get("default") not in (None, ""):
            schema["default"] = entry["default"]
        properties[name] = schema
        if entry.get("required"):
            required.append(name)
    return {"type": "object", "properties": properties, "required": required}


def _chat_tool(tool: Config) -> Config:
    provider = str(tool.get("provider_name") or tool.get("provider_id")).rsplit("/", 1)[-1]
    parameters = {"parameters": tool.get("tool_parameters") or {}}
    name = str(tool.get("tool_name"))
    return {"name": name, "provider": provider, "operation": name, "config": parameters}


def _chat(document: Config, mode: str, diagnostics: Diagnostics) -> Config:
    """An app of one model: chat, completion or agent."""
    settings = document.get("model_config") or {}
    tools = [tool for tool in (settings.get("agent_mode") or {}).get("tools") or [] if tool.get("enabled")]
    is_agent = mode == "agent-chat" or bool(tools)
    config = model_settings(settings.get("model"))
    prompt = str(settings.get("pre_prompt") or "")
    asked = "{{inputs.query}}"
    config |= {"systemPrompt": prompt, "prompt": asked} if prompt else {"prompt": asked}
    if mode == "completion":
        config |= {"prompt": prompt}
        config.pop("systemPrompt", None)
    else:
        config["memoryType"] = "conversation"
    if is_agent:
        config["tools"] = [_chat_tool(tool) for tool in tools]
    if ((settings.get("dataset_configs") or {}).get("datasets") or {}).get("datasets"):
        diagnostics.warning(
            DiagnosticCode.DIALECT_UNSUPPORTED, "The app's knowledge bases are not asked.",
            node_id="model", pointer="/model_config/dataset_configs",
            hint="Put a knowledgeBaseQuery node before the model.",
        )  # fmt: skip
    rows = [next(iter(row.values())) for row in settings.get("user_input_form") or [] if isinstance(row, dict) and row]
    kinds = [next(iter(row)) for row in settings.get("user_input_form") or [] if isinstance(row, dict) and row]
    inputs = _input_schema([{"type": kind, **row} for kind, row in zip(kinds, rows, strict=True)])
    if "{{inputs.query}}" in str(config):
        inputs["properties"].setdefault("query", {"type": "string"})
    return {
        "entryPoint": "start",
        "inputs": inputs,
        "nodes": {
            "start": {"type": "trigger", "name": "start", "config": {"triggerType": "manual"}},
            "model": {"type": "agent" if is_agent else "llm", "name": "model", "config": config},
            "answer": {
                "type": "output",
                "name": "answer",
                "config": {"outputName": "answer", "value": "{{model.text}}"},
            },
        },
        "edges": [{"source": "start", "target": "model"}, {"source": "model", "target": "answer"}],
    }
