"""n8n's nodes → type and config of flowray's nodes: logic, data, web and files. Items and edges are ``importing``'s."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from flowray.definition.dialects.n8n import apps, files, models, stores, web
from flowray.definition.dialects.n8n.conditions import conditions_of, switch_rules
from flowray.definition.dialects.n8n.document import N8nNode, as_object, name_of, parsed, rows
from flowray.definition.dialects.n8n.expressions import Texts
from flowray.definition.dialects.n8n.javascript import item_program, unknown_names
from flowray.definition.dialects.n8n.lists import LIST_PROGRAMS, merge_program
from flowray.definition.dialects.n8n.source import Source, Typed
from flowray.values import Json

Config = dict[str, Any]

_ENTRIES = {
    "string": "stringValue",
    "number": "numberValue",
    "boolean": "booleanValue",
    "array": "arrayValue",
    "object": "objectValue",
}
_UNITS = ("seconds", "minutes", "hours", "days")


def typed_config(source: Source) -> Typed | None:
    """The node type and its config; None for a type without a counterpart."""
    node = source.node
    configure = CONFIGS.get(node.kind)
    if configure is not None:
        return configure(source)
    if is_trigger(node):
        return "trigger", apps.trigger(node, source.texts)
    if node.kind in UNKNOWN or not node.type.startswith("n8n-nodes-base."):
        return None
    return "integration", apps.integration(node, source.texts)


def is_trigger(node: N8nNode) -> bool:
    """Whether a workflow may begin with it."""
    return node.kind.endswith("Trigger") or node.kind in ("webhook", "start", "cron", "interval", "emailReadImap")


UNKNOWN = frozenset({
    "editImage", "ssh", "executeCommand", "crypto", "dateTime", "compression", "xml", "executionData", "n8n",
    "readBinaryFiles",
})  # fmt: skip
"""Types of n8n's own that have no counterpart. All others of its base package are services."""


def _set(source: Source) -> Typed:
    """Fields as an object; with the other fields of the item, if they are to be kept."""
    node, params = source.node, source.node.params
    if params.get("mode") in ("raw", "json") or "jsonOutput" in params:
        written = source.texts.value(params.get("jsonOutput") or "{}")
        code = "return typeof text === 'string' ? JSON.parse(text) : text;"
        return _script(code, {"text": written})
    fields = _fields(node, source.texts)
    keeps = (
        params.get("includeOtherFields", False) if node.version >= 3.3 else node.params.get("include", "all") == "all"
    )
    if node.version < 3:
        keeps = not params.get("keepOnlySet", False)
    if not keeps:
        return "transform", {"operation": "template", "template": _nested(fields)}
    code = "Object.assign({}, $json, fields)"
    return _script(item_program(f"return {code};"), {**source.texts.inputs(""), "fields": _nested(fields)})


def _fields(node: N8nNode, texts: Texts) -> dict[str, Json]:
    params = node.params
    listed = rows(params.get("assignments"), "assignments")
    if listed:
        return {name_of(row): _literal(texts, row.get("value"), str(row.get("type"))) for row in listed}
    listed = rows(params.get("fields"), "values")
    if listed:
        return {name_of(row): _literal(texts, row.get(_ENTRIES[_kind(row)]), _kind(row)) for row in listed}
    written = as_object(params.get("values"))
    return {name_of(row): _literal(texts, row.get("value"), kind) for kind in written for row in rows(written, kind)}


def _kind(row: Config) -> str:
    return str(row.get("type") or "stringValue").removesuffix("Value")


def _literal(texts: Texts, value: Json, kind: str) -> Json:
    if kind in ("number", "boolean", "array", "object") and isinstance(value, str) and not value.startswith("="):
        try:
            parsed: Json = json.loads(value)
        except ValueError:
            return value
        return parsed
    return texts.value(value)


def _nested(fields: dict[str, Json]) -> Config:
    """Names with dots are paths, as in n8n."""
    result: Config = {}
    for name, value in fields.items():
        *path, last = name.split(".")
        place = result
        for step in path:
            inner = place.setdefault(step, {})
            place = inner if isinstance(inner, dict) else place.setdefault(f"{step}.", {})
        place[last] = value
    return result


def _script(code: str, given: Config) -> Typed:
    return "code", {"language": "javascript", "code": code, "outputKey": "", "inputVariables": given}


def _code(source: Source) -> Typed:
    """A program of the author's. One that looks at all items gets all of them."""
    node = source.node
    if node.text("language") in ("python", "pythonNative") or "pythonCode" in node.params:
        code = node.text("pythonCode")
        node.unsupported("pythonCode", "n8n's names in Python (_input, _json) are not there.")
        return "code", {"language": "python", "code": code or "result = None", "outputKey": ""}
    code = node.text("jsCode", node.text("functionCode", "return items;"))
    _report_code(node, source.texts, code)
    whole = source.lists[0] if source.lists else None
    given = source.texts.inputs(code, whole=whole if is_list_reader(node) else None)
    lists = (
        "return [].concat(__result ?? []);"
        if gives_list(node)
        else "return Array.isArray(__result) && __result.length === 1 ? __result[0] : __result;"
    )
    body = item_program(code).replace("return __unwrap(", "const __result = __unwrap(", 1)
    return _script(f"{body}\n{lists}", given)


def _report_code(node: N8nNode, texts: Texts, code: str) -> None:
    for name in unknown_names(code):
        texts.reported.add(name)
        node.unsupported("jsCode", f"The program uses {name}, which n8n has and the sandbox has not.")


def is_list_reader(node: N8nNode) -> bool:
    """Whether the node looks at all its items at once."""
    if node.kind in ("code", "function"):
        return node.params.get("mode") != "runOnceForEachItem"
    if node.kind in LIST_PROGRAMS or node.kind in ("merge", "convertToFile"):
        return True
    written = json.dumps(node.params)
    return "$input.all(" in written or ".all()" in written or node.params.get("respondWith") == "allIncomingItems"


def gives_list(node: N8nNode) -> bool:
    """Whether n8n goes on with several items, however few they are this time."""
    match node.kind:
        case "splitOut" | "itemLists":
            return node.text("operation", "splitOutItems") == "splitOutItems"
        case "code" | "function":
            return node.params.get("mode") != "runOnceForEachItem" and _returns_list(
                node.text("jsCode", node.text("functionCode"))
            )
        case "merge":
            return node.text("mode", "append") != "chooseBranch"
        case "sort" | "limit" | "removeDuplicates":
            return True
    plain = CONFIGS.get(node.kind) is None and not is_trigger(node) and node.type.startswith("n8n-nodes-base.")
    return plain and node.kind not in UNKNOWN and apps.gives_list(node)


def _returns_list(code: str) -> bool:
    """A guess at a program's answer: one written item is one, all else may be several."""
    last = code.rpartition("return")[2].strip()
    return not last.startswith(("{", "[{", "[\n", "[ {")) and any(
        word in code for word in (".map(", ".push(", ".flatMap(", ".filter(")
    )


def _list_program(source: Source) -> Typed:
    code, settings = LIST_PROGRAMS[source.node.kind](source.node, source.texts)
    return _script(code, {"all": source.lists[0] if source.lists else [], **settings})


def _merge(source: Source) -> Typed:
    code, settings = merge_program(source.node)
    return _script(code, {"lists": source.lists, **settings})


def _condition(source: Source) -> Typed:
    return "conditional", {"expression": conditions_of(source.node.params, source.texts)}


def _switch(source: Source) -> Typed:
    rules, _, default = switch_rules(source.node, source.texts)
    config: Config = {"conditions": rules or [{"name": "output0", "expression": "false"}]}
    if default is not None:
        config["defaultOutput"] = default
    if source.node.options.get("allMatchingOutputs"):
        config["evaluationMode"] = "all"
    return "conditional", config


def _workflow(source: Source) -> Typed:
    node = source.node
    config: Config = {"workflowId": source.texts.value(node.params.get("workflowId") or "")}
    if node.params.get("source") == "parameter":
        config = {"definition": parsed(node.text("workflowJson", "{}"))}
    mapped = as_object(as_object(node.params.get("workflowInputs")).get("value"))
    config["inputs"] = source.texts.value(mapped) if mapped else source.texts.value("={{ $json }}")
    return "workflow", config


def _stop(source: Source) -> Typed:
    message = source.texts.value(
        source.node.params.get("errorMessage") or source.node.params.get("errorObject") or "stopped"
    )
    return _script(
        "throw new Error(typeof message === 'string' ? message : JSON.stringify(message));", {"message": message}
    )


def _wait(source: Source) -> Typed:
    node = source.node
    kind = node.text("resume", "timeInterval")
    if kind == "specificTime":
        return "wait", {"waitType": "until", "timestamp": source.texts.value(node.params.get("dateTime"))}
    if kind in ("webhook", "form"):
        return "wait", {"waitType": "webhook", "reason": node.name}
    unit = node.text("unit", "seconds" if node.version >= 1.1 else "hours")
    amount = source.texts.value(node.params.get("amount", 5 if node.version >= 1.1 else 1))
    return "wait", {
        "waitType": "duration",
        "durationValue": amount,
        "durationUnit": unit if unit in _UNITS else "seconds",
    }


def _chain(source: Source) -> Typed:
    return "llm", models.chain(source.document, source.node, source.texts)


def _agent(source: Source) -> Typed:
    return "agent", models.agent(source.document, source.node, source.texts)


def _classes(source: Source) -> Typed:
    return "router", models.classes(source.document, source.node, source.texts)


CONFIGS: dict[str, Callable[[Source], Typed | None]] = {
    "stickyNote": lambda source: ("comment", {"text": source.node.text("content")}),
    "set": _set,
    "code": _code,
    "function": _code,
    "functionItem": _code,
    "if": _condition,
    "filter": _condition,
    "switch": _switch,
    "merge": _merge,
    **dict.fromkeys(LIST_PROGRAMS, _list_program),
    "noOp": lambda source: ("transform", {"operation": "passthrough", "inputData": source.texts.value("={{ $json }}")}),
    "httpRequest": web.http,
    "graphql": web.graphql,
    "respondToWebhook": web.respond,
    "wait": _wait,
    "executeWorkflow": _workflow,
    "stopAndError": _stop,
    "html": files.html,
    "markdown": files.markdown,
    "extractFromFile": files.extract,
    "readPDF": lambda source: ("pdfExtract", {"file": source.texts.value("={{ $json }}")}),
    "convertToFile": files.convert,
    "readWriteFile": files.files,
    "readBinaryFile": files.files,
    "writeBinaryFile": files.files,
    "emailSend": web.email,
    "emailReadImap": lambda source: ("trigger", apps.trigger(source.node, source.texts)),
    "postgres": stores.database,
    "mySql": stores.database,
    "form": web.form,
    "chainLlm": _chain,
    "agent": _agent,
    "chainRetrievalQa": _agent,
    "openAiAssistant": _agent,
    "openAi": lambda source: models.openai(source.document, source.node, source.texts),
    "informationExtractor": lambda source: ("llm", models.extractor(source.document, source.node, source.texts)),
    "chainSummarization": lambda source: ("llm", models.summary(source.document, source.node, source.texts)),
    "textClassifier": _classes,
    "sentimentAnalysis": _classes,
    "vectorStoreQdrant": stores.vectors,
    "vectorStorePinecone": stores.vectors,
    "vectorStoreSupabase": stores.vectors,
    "vectorStoreInMemory": stores.vectors,
    "vectorStorePGVector": stores.vectors,
}
