"""Interfaces of the outer world that handlers use. Implementations live in providers/; a lane builds them once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import msgspec

from flowray.engine.shared_memory import SharedEntry
from flowray.engine.signals import Usage
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.answers import Answers, MemoryAnswers
from flowray.handlers.circuit_breaker import CircuitBreakers
from flowray.handlers.connections import Connections, NoConnections
from flowray.handlers.databases import Databases, NoDatabases
from flowray.handlers.killable import KillableCalls, NoKillableCalls
from flowray.handlers.knowledge_bases import Knowledge, NoKnowledge
from flowray.handlers.mailing import MailSender, NoMailSender
from flowray.handlers.masking import secret_values
from flowray.handlers.mcp import McpTools, NoMcpTools
from flowray.handlers.model_calls import Models, NoModels
from flowray.handlers.operations import Integrations, NoIntegrations
from flowray.handlers.prices import Prices
from flowray.handlers.programs import ProgramRunner
from flowray.handlers.search import NoWebSearch, WebSearch
from flowray.handlers.workspace import NoReadRoots, NoWorkspace, ReadRoots, Workspace
from flowray.values import Json


@dataclass(frozen=True)
class HttpRequest:
    """One outgoing request. ``timeout_ms`` bounds connect, send and receive together."""

    method: str
    url: str
    headers: Sequence[tuple[str, str]] = ()
    params: Sequence[tuple[str, str]] = ()
    content: bytes | None = None
    timeout_ms: int = 30_000
    follow_redirects: bool = True


@dataclass(frozen=True)
class HttpResponse:
    """The answer, read whole. ``elapsed_ms`` from the first byte sent to the last received."""

    status: int
    reason: str
    headers: Mapping[str, str]
    content: bytes
    url: str
    elapsed_ms: int


class HttpTransport(Protocol):
    """Sends HTTP requests. Raises FlowrayError PROVIDER_UNREACHABLE, PROVIDER_TIMEOUT, HTTP_ERROR or FORBIDDEN."""

    async def send(self, request: HttpRequest) -> HttpResponse: ...


@dataclass(frozen=True)
class ChatRequest:
    """One chat completion. ``messages`` in OpenAI's shape; ``provider`` names a configured endpoint.

    An empty ``provider`` or ``model`` means the default one.
    """

    model: str
    messages: Sequence[Mapping[str, Any]]
    provider: str = "openai"
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    response_format: Mapping[str, Any] | None = None
    tools: Sequence[Mapping[str, Any]] | None = None
    tool_choice: Any = None
    stop: Sequence[str] | None = None
    base_url: str | None = None
    api_key: str | None = None
    timeout_ms: int = 600_000
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ChatChunk:
    """A piece of a streamed completion. Text pieces first; the last chunk carries ``finish_reason`` and ``usage``.

    ``thinking`` is what the model says to itself, before or between pieces. ``provider`` is the name of the endpoint
    that answered, where the request left it open.
    """

    text: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    tool_calls: Sequence[Mapping[str, Any]] = ()
    model: str | None = None
    provider: str | None = None
    thinking: str = ""


class ChatModel(Protocol):
    """Language models behind OpenAI-compatible endpoints. Errors are FlowrayError PROVIDER_* with retry hints."""

    def stream(self, request: ChatRequest) -> AsyncIterator[ChatChunk]:
        """Stream a completion; closing the iterator closes the connection."""
        ...


class Sandbox(ProgramRunner, Protocol):
    """Evaluates untrusted expressions, and runs programs, in killable processes with limits."""

    async def jsonata(self, expression: str, data: Json, bindings: Mapping[str, Json], timeout_ms: int) -> Json:
        """Raises FlowrayError EXPRESSION_ERROR or EXPRESSION_TIMEOUT."""
        ...

    async def javascript(self, function: str, arguments: Sequence[Json], timeout_ms: int) -> Json:
        """Call a JavaScript function expression with JSON arguments. Raises as ``jsonata`` does."""
        ...


class Payloads(Protocol):
    """Large values by reference (R36)."""

    async def load(self, payload_id: str) -> Json:
        """Raises FlowrayError PAYLOAD_MISSING."""
        ...

    async def store(self, execution_id: str, key: str, encoded: bytes) -> str:
        """Keep encoded JSON durably; returns its payload id. Safe to repeat: the same bytes give the same id."""
        ...


class MemoryPlace(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whose memory: that of a stored workflow. The limits are its definition's, in bytes of UTF-8 JSON."""

    workflow_id: str
    workspace_id: str = "default"
    max_entries: int = 1_000
    max_value_bytes: int = 100 * 1024
    max_total_bytes: int = 10 * 1024 * 1024


@dataclass(frozen=True)
class MemoryView:
    """What was asked for of a workflow's memory, and how much there is in all."""

    entries: Mapping[str, SharedEntry]
    count: int
    bytes: int


class WorkflowMemory(Protocol):
    """The memory that all executions of a workflow share (R17). Read here; changes ride in a node's result."""

    async def read(self, place: MemoryPlace, key: str | None = None) -> MemoryView:
        """The entry ``key``, or all of them, as committed now. Raises FlowrayError DATABASE_UNAVAILABLE."""
        ...


class NoWorkflowMemory:
    """Of a lane that was given none."""

    async def read(self, place: MemoryPlace, key: str | None = None) -> MemoryView:
        raise FlowrayError(ErrorCode.CONFIGURATION, "this lane has no access to the memory of workflows")


async def _nothing_to_do() -> None:
    """Default of ``warm_up`` and ``close``."""


@dataclass(frozen=True)
class Services:
    """What a lane gives to the handlers it runs. ``env`` is the allow-listed environment (R7, security); neither it nor
    ``secrets`` changes while the lane lives.

    ``warm_up`` loads what the first calls would otherwise wait for; a long-lived lane awaits it once, beside its work.
    ``close`` ends connections and processes, on the loop that used them.
    """

    http: HttpTransport
    chat: ChatModel
    sandbox: Sandbox
    payloads: Payloads
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    memory: WorkflowMemory = field(default_factory=NoWorkflowMemory)
    mcp: McpTools = field(default_factory=NoMcpTools)
    files: Workspace = field(default_factory=NoWorkspace)
    read_roots: ReadRoots = field(default_factory=NoReadRoots)
    connections: Connections = field(default_factory=NoConnections)
    databases: Databases = field(default_factory=NoDatabases)
    integrations: Integrations = field(default_factory=NoIntegrations)
    models: Models = field(default_factory=NoModels)
    knowledge: Knowledge = field(default_factory=NoKnowledge)
    breakers: CircuitBreakers = field(default_factory=CircuitBreakers)
    prices: Prices = field(default_factory=Prices)
    answers: Answers = field(default_factory=MemoryAnswers)
    killable: KillableCalls = field(default_factory=NoKillableCalls)
    search: WebSearch = field(default_factory=NoWebSearch)
    mail: MailSender = field(default_factory=NoMailSender)
    mail_from: str | None = None
    warm_up: Callable[[], Awaitable[None]] = _nothing_to_do
    close: Callable[[], Awaitable[None]] = _nothing_to_do

    @cached_property
    def hidden(self) -> tuple[str, ...]:
        """The values that nothing recorded may show. Found once: every attempt asks."""
        return secret_values(self.secrets, self.env)
