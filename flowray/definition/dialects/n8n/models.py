"""n8n's nodes that ask language models → ``llm``, ``agent``, ``router``; their helpers become part of the config."""

from __future__ import annotations

import json
import re
from typing import Any

from flowray.definition.dialects.n8n.apps import operation_of, provider_of
from flowray.definition.dialects.n8n.document import N8nDocument, N8nNode, as_object, plain, rows
from flowray.definition.dialects.n8n.expressions import Texts
from flowray.definition.dialects.n8n.javascript import item_program
from flowray.values import Json

Config = dict[str, Any]

_SETTINGS = {
    "temperature": "temperature", "topP": "topP", "maxTokens": "maxTokens", "maxTokensToSample": "maxTokens",
    "maxOutputTokens": "maxTokens",
}  # fmt: skip
PROVIDERS = {
    "OpenAi": "openai", "GoogleGemini": "google", "MistralCloud": "mistral", "Anthropic": "anthropic",
    "Ollama": "ollama", "OpenRouter": "openrouter", "Groq": "groq", "DeepSeek": "deepseek", "AzureOpenAi": "azure",
}  # fmt: skip
_FROM_AI = re.compile(r"\$fromAI\(\s*['\"`]([^'\"`]+)['\"`](?:\s*,\s*['\"`]([^'\"`]*)['\"`])?")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")
_TYPES = {"string": "string", "number": "number", "boolean": "boolean", "date": "string"}

TAKEN = ("ai_languageModel", "ai_memory", "ai_tool", "ai_outputParser")
"""Kinds of helpers whose settings a node takes over."""


def model_of(document: N8nDocument, node: N8nNode, texts: Texts) -> Config:
    """Provider, model, sampling and connection of the first model; further ones are its fallbacks."""
    models = document.helped_by(node.id, "ai_languageModel")
    if not models:
        return {}
    config = model_settings(models[0], texts)
    if len(models) > 1:
        others = [model_settings(other, texts) for other in models[1:]]
        config["fallbacks"] = [{key: other.get(key) for key in ("provider", "model")} for other in others]
    return config


def model_settings(node: N8nNode, texts: Texts) -> Config:
    """What one node for a model, or one that is its own model, says of it."""
    model = next((plain(node.params[key]) for key in ("model", "modelId", "modelName") if node.params.get(key)), None)
    suffix = re.sub(r"^lm(?:Chat)?", "", node.kind)
    provider = PROVIDERS.get(suffix[:1].upper() + suffix[1:], suffix.lower())
    config: Config = {"provider": provider}
    if model is not None:
        config["model"] = texts.value(str(model).removeprefix("models/"))
    for key, target in _SETTINGS.items():
        if isinstance(node.options.get(key), int | float) and node.options[key] >= 0:
            config[target] = node.options[key]
    if node.connection:
        config["connection"] = node.connection
    return config


def _schema(document: N8nDocument, node: N8nNode) -> Config | None:
    """The JSON Schema of a structured answer, from an output parser."""
    for parser in document.helped_by(node.id, "ai_outputParser"):
        inner = document.helped_by(parser.id, "ai_outputParser")
        if inner:
            return _schema(document, parser)
        if parser.kind == "outputParserItemList":
            return {"type": "object", "properties": {"items": {"type": "array", "items": {"type": "string"}}}}
        found = schema_in(parser)
        if found is not None:
            return found
        parser.unsupported("jsonSchema", "The schema cannot be read; the answer is any text.")
    return None


def schema_in(node: N8nNode) -> Config | None:
    """A schema as written, or one that an example fits."""
    for key in ("inputSchema", "jsonSchema"):
        written = _json(node.params.get(key))
        if isinstance(written, dict) and ("type" in written or "properties" in written):
            return written
    example = _json(node.params.get("jsonSchemaExample"))
    if example is not None:
        schema = schema_of_example(example)
        return schema if schema.get("type") == "object" else {"type": "object", "properties": {"items": schema}}
    entries = rows(node.params.get("attributes"), "attributes")
    if not entries:
        return None
    return {
        "type": "object",
        "properties": {
            str(entry.get("name")): {
                "type": _TYPES.get(str(entry.get("type") or "string"), "string"),
                "description": str(entry.get("description") or ""),
            }
            for entry in entries
        },
        "required": [str(entry.get("name")) for entry in entries if entry.get("required")],
    }


def schema_of_example(example: Json) -> Config:
    """The schema that a value shows."""
    if isinstance(example, dict):
        return {"type": "object", "properties": {key: schema_of_example(value) for key, value in example.items()}}
    if isinstance(example, list):
        return {"type": "array", "items": schema_of_example(example[0])} if example else {"type": "array"}
    kinds = {bool: "boolean", int: "number", float: "number", str: "string"}
    return {"type": kinds[type(example)]} if type(example) in kinds else {}


def chain(document: N8nDocument, node: N8nNode, texts: Texts) -> Config:
    """``chainLlm``: one question."""
    config = model_of(document, node, texts)
    messages = [
        {
            "role": {"AIMessagePromptTemplate": "assistant", "HumanMessagePromptTemplate": "user"}.get(
                str(row.get("type")), "system"
            ),
            "content": texts.value(row.get("message") or ""),
        }
        for row in rows(node.params.get("messages"), "messageValues")
    ]
    if messages:
        config["messages"] = messages
    config["prompt"] = question(node, texts)
    schema = _schema(document, node)
    if schema is not None:
        config["outputSchema"] = schema
    return config


def question(node: N8nNode, texts: Texts) -> Json:
    """The prompt: as written, else the message of a chat."""
    written = node.params.get("text") or node.params.get("prompt") or node.params.get("query")
    if isinstance(written, str) and written and node.params.get("promptType") != "auto":
        return texts.value(written)
    return texts.value("={{ $json.chatInput }}")


def extractor(document: N8nDocument, node: N8nNode, texts: Texts) -> Config:
    """``informationExtractor``: the answer fits a schema."""
    instruction = node.options.get("systemPromptTemplate") or "Extract the attributes from the text of the user."
    return {
        **model_of(document, node, texts),
        "systemPrompt": texts.value(instruction),
        "prompt": texts.value(node.params.get("text") or ""),
        "outputSchema": schema_in(node) or {"type": "object"},
    }


def summary(document: N8nDocument, node: N8nNode, texts: Texts) -> Config:
    """``chainSummarization``: all in one question."""
    node.changed("", "The text is summarised in one question, not piece by piece.")
    return {
        **model_of(document, node, texts),
        "prompt": "Write a concise summary of the following:\n\n" + str(texts.value("={{ $json }}")),
    }


def classes(document: N8nDocument, node: N8nNode, texts: Texts) -> Config:
    """``textClassifier`` and ``sentimentAnalysis``: the routes are the outputs, by name."""
    if node.kind == "sentimentAnalysis":
        names = [
            name.strip() for name in str(node.options.get("categories") or "Positive, Neutral, Negative").split(",")
        ]
        listed: list[Config] = [{"category": name} for name in names]
    else:
        listed = rows(node.params.get("categories"), "categories")
    config = model_of(document, node, texts)
    config["prompt"] = texts.value(node.params.get("inputText") or node.params.get("text") or "")
    config["routes"] = [
        {"value": str(item.get("category")), "description": str(item.get("description") or "")} for item in listed
    ]
    if node.options.get("systemPromptTemplate"):
        config["systemPrompt"] = texts.value(
            str(node.options["systemPromptTemplate"]).replace("{categories}", "those listed")
        )
    if node.options.get("fallback") == "other":
        config["routes"].append({"value": "other", "description": "None of the others fits."})
        config["defaultRoute"] = "other"
    return {key: value for key, value in config.items() if key not in ("topP", "fallbacks")}


def agent(document: N8nDocument, node: N8nNode, texts: Texts) -> Config:
    """Model, instructions, tools and memory in one config."""
    config = model_of(document, node, texts)
    config["prompt"] = question(node, texts)
    instruction = (
        node.options.get("systemMessage") or node.options.get("humanMessage") or node.params.get("instructions")
    )
    if instruction:
        config["systemPrompt"] = texts.value(instruction)
    if isinstance(node.options.get("maxIterations"), int):
        config["maxIterations"] = node.options["maxIterations"]
    tools = [tool for helper in document.helped_by(node.id, "ai_tool") if (tool := _tool(helper, texts)) is not None]
    if node.kind == "chainRetrievalQa":
        tools.append({"name": "search_documents", "nodeType": "knowledgeBaseQuery", "config": _index(document, node)})
    if tools:
        config["tools"] = tools
    for memory in document.helped_by(node.id, "ai_memory"):
        length = memory.params.get("contextWindowLength")
        config["memoryType"] = "sliding_window"
        config["slidingWindowSize"] = 2 * length if isinstance(length, int) and length > 0 else 10
        key = memory.params.get("sessionKey")
        if isinstance(key, str) and key:
            config["threadId"] = texts.value(key)
    schema = _schema(document, node)
    if schema is not None:
        config["outputSchema"] = schema
    return config


def _index(document: N8nDocument, node: N8nNode) -> Config:
    store = next(
        (
            found
            for retriever in document.helped_by(node.id, "ai_retriever")
            for found in document.helped_by(retriever.id, "ai_vectorStore")
        ),
        None,
    )
    return {} if store is None else {"knowledgeBaseId": index_name(store)}


def index_name(store: N8nNode) -> str:
    """The index, collection or table of a vector store."""
    keys = ("pineconeIndex", "qdrantCollection", "tableName", "memoryKey", "collection")
    return next((str(plain(store.params[key])) for key in keys if store.params.get(key)), "")


def _tool(node: N8nNode, texts: Texts) -> Config | None:
    """One tool of an agent; None for what has no counterpart."""
    description = node.text("description", node.text("toolDescription", node.name))
    tool: Config = {"name": re.sub(r"\W+", "_", node.text("name", node.name)), "description": description}
    match node.kind:
        case "toolWorkflow":
            return _workflow_tool(node, tool)
        case "toolHttpRequest" | "httpRequestTool":
            return {**tool, **_http_tool(node, texts)}
        case "toolCode":
            code = "const query = args.query ?? args;\n" + node.text("jsCode")
            return {
                **tool,
                "nodeType": "code",
                "config": {"language": "javascript", "code": item_program(code), "outputKey": ""},
            }
        case "toolSerpApi":
            return {**tool, "nodeType": "webSearch"}
        case (
            "toolVectorStore"
            | "vectorStoreInMemory"
            | "vectorStoreQdrant"
            | "vectorStorePinecone"
            | "vectorStoreSupabase"
        ):
            return {**tool, "nodeType": "knowledgeBaseQuery", "config": {"knowledgeBaseId": index_name(node)}}
        case "mcpClientTool":
            return {**tool, "mcpServer": node.text("sseEndpoint", node.text("endpointUrl"))}
        case "postgresTool":
            return {**tool, "nodeType": "database", **_arguments(node, texts, ("resource",))}
        case kind if kind.endswith("Tool") or kind == "toolWikipedia":
            operation = {"provider": provider_of(kind.removeprefix("tool")), "operation": operation_of(node)}
            if kind == "toolWikipedia":
                operation["operation"] = "search"
            connection = {"connectionId": node.connection} if node.connection else {}
            return {**tool, **operation, **connection, **_arguments(node, texts, ("resource", "operation"))}
        case _:
            node.unsupported("", f"The tool {node.kind!r} has no counterpart; the agent goes without it.")
            return None


def _workflow_tool(node: N8nNode, tool: Config) -> Config | None:
    if node.params.get("source") == "parameter":
        node.unsupported(
            "workflowJson", "The tool holds a workflow of its own; the agent goes without it.",
            "Import that workflow, and give the tool its workflowId.",
        )  # fmt: skip
        return None
    if not node.text("workflowId"):
        node.unsupported("workflowId", "The tool names no workflow; the agent goes without it.")
        return None
    return {**tool, "workflowId": node.text("workflowId")}


def can_be_tool(node: N8nNode) -> bool:
    """Whether an agent takes it over."""
    kinds = (
        "toolWorkflow", "toolHttpRequest", "toolCode", "toolSerpApi", "toolVectorStore", "mcpClientTool",
        "toolWikipedia", "vectorStoreInMemory", "vectorStoreQdrant", "vectorStorePinecone", "vectorStoreSupabase",
    )  # fmt: skip
    return node.kind in kinds or node.kind.endswith("Tool")


def _http_tool(node: N8nNode, texts: Texts) -> Config:
    url = str(texts.value(node.params.get("url") or ""))
    defined = {str(row.get("name")): row for row in rows(node.params.get("placeholderDefinitions"), "values")}
    body = str(node.params.get("jsonBody") or "") + str(node.params.get("jsonQuery") or "")
    names = dict.fromkeys([*_PLACEHOLDER.findall(url + body), *defined])
    for key in ("parametersQuery", "parametersBody"):
        names.update(dict.fromkeys(str(row.get("name")) for row in rows(node.params.get(key), "values")))
    properties = {
        name: {"type": "string", "description": str(defined.get(name, {}).get("description") or "")} for name in names
    }
    headers = {
        str(row.get("name")): str(texts.value(row.get("value") or ""))
        for row in rows(node.params.get("parametersHeaders"), "values")
    }
    tool: Config = {"url": url, "method": node.text("method", "GET")}
    if properties:
        tool["parameters"] = {"type": "object", "properties": properties}
    return {**tool, "headers": headers} if headers else tool


def _arguments(node: N8nNode, texts: Texts, about: tuple[str, ...]) -> Config:
    """What the author fixed is config; what ``$fromAI`` asks for is an argument of the model."""
    given, asked = {}, {}
    for key, value in node.params.items():
        if key in (*about, "toolDescription", "descriptionType"):
            continue
        found = _FROM_AI.findall(json.dumps(value, ensure_ascii=False).replace('\\"', '"'))
        if found:
            asked.update(
                {key if len(found) == 1 else name: {"type": "string", "description": text} for name, text in found}
            )
        else:
            given[key] = texts.value(value)
    result: Config = {"config": {"parameters": given}} if given else {}
    if asked:
        result["parameters"] = {"type": "object", "properties": asked}
    return result


def openai(document: N8nDocument, node: N8nNode, texts: Texts) -> tuple[str, Config]:
    """The nodes of OpenAI itself, old and new: text, pictures, sound, assistants."""
    settings = {**model_settings(node, texts), "provider": "openai"}
    params = node.params
    resource, operation = node.text("resource", "text"), node.text("operation")
    match (resource, operation):
        case ("image", "analyze"):
            return "vision", {
                **settings,
                "prompt": texts.value(params.get("text") or ""),
                "imageInput": texts.value(params.get("imageUrls") or "={{ $json }}"),
            }
        case ("image", _):
            return "imageGeneration", {**settings, "prompt": texts.value(params.get("prompt") or "")}
        case ("audio", "transcribe" | "translate"):
            return "audioTranscription", {**settings, "audioSource": texts.value("={{ $json }}")}
        case ("audio", _):
            return "audioOutput", {**settings, "textInput": texts.value(params.get("input") or "")}
        case ("assistant", _):
            prompt = texts.value(params.get("text") or "={{ $json.chatInput }}")
            return "agent", {**settings, "assistantId": texts.value(params.get("assistantId")), "prompt": prompt}
        case ("file", _):
            return "integration", {
                "provider": "openai",
                "operation": f"{operation or 'upload'}File",
                "parameters": texts.value(params),
            }
    listed = rows(params.get("messages"), "values") or rows(params.get("prompt"), "messages")
    messages = [
        {"role": str(row.get("role") or "user"), "content": texts.value(row.get("content") or "")} for row in listed
    ]
    config = (
        {**settings, "messages": messages}
        if messages
        else {**settings, "prompt": texts.value(params.get("prompt") or params.get("input") or "")}
    )
    tools = [tool for helper in document.helped_by(node.id, "ai_tool") if (tool := _tool(helper, texts)) is not None]
    if params.get("jsonOutput") is True:
        config |= {"outputSchema": {"type": "object"}} if tools else {"responseFormat": "json_object"}
    return ("agent", {**config, "tools": tools}) if tools else ("llm", config)


def _json(value: Json) -> Json:
    if not isinstance(value, str):
        return as_object(value) or None
    try:
        parsed: Json = json.loads(value.removeprefix("="))
    except ValueError:
        return None
    return parsed
