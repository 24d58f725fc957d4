"""Dify's nodes that ask language models → configs of ``llm``, ``agent`` and ``router``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowray.definition.dialects.dify.references import References
from flowray.values import Json

Config = dict[str, Any]
Report = Callable[[str, str], None]

_PARAMETERS = {"temperature": "temperature", "top_p": "topP", "max_tokens": "maxTokens", "stop": "stop"}
_TYPES = {"string": "string", "number": "number", "bool": "boolean", "boolean": "boolean", "select": "string"}
_CONTEXT = "{{#context#}}"


def model_settings(model: Json) -> Config:
    """Provider, model and sampling. A provider of a plug-in is named by the last part of its path."""
    written = model if isinstance(model, dict) else {}
    config: Config = {
        "model": str(written.get("name") or written.get("model") or ""),
        "provider": str(written.get("provider") or "").rsplit("/", 1)[-1],
    }
    given = written.get("completion_params") or {}
    config |= {_PARAMETERS[key]: value for key, value in given.items() if key in _PARAMETERS and value is not None}
    further = {key: value for key, value in given.items() if key in ("frequency_penalty", "presence_penalty", "seed")}
    if further:
        config["extra"] = further
    if given.get("response_format") in ("json_object", "JSON"):
        config["responseFormat"] = "json_object"
    return config


def llm(data: Config, references: References, report: Report) -> Config:
    """Messages as written; with a memory the question of the user comes last, as in Dify."""
    config = model_settings(data.get("model"))
    context = data.get("context") or {}
    around = "{{#" + ".".join(context.get("variable_selector") or []) + "#}}" if context.get("enabled") else ""
    config["messages"] = _messages(data.get("prompt_template"), references, around, report)
    memory = data.get("memory") or {}
    if memory:
        window = memory.get("window") or {}
        config["memoryType"] = "sliding_window" if window.get("enabled") else "conversation"
        if window.get("enabled") and window.get("size"):
            config["slidingWindowSize"] = 2 * int(window["size"])
        asked = memory.get("query_prompt_template") or "{{#sys.query#}}"
        config["messages"].append({"role": "user", "content": references.text(asked)})
    vision = data.get("vision") or {}
    selector = (vision.get("configs") or {}).get("variable_selector")
    if vision.get("enabled") and selector:
        config["images"] = references.template(selector)
    schema = (data.get("structured_output") or {}).get("schema")
    if data.get("structured_output_enabled") and isinstance(schema, dict):
        config["outputSchema"] = schema
    return config


def _messages(template: Json, references: References, context: str, report: Report) -> list[Config]:
    rows = (
        template if isinstance(template, list) else [{"role": "user", **template}] if isinstance(template, dict) else []
    )
    messages = []
    for row in rows:
        text = str(row.get("text") or "")
        if row.get("edition_type") == "jinja2":
            report("prompt_template", "A prompt in Jinja is taken as its plain text.")
        messages.append(
            {"role": str(row.get("role") or "user"), "content": references.text(text.replace(_CONTEXT, context))}
        )
    return messages


def agent(data: Config, references: References, report: Report) -> Config:
    """Its parameters, and each tool that is enabled as an operation of its provider."""
    given = {name: (entry or {}).get("value") for name, entry in (data.get("agent_parameters") or {}).items()}
    config = model_settings(given.get("model"))
    config |= {
        "systemPrompt": references.text(given.get("instruction") or ""),
        "prompt": references.text(given.get("query") or ""),
        "tools": [_tool(tool) for tool in given.get("tools") or [] if tool.get("enabled", True)],
    }
    if isinstance(given.get("maximum_iterations"), int):
        config["maxIterations"] = given["maximum_iterations"]
    if data.get("memory"):
        config["memoryType"] = "conversation"
    if given.get("mcp_server") or given.get("servers_config"):
        report("agent_parameters", "The tools of an MCP server of the plug-in's own are not taken over.")
    return config


def _tool(tool: Config) -> Config:
    return {
        "name": str(tool.get("tool_name") or ""),
        "description": str((tool.get("extra") or {}).get("description") or tool.get("tool_description") or ""),
        "provider": str(tool.get("provider_name") or "").rsplit("/", 1)[-1],
        "operation": str(tool.get("tool_name") or ""),
        "config": {"parameters": tool.get("settings") or {}},
    }


def classifier(data: Config, references: References) -> Config:
    """Routes by the ids of the classes, which are the handles."""
    config = model_settings(data.get("model"))
    config["prompt"] = references.template(data.get("query_variable_selector"))
    instruction = data.get("instruction") or data.get("instructions")
    if instruction:
        config["systemPrompt"] = references.text(instruction)
    config["routes"] = [
        {"value": str(item["id"]), "label": str(item.get("name") or "")} for item in data.get("classes") or []
    ]
    return {key: config[key] for key in config if key not in ("topP", "extra", "stop", "responseFormat")}


def extractor(data: Config, references: References) -> Config:
    """A question for a JSON object; its fields stand beside the text in the output, as Dify's variables do."""
    config = model_settings(data.get("model"))
    listed = [entry for entry in data.get("parameters") or [] if entry.get("name")]
    instruction = str(references.text(data.get("instruction") or ""))
    config |= {
        "systemPrompt": f"Extract the parameters from the text of the user.\n{instruction}".strip(),
        "prompt": references.template(data.get("query")),
        "outputSchema": {
            "type": "object",
            "properties": {str(entry["name"]): _parameter(entry) for entry in listed},
            "required": [str(entry["name"]) for entry in listed if entry.get("required")],
        },
    }
    return config


def _parameter(entry: Config) -> Config:
    kind = str(entry.get("type") or "string")
    schema: Config = {"type": _TYPES.get(kind, "string")}
    if kind.startswith("array"):
        schema = {"type": "array"}
        inner = kind.partition("[")[2].rstrip("]")
        if inner in (*_TYPES, "object"):
            schema["items"] = {"type": _TYPES.get(inner, inner)}
    if entry.get("options"):
        schema["enum"] = list(entry["options"])
    if entry.get("description"):
        schema["description"] = str(entry["description"])
    return schema
