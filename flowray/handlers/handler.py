"""The contract of a node handler: what it is given, what it returns. To add a node type, start here.

A handler is stateless and may run in any lane and process. It declares its NodeType, receives a NodeInput whose config
is already resolved, and returns a NodeResult. Expected failures are ``NodeResult.failure(...)`` or a raised
FlowrayError; anything else it raises becomes NODE_FAILED.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel

from flowray.definition.node_type import NodeType
from flowray.engine.signals import Answer, NodeError, Signals, Usage, VariableOperation
from flowray.errors import ErrorCode
from flowray.expressions.names import Names
from flowray.expressions.template import DEFAULT_OPTIONS, FillOptions
from flowray.handlers.connections import Connection
from flowray.handlers.services import MemoryPlace, Services
from flowray.values import Json


class Cancellation:
    """Tells a running handler that its result is no longer wanted. Safe to share between threads."""

    def __init__(self) -> None:
        self._noticed: asyncio.Future[None] | None = None
        self._cancelled = False

    def cancel(self) -> None:
        """Ask the handler to stop. Call from the loop that runs the handler."""
        self._cancelled = True
        if self._noticed is not None and not self._noticed.done():
            self._noticed.set_result(None)

    @property
    def is_cancelled(self) -> bool:
        """True once ``cancel`` was called. Readable from any thread."""
        return self._cancelled

    @property
    def noticed(self) -> asyncio.Future[None]:
        """Done once cancelled. One for all who wait: not to be cancelled itself. Belongs to the loop of the handler."""
        if self._noticed is None:
            self._noticed = asyncio.get_running_loop().create_future()
            if self._cancelled:
                self._noticed.set_result(None)
        return self._noticed

    async def wait(self) -> None:
        """Return when cancelled."""
        await asyncio.shield(self.noticed)


def _ignore_token(text: str, tokens: int = 1) -> None:
    """Default of ``emit_token``: nobody listens."""


def _ignore_log(message: str, level: str = "info", **fields: Json) -> None:
    """Default of ``log``: nobody listens."""


def _hide_nothing(values: Iterable[str]) -> None:
    """Default of ``hide``: nothing is recorded."""


def system_now_ms() -> int:
    """Default of ``now_ms``: the system's clock, ms since the epoch, UTC."""
    return time.time_ns() // 1_000_000


class HandlerTable(Protocol):
    """Which handler runs which type: the registry, as handlers that run others see it."""

    def handler_for(self, type_name: str) -> NodeHandler: ...

    def is_known(self, type_name: str) -> bool: ...


@dataclass
class NodeInput:
    """Everything one attempt may read.

    ``config``: the node's config with templates filled in. ``raw_config``: as written. ``names``: the values that
    references resolve to, in order of priority; handlers that evaluate expressions of their own (JSONata, conditions)
    use it. ``idempotency_key`` is the same for every attempt whose predecessor's outcome is unknown (R31).
    ``deadline_ms``: ms since the epoch at which the attempt is stopped, or None.
    ``emit_token(text, tokens=1)`` streams; ``log(message, level="info", **fields)`` records a line. ``parsed`` is
    ``config`` as the node type's config model, once validated. ``now_ms`` is the clock; handlers read no other.
    ``timeout_ms`` bounds the attempt, or None. ``fill_options`` is how templates are read in this dialect, for
    handlers that fill some themselves. ``memory`` says what ``services.memory`` is to be asked for; None for an
    execution of no stored workflow. ``step``: how many steps of its own the node has done (``Signals.step``), the last
    of which has left ``journal``; ``answer``: what it has waited for since. ``files_of``: whose workspace
    ``services.files`` is to be asked for, that of the execution or of the first that called it. ``workspace_id``: whose
    connections it may use. ``hide(values)``: secrets that are to be masked in whatever is recorded of this attempt,
    beyond those of the lane. ``handlers``: those of all types, for a node that has others do its work.
    """

    execution_id: str
    instance: str
    node_id: str
    node_type: str
    config: dict[str, Any]
    names: Names
    services: Services
    raw_config: dict[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    node_name: str = ""
    workflow_name: str = ""
    dialect: str = "flowray"
    attempt: int = 1
    tries: int = 1
    idempotency_key: str = ""
    deadline_ms: int | None = None
    sentinel: str = ""
    round: int = 0
    stream_id: str = ""
    cancellation: Cancellation = field(default_factory=Cancellation)
    emit_token: Callable[..., None] = _ignore_token
    log: Callable[..., None] = _ignore_log
    parsed: BaseModel | None = None
    now_ms: Callable[[], int] = system_now_ms
    timeout_ms: int | None = None
    fill_options: FillOptions = DEFAULT_OPTIONS
    memory: MemoryPlace | None = None
    step: int = 0
    journal: Json = None
    answer: Answer | None = None
    handlers: HandlerTable | None = None
    files_of: str = ""
    workspace_id: str = "default"
    hide: Callable[[Iterable[str]], None] = _hide_nothing

    async def connection(self, name: str) -> Connection:
        """The workspace's connection of that name, ready to be used. Its secrets are hidden from then on in whatever is
        recorded of this attempt. Raises as ``Connections.get`` does.
        """
        found = await self.services.connections.get(self.workspace_id, name)
        self.hide(found.secrets.values())
        return found


@dataclass(frozen=True)
class Streaming:
    """What was streamed: the name of the stream, and its token usage."""

    stream_id: str
    usage: Usage | None = None


@dataclass(frozen=True)
class NodeResult:
    """What a handler returns. ``data`` is the node's output, any JSON."""

    success: bool = True
    data: Json = None
    error: NodeError | None = None
    signals: Signals = field(default_factory=Signals)
    streaming: Streaming | None = None
    variables: tuple[VariableOperation, ...] = ()
    usage: Usage | None = None

    @staticmethod
    def failure(
        code: ErrorCode | str,
        message: str,
        *,
        retryable: bool = False,
        retry_after_ms: int | None = None,
        details: Mapping[str, Any] | None = None,
        hint: str | None = None,
        usage: Usage | None = None,
    ) -> NodeResult:
        """A failed result. ``details`` is JSON; secrets in it are masked before it is recorded."""
        error = NodeError(
            message=message, code=str(code), retryable=retryable, retry_after_ms=retry_after_ms,
            details=dict(details or {}), hint=hint,
        )  # fmt: skip
        return NodeResult(success=False, error=error, usage=usage)


@runtime_checkable
class NodeHandler(Protocol):
    """A node type's behaviour. ``execute`` may be ``def`` (run in a thread) or ``async def``."""

    node_type: NodeType

    def can_handle(self, type_name: str) -> bool:
        """True if this handler runs nodes of that type. The registry asks in order; the first match wins."""
        ...

    def execute(self, node: NodeInput) -> Any:
        """Run one attempt; returns a NodeResult or an awaitable of one."""
        ...
