"""Services for unit tests: everything in memory, everything scripted, nothing outside the process."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowray.errors import ErrorCode, FlowrayError
from flowray.expressions.names import Names
from flowray.handlers.handler import NodeInput
from flowray.handlers.killable import KILLABLE_MS, guarded
from flowray.handlers.services import ChatChunk, ChatRequest, HttpRequest, HttpResponse, Services
from flowray.runtime.sandbox.inline_sandbox import InlineSandbox
from flowray.values import Json, decode_json
from tests.fakes.workspace import MemoryWorkspace

NOW_MS = 1_750_000_000_000
"""2025-06-15T15:06:40Z."""


class MemoryPayloads:
    """Payloads in a dict; ``loads`` counts reads."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.loads: list[str] = []

    async def load(self, payload_id: str) -> Json:
        self.loads.append(payload_id)
        if payload_id not in self.blobs:
            raise FlowrayError(ErrorCode.PAYLOAD_MISSING, f"no payload {payload_id}")
        return decode_json(self.blobs[payload_id])

    async def store(self, execution_id: str, key: str, encoded: bytes) -> str:
        payload_id = f"{execution_id}.{hashlib.sha256(encoded).hexdigest()[:16]}"
        self.blobs[payload_id] = encoded
        return payload_id


class CalledHere:
    """KillableCalls without a process; ``called`` has the names of the functions."""

    def __init__(self) -> None:
        self.called: list[str] = []

    async def call(self, function: Callable[..., Any], *arguments: Any, timeout_ms: int = KILLABLE_MS) -> Any:
        self.called.append(function.__name__)
        return guarded(function, arguments)


@dataclass
class ScriptedHttp:
    """Answers requests by a function; keeps them."""

    answer: Callable[[HttpRequest], HttpResponse]
    sent: list[HttpRequest] = field(default_factory=list)

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.sent.append(request)
        return self.answer(request)


@dataclass
class ScriptedChat:
    """Streams given chunks, then raises ``error`` if there is one; keeps requests and whether streams were closed."""

    chunks: Sequence[ChatChunk] = ()
    error: Exception | None = None
    asked: list[ChatRequest] = field(default_factory=list)
    closed: int = 0

    async def stream(self, request: ChatRequest) -> AsyncIterator[ChatChunk]:
        self.asked.append(request)
        try:
            for chunk in self.chunks:
                yield chunk
            if self.error is not None:
                raise self.error
        finally:
            self.closed += 1


def _unexpected(request: HttpRequest) -> HttpResponse:
    raise AssertionError(f"unexpected request to {request.url}")


def fake_services(**given: Any) -> Services:
    """Services of fakes; ``given`` replaces any of them."""
    parts: dict[str, Any] = {
        "http": ScriptedHttp(_unexpected),
        "chat": ScriptedChat(),
        "sandbox": InlineSandbox(),
        "payloads": MemoryPayloads(),
        "files": MemoryWorkspace(),
        "killable": CalledHere(),
    }
    return Services(**{**parts, **given})


def node_input(
    config: Mapping[str, Any],
    *,
    node_type: str = "test",
    names: Names | None = None,
    services: Services | None = None,
    **more: Any,
) -> NodeInput:
    """A NodeInput whose config counts as resolved already, at a fixed time."""
    return NodeInput(
        execution_id="e1", instance="n1", node_id="n1", node_type=node_type, config=dict(config),
        raw_config=dict(config), names=names or Names(), services=services or fake_services(), now_ms=lambda: NOW_MS,
        **more,
    )  # fmt: skip
