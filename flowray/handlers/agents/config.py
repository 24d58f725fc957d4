"""What an author says of an ``agent`` and of its tools, in all spellings. How they are found is elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.handlers.ai.asking import ASKING_SPELLINGS, AskingConfig
from flowray.handlers.ai.llm import WINDOW_MESSAGES, WINDOW_TOKENS
from flowray.handlers.node_config import NodeConfig, rename

MOST_ITERATIONS = 20
"""Calls of the model, as in SIM."""

MOST_TOOL_ERRORS = 5

RESULT_CHARS = 20_000

_WHAT_IT_IS = ("node_type", "workflow_id", "definition", "url", "mcp_server", "provider")


class ToolConfig(NodeConfig):
    """One tool: a node type, a workflow, an HTTP operation, or the tools of an MCP server."""

    name: str = Field("", description="What the model calls it; by default what it is.")
    description: str = Field("", description="What the model is told about it.")
    parameters: dict[str, Any] | None = Field(
        None, description="JSON Schema of the arguments; by default that of the node type's config, or of the server."
    )
    node_type: str | None = Field(None, description="A node type, also one of your own: the arguments are its config.")
    config: dict[str, Any] = Field(
        default_factory=dict, description="Arguments that are fixed: the model neither sees nor changes them."
    )
    workflow_id: str | None = Field(None, description="A workflow: the arguments are its inputs.")
    definition: dict[str, Any] | None = Field(None, description="A workflow, written here.")
    version: Any = Field(None, description="The version of the workflow; the latest without it.")
    url: str | None = Field(None, description="An HTTP operation; {name} in it stands for an argument.")
    method: str = Field("GET", description="Of the HTTP operation. With GET and HEAD, arguments are query parameters.")
    headers: dict[str, str] = Field(default_factory=dict, description="Of the HTTP operation, or of a server by URL.")
    mcp_server: str | None = Field(None, description="An MCP server: its name in the settings, or its URL.")
    tools: list[str] | None = Field(None, description="Which of the server's tools; all without it.")
    provider: str | None = Field(None, description="A provider of integrations, with the operation.")
    operation: str | None = Field(None, description="An operation of the provider: the arguments are its parameters.")
    connection_id: str | None = Field(None, description="The connection that the operation uses.")
    require_approval: bool = Field(False, description="A person sees each call, and approves or refuses it.")
    read_only: bool | None = Field(
        None, description="Whether calls change nothing, so that several run at once; by default what the tool says."
    )
    usage_control: Literal["auto", "force", "none"] = Field(
        "auto", description="Whether the model may call it, has to at least once, or does not get it."
    )
    timeout_ms: int = Field(120_000, gt=0, description="Bounds one call, in ms. Not of workflows.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        if isinstance(values, str):
            return {"nodeType": values}
        given = rename(
            values, nodeType=("node_type", "function", "handler"), parameters=("inputSchema", "input_schema"),
            workflowId=("workflow_id", "workflow"), definition=("workflowDefinition",), url=("endpoint",),
            mcpServer=("mcp_server", "server", "serverUrl", "serverId"), tools=("toolNames", "allowedTools"),
            config=("params", "defaults"), requireApproval=("require_approval", "requiresApproval", "needsApproval"),
            connectionId=("connection_id", "connection"), timeoutMs=("timeout",),
        )  # fmt: skip
        return _from_sim(given) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _is_one_thing(self) -> ToolConfig:
        is_what = [field for field in _WHAT_IT_IS if getattr(self, field)]
        if len(is_what) != 1:
            raise ValueError(
                "a tool is one of nodeType, workflowId, definition, url, mcpServer, provider and operation"
            )
        return self


def _from_sim(given: dict[str, Any]) -> dict[str, Any]:
    """SIM's tool of a block: ``{type, title, params, schema, toolId}``; and OpenAI's ``{type: function, function}``."""
    kind, function = given.get("type"), given.get("schema")
    if isinstance(function, Mapping) and isinstance(function.get("function"), Mapping):
        function = function["function"]
    if isinstance(function, Mapping):
        schema = function.get("parameters", function)
        given = rename({**given, "parameters": given.get("parameters") or schema}, name=("title",))
        given = {**given, "name": function.get("name") or given.get("name") or "", "schema": None}
        given["description"] = given.get("description") or function.get("description") or ""
    params = given.get("config")
    if kind in ("mcp", "mcp-server") and isinstance(params, Mapping):
        inner = rename(dict(params), mcpServer=("serverUrl", "serverId", "server"))
        given = {**given, "mcpServer": given.get("mcpServer") or inner.get("mcpServer"), "config": {}}
        if given.get("tools") is None and inner.get("toolName"):
            given["tools"] = [inner["toolName"]]
    elif kind in ("workflow", "workflow_input") and isinstance(params, Mapping):
        given = {**given, "workflowId": given.get("workflowId") or params.get("workflowId"), "config": {}}
    elif isinstance(kind, str) and kind and not any(given.get(name) for name in _CAMEL):
        given = {**given, "nodeType": kind}
    if not given.get("name") and given.get("title"):
        given = {**given, "name": given["title"]}
    return {name: value for name, value in given.items() if value is not None}


_CAMEL = ("nodeType", "workflowId", "definition", "url", "mcpServer", "provider")


class AgentConfig(AskingConfig):
    """A model that calls tools until it has an answer, or may not go on."""

    system_prompt: Any = Field(None, description="Instructions: who the agent is and how it works.")
    prompt: Any = Field(None, description="The task; text, or parts in OpenAI's shape.")
    messages: list[dict[str, Any]] | None = Field(None, description="Messages before the task, in OpenAI's shape.")
    tools: list[ToolConfig] = Field(default_factory=list, description="What the model may call.")
    max_iterations: int = Field(
        MOST_ITERATIONS,
        gt=0,
        le=1_000,
        description="Calls of the model; in the last one it must answer, without tools.",
    )
    max_total_tokens: int | None = Field(
        None, gt=0, description="Tokens of all calls: none follows once it is reached."
    )
    max_duration_ms: int | None = Field(
        None, gt=0, description="From the first step, in ms, waits included: no step begins after it."
    )
    max_tool_errors: int = Field(
        MOST_TOOL_ERRORS, ge=0, description="Errors of tools in a row that the model is told; one more fails the node."
    )
    max_result_chars: int = Field(
        RESULT_CHARS, gt=0, description="Characters of a tool's result that the model reads; the rest is cut."
    )
    stop_tools: list[str] = Field(
        default_factory=list, description="Tools whose first successful call ends the agent; its result is the answer."
    )
    stop_phrases: list[str] = Field(
        default_factory=list,
        description="Texts: an answer of the model that has one of them is the last, calls or not.",
    )
    memory_type: Literal["none", "conversation", "sliding_window", "sliding_window_tokens"] = Field(
        "conversation", description="How much of the conversation is read: none of a thread, all, or a sliding window."
    )
    sliding_window_size: int = Field(WINDOW_MESSAGES, gt=0, description="Messages in a sliding_window.")
    sliding_window_tokens: int = Field(WINDOW_TOKENS, gt=0, description="Tokens in a sliding_window_tokens, estimated.")
    thread_id: str | None = Field(
        None,
        min_length=1,
        max_length=255,
        description="A conversation that goes on from one execution of the stored workflow to the next.",
    )
    output_schema: dict[str, Any] | None = Field(None, description="JSON Schema that the answer must follow.")
    approval_timeout_ms: int | None = Field(
        None, gt=0, description="How long a person may take to approve a call, in ms."
    )
    temperature: float | None = Field(None, ge=0, le=2, description="Of the model.")
    max_tokens: int | None = Field(None, gt=0, description="Tokens of one answer of the model.")
    top_p: float | None = Field(None, ge=0, le=1, description="Of the model.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, prompt=("userPrompt", "input", "task", "query"), systemPrompt=("system", "instructions"),
            outputSchema=("responseFormat", "jsonSchema"), timeoutMs=("requestTimeoutMs",), **ASKING_SPELLINGS,
            maxIterations=("maxSteps", "max_iterations"), maxTotalTokens=("tokenBudget", "maxTokenBudget"),
            messages=("chatHistory",), maxDurationMs=("maxDuration",),
            threadId=("conversationId", "thread_id", "conversation_id"),
            stopTools=("stopOnTools",), stopPhrases=("stopSequences", "stopOn"),
        )  # fmt: skip
        if not isinstance(given, dict):
            return given
        schema = given.get("outputSchema")
        if isinstance(schema, Mapping) and isinstance(schema.get("schema"), Mapping):
            given["outputSchema"] = schema["schema"]
        return {name: value for name, value in given.items() if value not in (None, "")}

    @model_validator(mode="after")
    def _asks_something(self) -> AgentConfig:
        if not self.messages and self.prompt in (None, ""):
            raise ValueError("prompt: Required (or messages)")
        return self
