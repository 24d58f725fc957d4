"""The API over the in-process runtime, in a world that counts what it is asked: for runs of a part of a plan."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx

from flowray.api.app import create_app
from flowray.api.context import AppServices
from flowray.api.tokens import PublicTokens
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.registry import default_registry
from flowray.handlers.services import HttpRequest, HttpResponse
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.payloads.ids import payload_id
from flowray.runtime.local import LocalRuntime
from tests.fakes.services import ScriptedHttp, fake_services
from tests.runtime.workflows import definition


class KeptPayloads:
    """A payload store whose blobs a test can look at, and take away."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    def put(self, execution_id: str, key: str, data: bytes) -> str:
        put_id = payload_id(execution_id, data)
        self.blobs[put_id] = data
        return put_id

    def get(self, payload_id: str) -> bytes:
        if payload_id not in self.blobs:
            raise FlowrayError(ErrorCode.PAYLOAD_MISSING, f"there is no payload {payload_id!r}")
        return self.blobs[payload_id]

    def of(self, execution: Any) -> list[str]:
        """Ids of what an execution has here."""
        return [blob for blob in self.blobs if blob.startswith(f"{execution['id']}.")]


class World:
    """Answers GET /name with ``{"from": name}`` unless ``says`` has more for it, and 500 while it is ``broken``."""

    def __init__(self, http: httpx.AsyncClient, payloads: KeptPayloads) -> None:
        self.http = http
        self.payloads = payloads
        self.broken: set[str] = set()
        self.says: dict[str, Any] = {}
        self.asked: list[str] = []

    def answer(self, request: HttpRequest) -> HttpResponse:
        """What the world says."""
        name = urlsplit(request.url).path.strip("/")
        self.asked.append(name)
        body = json.dumps(self.says.get(name, {"from": name})).encode()
        status = 500 if name in self.broken else 200
        headers = {"content-type": "application/json"}
        return HttpResponse(status=status, reason="", headers=headers, content=body, url=request.url, elapsed_ms=1)

    def was_asked(self) -> list[str]:
        """What was asked since the last look."""
        asked, self.asked = self.asked, []
        return asked

    async def run(self, document: dict[str, Any], inputs: dict[str, Any] | None = None, **options: Any) -> Any:
        """An ended execution of a definition."""
        body = {"definition": document, "inputs": inputs or {}, "options": options}
        answer = await self.http.post("/v1/executions?wait=30", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def rerun(self, execution: Any, status: int = 200, **body: Any) -> Any:
        """The ended rerun of an execution, or the problem if ``status`` is one."""
        answer = await self.http.post(f"/v1/executions/{execution['id']}/rerun?wait=30", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def output(self, execution: Any, instance: str) -> Any:
        """The whole output of a node."""
        answer = await self.http.get(f"/v1/executions/{execution['id']}/nodes/{instance}/output")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def lanes(self, execution: Any) -> dict[str, str]:
        """Where each node ran."""
        rows = (await self.http.get(f"/v1/executions/{execution['id']}/nodes?limit=500")).json()["data"]
        return {row["instance"]: row["lane"] for row in rows if row["status"] != "skipped"}


@asynccontextmanager
async def open_world() -> AsyncIterator[World]:
    """A running app and its world."""
    store, kept = MemoryStore(), KeptPayloads()
    worlds: list[World] = []
    services = fake_services(http=ScriptedHttp(lambda request: worlds[0].answer(request)))
    registry = default_registry(plugins=False)
    runtime = LocalRuntime(
        store, store, kept, registry, lambda payloads: fake_services(http=services.http, payloads=payloads)
    )
    runtime.start_threads()
    app = create_app(AppServices(runtime, registry, PublicTokens("x" * 16)))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://flowray", timeout=60) as client:
            worlds.append(World(client, kept))
            yield worlds[0]
    await runtime.close()


def asks(name: str, **config: Any) -> dict[str, Any]:
    """A node that asks the world."""
    return {"type": "http", "config": {"method": "GET", "url": f"http://world/{name}", "failOnStatus": True, **config}}


def says(template: Any, name: str = "y") -> dict[str, Any]:
    """An output node."""
    return {"type": "output", "config": {"outputName": name, "value": template}}


INPUT = {"type": "input", "config": {"inputName": "x"}}


def chain() -> dict[str, Any]:
    """in → a → b → out, each of a and b asking the world; out says what all gave."""
    nodes = {"in": INPUT, "a": asks("a"), "b": asks("b"), "out": says("{{x}} {{a.data.from}} {{b.data.from}}")}
    return definition(nodes, "in -> a", "a -> b", "b -> out")
