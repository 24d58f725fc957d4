"""A receiver of callbacks: answers as it is told, and remembers what came."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@dataclass(frozen=True)
class Received:
    """One delivery."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The event's id."""
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        """What it says."""
        return json.loads(self.body)


@dataclass
class Receiver:
    """Answers each delivery with the next status, the last one for ever; after ``delay_s``, if that is set."""

    statuses: Iterable[int] = (200,)
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    received: list[Received] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._answers = list(self.statuses)
        self._lock = threading.Lock()

    @property
    def app(self) -> Starlette:
        """For a loopback server; takes POSTs to ``/hook``."""
        return Starlette(routes=[Route("/hook", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        body = await request.body()
        with self._lock:
            self.received.append(Received(dict(request.headers), body))
            status = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        return Response(status_code=status, headers=self.headers)
