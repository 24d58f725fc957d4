"""Dify's nodes → type and config of flowray's nodes, one function per type. Edges and containers are elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flowray.definition.diagnostics import DiagnosticCode, Diagnostics
from flowray.definition.dialects.dify.conditions import case_expression
from flowray.definition.dialects.dify.jinja import plain_template, program
from flowray.definition.dialects.dify.models import agent, classifier, extractor, llm
from flowray.definition.dialects.dify.references import References, node_name
from flowray.values import Json

Config = dict[str, Any]
Typed = tuple[str, Config]

_IMPORTS = re.compile(r"^\s*(?:import|from)\s+(\w+)", re.MULTILINE)
_SANDBOXED = frozenset({
    "base64", "collections", "datetime", "itertools", "json", "math", "os", "random", "re", "sys", "time", "typing",
})  # fmt: skip
"""Modules that flowray's sandbox for Python has."""
_ASSIGNED = re.compile(r"^[ \t]*(\w[\w-]*)[ \t]*:[ \t]*(.*)$", re.MULTILINE)
_OPERATIONS = {"over-write": "set", "set": "set", "append": "append", "extend": "append", "+=": "increment"}
DEFAULT_HANDLE = "false"
"""By which an if-else leaves where no case holds."""


@dataclass(frozen=True)
class DifyNode:
    """One node as written: ``data`` holds its type and its fields. ``where``: its JSON pointer."""

    id: str
    kind: str
    data: Config
    where: str
    references: References
    diagnostics: Diagnostics

    def unsupported(self, field: str, message: str, hint: str | None = None) -> None:
        """What is lost."""
        where = f"{self.where}/data/{field}" if field else self.where
        code = DiagnosticCode.DIALECT_UNSUPPORTED
        self.diagnostics.warning(code, message, node_id=node_name(self.id), pointer=where, hint=hint)

    def changed(self, field: str, message: str) -> None:
        """What is said in another way here."""
        where = f"{self.where}/data/{field}" if field else self.where
        self.diagnostics.info(DiagnosticCode.DIALECT_CHANGED, message, node_id=node_name(self.id), pointer=where)


def typed_config(node: DifyNode) -> Typed:
    """The node type and its config. A type without a counterpart keeps its own name, and is reported."""
    configure = CONFIGS.get(node.kind)
    if configure is not None:
        return configure(node)
    node.unsupported(
        "type", f"Dify's node type {node.kind!r} has no counterpart.",
        "The node fails when it is reached, unless a node type of this name is installed.",
    )  # fmt: skip
    return node.kind, {key: node.references.text(value) for key, value in node.data.items()}


def note_text(data: Config) -> str:
    """The text of a note, which Dify keeps as a tree of an editor."""
    try:
        tree = json.loads(str(data.get("text") or ""))
    except ValueError:
        return str(data.get("text") or "")
    lines: list[str] = []
    _gather(tree.get("root") if isinstance(tree, dict) else None, lines)
    return "\n".join(lines)


def _gather(tree: Json, lines: list[str]) -> None:
    for child in tree.get("children", []) if isinstance(tree, dict) else []:
        if isinstance(child, dict) and child.get("type") == "text":
            lines.append(str(child.get("text", "")))
        _gather(child, lines)


def _start(node: DifyNode) -> Typed:
    return "trigger", {"triggerType": "manual"}


def _answer(node: DifyNode) -> Typed:
    return "output", {"outputName": "answer", "value": node.references.text(node.data.get("answer") or "")}


def _code(node: DifyNode) -> Typed:
    """Dify calls ``main`` with the variables by name, and its object is the output."""
    names = [entry for entry in node.data.get("variables") or [] if entry.get("variable")]
    given = {str(entry["variable"]): node.references.template(entry.get("value_selector")) for entry in names}
    code = str(node.data.get("code") or "")
    # What is named by the caller is a global here, too; a key of its own keeps it from hiding a function of the code.
    inputs = {f"arg_{name}": value for name, value in given.items()}
    config: Config = {"outputKey": ""}
    if inputs:
        config["inputVariables"] = inputs
    if str(node.data.get("code_language")) == "javascript":
        call = ", ".join(f"{json.dumps(name)}: arg_{name}" for name in given)
        return "code", {"language": "javascript", "code": f"{code}\n\nreturn main({{{call}}});", **config}
    call = ", ".join(f"{name}=arg_{name}" for name in given)
    config |= {"language": "python", "code": f"{code}\n\nresult = main({call})"}
    foreign = sorted(set(_IMPORTS.findall(code)) - _SANDBOXED)
    if foreign:
        config["engine"] = "cpython"
        node.unsupported(
            "code", f"The program imports {', '.join(foreign)}: it needs a process of its own.",
            "Install the modules beside flowray, and allow the engine cpython.",
        )  # fmt: skip
    return "code", config


def _template(node: DifyNode) -> Typed:
    text = str(node.data.get("template") or "")
    names = {
        str(entry.get("variable")): node.references.path(entry.get("value_selector"))
        for entry in node.data.get("variables") or []
    }
    plain = plain_template(text, names)
    if plain is not None:
        return "transform", {"operation": "template", "template": plain}
    code = program(text)
    if code is None:
        node.unsupported("template", "The template uses parts of Jinja that are not translated; it stays as text.")
        return "templateOutput", {"outputName": node_name(node.id), "template": text}
    node.changed("template", "The Jinja template is a JavaScript program here.")
    given = {name: "{{" + path + "}}" for name, path in names.items()}
    return "code", {"language": "javascript", "code": code, "outputKey": "", "inputVariables": given}


def _http(node: DifyNode) -> Typed:
    data, text = node.data, node.references.text
    config: Config = {"method": str(data.get("method") or "get").upper(), "url": text(data.get("url") or "")}
    for field, target in (("headers", "headers"), ("params", "queryParams")):
        rows = [
            {"key": key, "value": text(value.strip())} for key, value in _ASSIGNED.findall(str(data.get(field) or ""))
        ]
        if rows:
            config[target] = rows
    body = data.get("body") or {}
    _http_body(node, body if isinstance(body, dict) else {}, config)
    auth = (data.get("authorization") or {}).get("config") or {}
    if auth.get("type") in ("bearer", "basic"):
        config |= {"authType": auth["type"], "authCredentials": text(auth.get("api_key") or "")}
    elif auth:
        header = {"key": auth.get("header") or "Authorization", "value": text(auth.get("api_key") or "")}
        config["headers"] = [*config.get("headers", []), header]
    seconds = (data.get("timeout") or {}).get("max_read_timeout")
    if isinstance(seconds, int) and 0 < seconds <= 300:
        config["timeoutMs"] = seconds * 1000
    return "http", config


def _http_body(node: DifyNode, body: Config, config: Config) -> None:
    kind, data = str(body.get("type") or "none"), body.get("data")
    if kind == "none" or data in ("", None, []):
        return
    if kind in ("form-data", "x-www-form-urlencoded"):
        rows = data if isinstance(data, list) else [{"key": k, "value": v} for k, v in _ASSIGNED.findall(str(data))]
        config |= {"bodyType": "form", "body": {row["key"]: node.references.text(row.get("value")) for row in rows}}
        if any(row.get("type") == "file" for row in rows):
            node.unsupported("body", "Files in the body of a request are not sent.")
        return
    written = data[0].get("value") if isinstance(data, list) and data else data
    config |= {"bodyType": "raw", "body": node.references.text(str(written or ""))}
    if kind == "json":
        config["headers"] = [*config.get("headers", []), {"key": "Content-Type", "value": "application/json"}]


def _tool(node: DifyNode) -> Typed:
    data = node.data
    given = {
        name: node.references.template(entry["value"])
        if entry.get("type") == "variable"
        else node.references.text(entry.get("value"))
        for name, entry in (data.get("tool_parameters") or {}).items()
        if isinstance(entry, dict)
    }
    parameters = {**(data.get("tool_configurations") or {}), **given}
    if data.get("provider_type") == "workflow":
        return "workflow", {"workflowId": data.get("provider_id"), "inputs": given, "outputKey": "data"}
    provider = str(data.get("provider_name") or data.get("provider_id") or "").rsplit("/", 1)[-1]
    return "integration", {"provider": provider, "operation": data.get("tool_name"), "parameters": parameters}


def _condition(node: DifyNode) -> Typed:
    cases = node.data.get("cases") or [{"case_id": "true", **node.data}]
    rules = [
        {"name": str(case.get("case_id") or case.get("id")), "expression": case_expression(case, node.references)}
        for case in cases
    ]
    return "conditional", {"conditions": rules, "defaultOutput": DEFAULT_HANDLE}


def _knowledge(node: DifyNode) -> Typed:
    single = node.data.get("dataset_ids") or []
    settings = node.data.get("multiple_retrieval_config") or {}
    config: Config = {
        "knowledgeBaseId": single[0] if single else "",
        "query": node.references.template(node.data.get("query_variable_selector")),
        "topK": settings.get("top_k") or 4,
    }
    if settings.get("score_threshold"):
        config["scoreThreshold"] = settings["score_threshold"]
    if len(single) > 1:
        config["knowledgeBaseIds"] = single
        node.unsupported("dataset_ids", "Several knowledge bases are asked; here it is the first of them.")
    if settings.get("reranking_enable"):
        node.unsupported("multiple_retrieval_config", "Results are not ranked again by a model.")
    return "knowledgeBaseQuery", config


def _aggregator(node: DifyNode) -> Typed:
    """The first of the variables that is there: those of ways not taken are null."""
    groups = (node.data.get("advanced_settings") or {}).get("groups") or []
    if (node.data.get("advanced_settings") or {}).get("group_enabled") and groups:
        template: Json = {str(group["group_name"]): _first(node, group.get("variables")) for group in groups}
    else:
        template = _first(node, node.data.get("variables"))
    return "transform", {"operation": "template", "template": template}


def _first(node: DifyNode, selectors: Json) -> str:
    return "{{" + " ?? ".join([node.references.path(selector) for selector in selectors or []] or ["null"]) + "}}"


def _assigner(node: DifyNode) -> Typed:
    """Of Dify's conversation variables. They live as long as the execution here."""
    data = node.data
    items = data.get("items") or [
        {
            "variable_selector": data.get("assigned_variable_selector"), "operation": data.get("write_mode"),
            "input_type": "variable", "value": data.get("input_variable_selector"),
        }
    ]  # fmt: skip
    changes = [_assignment(node, item) for item in items]
    if len(changes) == 1:
        return "variable", changes[0]
    if any(change["operation"] != "set" for change in changes):
        node.unsupported(
            "items", "Of several assignments in one node, those that append or add set the variable instead."
        )
    return "variables", {
        "assignments": [{"variableName": change["variableName"], "value": change["value"]} for change in changes]
    }


def _assignment(node: DifyNode, item: Config) -> Config:
    selector = item.get("variable_selector") or ["", ""]
    operation = str(item.get("operation") or "over-write")
    if operation == "clear":
        return {"variableName": str(selector[-1]), "operation": "set", "value": None}
    if operation not in _OPERATIONS:
        node.unsupported("items", f"The operation {operation!r} on a variable sets it here.")
    value = item.get("value")
    is_reference = item.get("input_type") == "variable"
    return {
        "variableName": str(selector[-1]),
        "operation": _OPERATIONS.get(operation, "set"),
        "value": node.references.template(value) if is_reference else node.references.text(value),
    }


def _document(node: DifyNode) -> Typed:
    if node.data.get("is_array_file"):
        node.unsupported("is_array_file", "Only one document is read by a node.")
    return "parseDocument", {"file": node.references.template(node.data.get("variable_selector"))}


_LIST_PROGRAM = """const test = (value, by, wanted) => {
  switch (by) {
    case 'in': return [].concat(wanted).includes(value);
    case 'not in': return ![].concat(wanted).includes(value);
    case 'contains': return String(value ?? '').includes(wanted);
    case 'not contains': return !String(value ?? '').includes(wanted);
    case 'start with': return String(value ?? '').startsWith(wanted);
    case 'end with': return String(value ?? '').endsWith(wanted);
    case 'empty': return value == null || value === '';
    case 'not empty': return value != null && value !== '';
    case '>': return Number(value) > Number(wanted);
    case '<': return Number(value) < Number(wanted);
    case '>=': case '≥': return Number(value) >= Number(wanted);
    case '<=': case '≤': return Number(value) <= Number(wanted);
    case '!=': case '≠': case 'is not': return String(value) !== String(wanted);
    default: return String(value) === String(wanted);
  }
};
const of = (item, key) => key && item !== null && typeof item === 'object' ? item[key] : item;
let result = [...(list ?? [])];
for (const {key, comparison_operator: by, value} of filters) 
  result = result.filter(item => test(of(item, key), by, value));
if (order) {
  const way = order.value === 'desc' ? -1 : 1;
  result.sort((a, b) => { const x = of(a, order.key), y = of(b, order.key); return x < y ? -way : x > y ? way : 0; });
}
if (size !== null) result = result.slice(0, size);
return {result, first_record: result[0] ?? null, last_record: result[result.length - 1] ?? null};"""


def _list(node: DifyNode) -> Typed:
    data = node.data
    settings = {name: data.get(name) or {} for name in ("filter_by", "order_by", "limit")}
    on = {name: bool(entry.get("enabled")) for name, entry in settings.items()}
    if (data.get("extract_by") or {}).get("enabled"):
        node.unsupported("extract_by", "One item by its place is not taken out; the whole list is the result.")
    given = {
        "list": node.references.template(data.get("variable")),
        "filters": node.references.text(settings["filter_by"].get("conditions") or []) if on["filter_by"] else [],
        "order": {key: settings["order_by"].get(key) for key in ("key", "value")} if on["order_by"] else None,
        "size": settings["limit"].get("size") if on["limit"] else None,
    }
    return "code", {"language": "javascript", "code": _LIST_PROGRAM, "outputKey": "", "inputVariables": given}


CONFIGS: dict[str, Callable[[DifyNode], Typed]] = {
    "start": _start,
    "answer": _answer,
    "llm": lambda node: ("llm", llm(node.data, node.references, node.unsupported)),
    "agent": lambda node: ("agent", agent(node.data, node.references, node.unsupported)),
    "question-classifier": lambda node: ("router", classifier(node.data, node.references)),
    "parameter-extractor": lambda node: ("llm", extractor(node.data, node.references)),
    "code": _code,
    "template-transform": _template,
    "http-request": _http,
    "tool": _tool,
    "if-else": _condition,
    "knowledge-retrieval": _knowledge,
    "variable-aggregator": _aggregator,
    "assigner": _assigner,
    "document-extractor": _document,
    "list-operator": _list,
}
"""By Dify's type. ``end``, ``iteration`` and ``loop`` make more than one node, and are in ``document``."""
