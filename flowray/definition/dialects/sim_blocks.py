"""SIM's blocks → node configs, by type. Blocks of SIM's integrations keep their type and fields, and are reported."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from flowray.definition.dialects.sim_document import NODE_TYPES, BlockReport, SimBlock, SimDocument
from flowray.definition.dialects.sim_references import BlockTexts
from flowray.errors import ErrorCode
from flowray.values import Json, decode_json

Config = dict[str, Any]

_PROVIDERS = {"gpt": "openai", "o1": "openai", "o3": "openai", "o4": "openai", "claude": "anthropic",
              "gemini": "google", "grok": "xai", "command": "cohere"}  # fmt: skip

_WAIT_UNITS_MS = {"seconds": 1_000, "minutes": 60_000, "hours": 3_600_000, "days": 86_400_000}
_LONGEST_WAIT = 1e9
"""Of any unit: a larger number is left to the node to refuse."""

_WEEKDAYS = {"SUN": 0, "MON": 1, "TUE": 2, "WED": 3, "THU": 4, "FRI": 5, "SAT": 6}

RETRIED = [
    code.value
    for code in (
        ErrorCode.EXPRESSION_ERROR, ErrorCode.EXPRESSION_TIMEOUT, ErrorCode.NODE_FAILED, ErrorCode.NODE_TIMEOUT,
        ErrorCode.NODE_LOST, ErrorCode.HTTP_ERROR, ErrorCode.HTTP_STATUS, ErrorCode.PROVIDER_UNREACHABLE,
        ErrorCode.PROVIDER_TIMEOUT, ErrorCode.PROVIDER_RATE_LIMITED, ErrorCode.PROVIDER_AUTH,
        ErrorCode.PROVIDER_REJECTED, ErrorCode.PROVIDER_ERROR, ErrorCode.STREAM_INTERRUPTED,
        ErrorCode.PROVIDER_CIRCUIT_OPEN,
    )
]  # fmt: skip
"""SIM tries again after every error of a handler, whatever it was."""

_CONTEXT = re.compile(r"(?<![\w.'\"])context(?=[.\[])")

_MODEL_SETTINGS = ("model", "temperature", "maxTokens", "topP")


def retry_policy(block: SimBlock) -> Config | None:
    """SIM's retry with its bounds: 2 to 5 tries (3), a fixed wait of 0 to 5,000 ms (1,000)."""
    if block.retry.get("enabled") is not True:
        return None
    tries, wait = (_number(block.retry.get(key)) for key in ("maxTries", "waitBetweenTriesMs"))
    return {
        "maxAttempts": int(min(max(3 if tries is None else tries, 2), 5)),
        "initialDelayMs": int(min(max(1_000 if wait is None else wait, 0), 5_000)),
        "factor": 1.0,
        "codes": list(RETRIED),
    }


def block_config(block: SimBlock, document: SimDocument, texts: BlockTexts, report: BlockReport) -> Config:
    """The config of the node that a block becomes."""
    if block.trigger:
        return _trigger(block, texts, report)
    configure = _CONFIGS.get(block.type)
    if configure is not None:
        return configure(block, document, texts, report)
    if block.type not in NODE_TYPES:
        report.unsupported(
            "", f"SIM's block {block.type!r} has no counterpart of its own.",
            "The node fails when it is reached, unless a node type of this name is installed.",
        )  # fmt: skip
    return _rest(block, texts, ())


def condition_names(block: SimBlock) -> list[str]:
    """The ids of a condition's branches, in order: edges leave by ``condition-{id}``."""
    return [entry["id"] for entry in _entries(block.params.get("conditions")) if isinstance(entry.get("id"), str)]


def _rest(block: SimBlock, texts: BlockTexts, taken: tuple[str, ...]) -> Config:
    return {key: texts.field(key, value) for key, value in block.params.items() if key not in taken}


def _trigger(block: SimBlock, texts: BlockTexts, report: BlockReport) -> Config:
    kinds = {"schedule": "schedule", "generic_webhook": "webhook", "webhook": "webhook", "webhook_request": "webhook"}
    own = {"start_trigger", "starter", "manual_trigger", "input_trigger", "api_trigger", "chat_trigger"}
    kind = "manual" if block.type in own else kinds.get(block.type, "webhook")
    config = {"triggerType": kind, **_rest(block, texts, ("triggerType", "schedule"))}
    if kind == "webhook" and block.type not in kinds:
        config["provider"] = block.type
    if kind == "schedule":
        cron = _cron(block.params)
        if cron is None:
            report.unsupported("scheduleType", "This kind of schedule has no cron expression here.")
        else:
            config["schedule"] = cron
            report.changed("scheduleType", f"The schedule is the cron expression {cron!r} here.")
    return config


def _cron(params: Config) -> str | None:
    def clock(key: str) -> str:
        hour, _, minute = str(params.get(key) or "09:00").partition(":")
        return f"{int(minute or 0)} {int(hour)}"

    try:
        match params.get("scheduleType"):
            case "minutes":
                return f"*/{int(params.get('minutesInterval') or 15)} * * * *"
            case "hourly":
                return f"{int(params.get('hourlyMinute') or 0)} * * * *"
            case "daily":
                return f"{clock('dailyTime')} * * *"
            case "weekly":
                return f"{clock('weeklyDayTime')} * * {_WEEKDAYS[str(params.get('weeklyDay') or 'MON')]}"
            case "monthly":
                return f"{clock('monthlyTime')} {int(params.get('monthlyDay') or 1)} * *"
            case "custom":
                return str(params["cronExpression"])
    except (KeyError, TypeError, ValueError):
        return None
    return None


def _agent(block: SimBlock, document: SimDocument, texts: BlockTexts, report: BlockReport) -> Config:
    params = block.params
    taken = ("messages", "systemPrompt", "userPrompt", "responseFormat", "tools", "memoryType", *_MODEL_SETTINGS)
    config = _rest(block, texts, taken)
    model = str(params.get("model") or "")
    config |= {"model": model, "provider": next((who for key, who in _PROVIDERS.items() if model.startswith(key)), "")}
    for key in _MODEL_SETTINGS[1:]:
        if (number := _number(params.get(key))) is not None:
            config[key] = number
    if params.get("systemPrompt"):
        config["systemPrompt"] = texts.field("systemPrompt", params["systemPrompt"])
    messages = texts.json_field("messages", params.get("messages") or [])
    if messages:
        config["messages"] = messages
    if params.get("userPrompt"):
        config["prompt"] = texts.field("userPrompt", params["userPrompt"])
    schema = _parsed(params.get("responseFormat"))
    if isinstance(schema, dict):
        config["outputSchema"] = schema["schema"] if isinstance(schema.get("schema"), dict) else schema
    if params.get("tools"):
        config["tools"] = texts.json_field("tools", params["tools"])
    if params.get("memoryType") not in (None, "", "none"):
        config["memoryType"] = params["memoryType"]
    return config


def _function(block: SimBlock, document: SimDocument, texts: BlockTexts, report: BlockReport) -> Config:
    """SIM's function answers ``{result, stdout}``."""
    return {**_rest(block, texts, ()), "outputKey": "result"}


def _http(block: SimBlock, document: SimDocument, texts: BlockTexts, report: BlockReport) -> Config:
    params = block.params
    config = _rest(block, texts, ("headers", "params", "body", "timeout", "failOnStatus"))
    config["method"] = str(params.get("method") or "GET").upper()
    config["failOnStatus"] = True
    for key, target in (("headers", "headers"), ("params", "queryParams")):
        rows = _pairs(texts.json_field(key, params.get(key)))
        if rows:
            config[target] = rows
    if params.get("body") not in (None, ""):
        config["body"] = texts.json_field("body", params["body"])
        config["bodyType"] = "raw" if isinstance(config["body"], str) else "json"
    if (timeout := _number(params.get("timeout"))) is not None:
        config["timeoutMs"] = int(timeout)
    return config


def _pairs(value: Json) -> list[Config]:
    """SIM's tables (rows with ``cells``) and objects → a list of key and value."""
    if isinstance(value, dict):
        return [{"key": key, "value": item} for key, item in value.items()]
    rows = [row.get("cells", row) for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    found = [
        {"key": row.get("Key", row.get("key")), "value": row.get("Value", row.get("value"))}
        for row in rows
        if isinstance(row, dict)
    ]
    return [row for row in found if row["key"] not in (None, "")]


def _condition(block: SimBlock, document: SimDocument, texts: BlockTexts, report: BlockReport) -> Config:
    """Rules in order. A title "else" holds always and ends the list; SIM does not look beyond it.

    ``context`` in a rule is the output of the block before.
    """
    feeders = {edge.source for edge in document.edges if edge.target == block.id}
    before = f"{{{{{feeders.pop()}}}}}" if len(feeders) == 1 else None
    rules: list[Config] = []
    config: Config = {"conditions": rules}
    for entry in _entries(block.params.get("conditions")):
        name = str(entry.get("id") or "")
        if str(entry.get("title") or "").strip().lower() == "else":
            config["defaultOutput"] = name
            break
        written = str(entry.get("value") or "").strip()
        expression = texts.condition("conditions", written) or "false"
        if _CONTEXT.search(expression):
            if before is None:
                report.unsupported("conditions", "A rule reads 'context', and more than one block comes before it.")
            else:
                expression = _CONTEXT.sub(before, expression)
        rules.append({"name": name, "expression": expression})
    if not rules:
        rules.append({"name": config.get("defaultOutput") or "true", "expression": "true"})
    return config


def _router(block: SimBlock, document: SimDocument, texts: BlockTexts, report: BlockReport) -> Config:
    config = _rest(block, texts, ("routes", "context"))
    prompt = block.params.get("context", block.params.get("prompt"))
    config["prompt"] = texts.field("prompt", prompt or "")
    routes = [
        {
            "value": str(entry.get("id")),
            "label": entry.get("title"),
            "description": texts.field("routes", entry["value"]),
        }
        for entry in _entries(block.params.get("routes"))
        if entry.get("value") is not None
    ]
    if not routes:
        targets = dict.fromkeys(edge.target for edge in document.edges if edge.source == block.id)
        known = [document.blocks[target] for target in targets if target in document.blocks]
        routes = [{"value": other.id, "label": other.name} for other in known]
    config["routes"] = routes
    return config


def _response(block: SimBlock, document: SimDocument, texts: BlockTexts, report: BlockReport) -> Config:
    params = block.params
    config: Config = {"status": int(_number(params.get("status")) or 200)}
    headers = _pairs(texts.json_field("headers", params.get("headers")))
    if headers:
        config["headers"] = headers
    rows = params.get("builderData")
    if params.get("dataMode") == "structured" and rows is not None:
        config["fields"] = [
            {
                "name": row.get("name"),
                "type": row.get("type"),
                "value": texts.json_field("builderData", row.get("value")),
            }
            for row in _entries(rows)
        ]
    else:
        config["data"] = texts.json_field("data", params.get("data"))
    return config


def _wait(block: SimBlock, document: SimDocument, texts: BlockTexts, report: BlockReport) -> Config:
    """SIM's two kinds, in a process up to 5 minutes or as a pause, are one here: no wait holds a process."""
    params = block.params
    later = params.get("async") in (True, "true")
    unit = str(params.get("timeUnitLong" if later else "timeUnit") or ("minutes" if later else "seconds"))
    value = params.get("timeValue", 10)
    number = _number(value)
    if number is not None and abs(number) < _LONGEST_WAIT and unit in _WAIT_UNITS_MS:
        return {"waitType": "duration", "duration": int(number * _WAIT_UNITS_MS[unit])}
    return {"waitType": "duration", "durationValue": texts.field("timeValue", value), "durationUnit": unit}


def _variables(block: SimBlock, document: SimDocument, texts: BlockTexts, report: BlockReport) -> Config:
    return {
        "assignments": [
            {
                "variableName": entry.get("variableName", entry.get("name")),
                "valueType": entry.get("type"),
                "value": texts.field("variables", entry.get("value")),
            }
            for entry in _entries(block.params.get("variables"))
        ]
    }


def _subworkflow(block: SimBlock, document: SimDocument, texts: BlockTexts, report: BlockReport) -> Config:
    params = block.params
    mapping = texts.json_field("inputMapping", params.get("inputMapping") or {})
    inputs = mapping if isinstance(mapping, dict) else {}
    if "input" in params:
        inputs = {**inputs, "input": texts.field("input", params["input"])}
    return {"workflowId": params.get("workflowId"), "inputs": inputs, "outputKey": "result"}


def _human(block: SimBlock, document: SimDocument, texts: BlockTexts, report: BlockReport) -> Config:
    taken = ("inputFormat", "operation")
    return {"fields": _entries(block.params.get("inputFormat")), **_rest(block, texts, taken)}


def _entries(value: Json) -> list[Config]:
    parsed = _parsed(value)
    return [entry for entry in parsed if isinstance(entry, dict)] if isinstance(parsed, list) else []


def _parsed(value: Json) -> Json:
    if not isinstance(value, str):
        return value
    try:
        return decode_json(value)
    except ValueError:  # msgspec's DecodeError is one
        return None


def _number(value: Json) -> int | float | None:
    if isinstance(value, str):
        value = _parsed(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None


_CONFIGS: dict[str, Callable[[SimBlock, SimDocument, BlockTexts, BlockReport], Config]] = {
    "agent": _agent,
    "api": _http,
    "condition": _condition,
    "function": _function,
    "router": _router,
    "router_v2": _router,
    "response": _response,
    "wait": _wait,
    "variables": _variables,
    "workflow": _subworkflow,
    "workflow_input": _subworkflow,
    "human_in_the_loop": _human,
}
