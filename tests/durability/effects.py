"""The outer world of the fault scenarios: an HTTP receiver that appends each call to a file before it answers, and a
language model that says what it is told to, at the pace it is told.

The file is the evidence: what stands in it has happened, whoever is killed next.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.fakes.loopback import loopback_server

POLL_S = 0.005
EVENT_STREAM = "text/event-stream"


@dataclass(frozen=True)
class Effect:
    """One call: under which name, and with which ``Idempotency-Key``, which is ``execution:instance:try`` (R31)."""

    name: str
    key: str

    @property
    def execution_id(self) -> str:
        """Whose effect it is."""
        return self.key.partition(":")[0]

    @property
    def instance(self) -> str:
        """Which node instance had it."""
        return self.key.partition(":")[2].rpartition(":")[0]

    @property
    def tries(self) -> int:
        """Under which try of the author's policy, in its step if the node works in steps."""
        return int(self.key.rpartition(":")[2].rpartition(".")[2])


class Effects:
    """What has happened, and gates that hold calls back after they have been counted.

    ``witness(effect)`` is called in a thread for each call, before it is answered, with what has been appended.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._open: set[str] = set()
        self.speeches: dict[str, Speech] = {}
        self.base_url = ""
        self.witness: Callable[[Effect], None] | None = None

    def url(self, name: str, *, ms: int = 0, gate: str = "", status: int = 200, failing: int = 0) -> str:
        """Where to call. It is answered after ``ms``, and not before ``gate`` is open; with ``status``, or with a 503
        for the first ``failing`` calls of that name.
        """
        return f"{self.base_url}/effect/{name}?ms={ms}&gate={gate}&status={status}&failing={failing}"

    def open(self, gate: str) -> None:
        """Let calls through, now and later."""
        self._open.add(gate)

    def all(self) -> list[Effect]:
        """Every call in the order in which they came."""
        if not self._file.exists():
            return []
        with self._file.open() as lines:
            return [Effect(**json.loads(line)) for line in lines]

    def of(self, name: str) -> list[Effect]:
        """The calls of one name."""
        return [effect for effect in self.all() if effect.name == name]

    def counts(self, prefix: str = "") -> dict[str, int]:
        """How often each name that begins so was called, without the prefix."""
        return dict(
            Counter(effect.name.removeprefix(prefix) for effect in self.all() if effect.name.startswith(prefix))
        )

    async def receive(self, request: Request) -> Response:
        """Count, then wait, then answer."""
        asked = request.query_params
        effect = Effect(request.path_params["name"], request.headers.get("idempotency-key", ""))
        self._append(effect)
        if self.witness is not None:
            await asyncio.to_thread(self.witness, effect)
        count = len(self.of(effect.name)) if int(asked.get("failing", "0")) else 0
        await asyncio.sleep(int(asked.get("ms", "0")) / 1000)
        if not await self._passed(asked.get("gate", ""), request):
            return Response(status_code=499)
        if 0 < count <= int(asked.get("failing", "0")):
            return JSONResponse({"name": effect.name}, status_code=503)
        return JSONResponse({"name": effect.name}, status_code=int(asked.get("status", "200")))

    def _append(self, effect: Effect) -> None:
        with os.fdopen(os.open(self._file, os.O_CREAT | os.O_APPEND | os.O_WRONLY), "w") as file:
            file.write(json.dumps({"name": effect.name, "key": effect.key}) + "\n")

    async def _passed(self, gate: str, request: Request) -> bool:
        """Wait for a gate; False if the caller left meanwhile."""
        while gate and gate not in self._open:
            if await request.is_disconnected():
                return False
            await asyncio.sleep(POLL_S)
        return True

    async def speak(self, request: Request) -> Response:
        """A chat completion, streamed: the speech of the prompt's name."""
        body = await request.json()
        name = str(body["messages"][-1]["content"])
        self._append(Effect(name, request.headers.get("idempotency-key", "")))
        return StreamingResponse(self._said(self.speeches[name], len(self.of(name)), request), media_type=EVENT_STREAM)

    async def _said(self, speech: Speech, asked: int, request: Request) -> AsyncIterator[str]:
        yield _chunk({"role": "assistant", "content": ""})
        for number, piece in enumerate(speech.pieces):
            if number == speech.gate_at:
                await self._passed(speech.gate, request)
            if number == speech.cut_at and asked <= speech.cuts:
                raise ConnectionResetError("cut off as asked")
            if speech.ms:
                await asyncio.sleep(speech.ms / 1000)
            yield _chunk({"content": piece})
        yield _chunk({}, "stop")
        yield "data: [DONE]\n\n"


@dataclass(frozen=True)
class Speech:
    """What a model says to one prompt: ``pieces``, one every ``ms``; before the piece number ``gate_at`` it waits for
    ``gate``. Its connection breaks before the piece number ``cut_at``, the first ``cuts`` times that it is asked.
    """

    pieces: Sequence[str]
    ms: float = 0
    gate: str = ""
    gate_at: int = 0
    cut_at: int = 0
    cuts: int = 0


def _chunk(delta: dict[str, str], finish: str | None = None) -> str:
    head = {"id": "chatcmpl-0", "object": "chat.completion.chunk", "created": 0, "model": "told"}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return f"data: {json.dumps({**head, 'choices': [choice]})}\n\n"


@contextmanager
def receiving(folder: Path) -> Iterator[Effects]:
    """A receiver on a port of its own that appends to a file in ``folder``."""
    effects = Effects(folder / "effects.jsonl")
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    routes = [
        Route("/effect/{name}", effects.receive, methods=methods),
        Route("/v1/chat/completions", effects.speak, methods=["POST"]),
    ]
    app = Starlette(routes=routes)
    with loopback_server(app) as url:
        effects.base_url = url
        yield effects


__all__ = ["Effect", "Effects", "Speech", "receiving"]
