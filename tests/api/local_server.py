"""The API over the in-process runtime: real engine, handlers and driver. No Ray, no socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import httpx
import pytest

from flowray.api.app import create_app
from flowray.api.context import AppServices
from flowray.api.tokens import PublicTokens
from flowray.handlers.registry import default_registry
from flowray.persistence.memory.store import MemoryStore
from flowray.runtime.local import LocalRuntime
from tests.fakes.services import fake_services

INPUT: dict[str, Any] = {"type": "input", "config": {}}


def output(value: str) -> dict[str, Any]:
    """An output node."""
    return {"type": "output", "config": {"outputName": "y", "value": value, "format": "json"}}


class LocalServer:
    """The API with what tests ask it most."""

    def __init__(self, http: httpx.AsyncClient, runtime: LocalRuntime) -> None:
        self.http = http
        self.runtime = runtime

    async def start(self, definition: dict[str, Any], inputs: dict[str, Any] | None = None) -> str:
        """Start an inline definition; returns its id."""
        answer = await self.http.post("/v1/executions", json={"definition": definition, "inputs": inputs or {}})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    async def get(self, execution_id: str) -> dict[str, Any]:
        """The execution."""
        found: dict[str, Any] = (await self.http.get(f"/v1/executions/{execution_id}")).json()
        return found

    async def until(self, execution_id: str, wanted: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """The execution once it is as wanted: looked at after each of its commits."""
        async with asyncio.timeout(60), aclosing(self.runtime.follow(execution_id)) as commits:  # type: ignore[type-var]
            async for _ in commits:
                if wanted(found := await self.get(execution_id)):
                    return found
        found = await self.get(execution_id)
        assert wanted(found), found
        return found

    async def with_status(self, execution_id: str, *statuses: str) -> dict[str, Any]:
        """The execution once it has one of these statuses."""
        return await self.until(execution_id, lambda found: found["status"] in statuses)

    async def complete(self, token: str, data: Any) -> httpx.Response:
        """Answer a waitpoint."""
        return await self.http.post(f"/v1/waitpoints/{token}/complete", json={"data": data})


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    """One for a test."""
    store = MemoryStore()
    registry = default_registry(plugins=False)
    runtime = LocalRuntime(store, store, store.payloads, registry, lambda payloads: fake_services(payloads=payloads))
    runtime.start_threads()
    app = create_app(AppServices(runtime, registry, PublicTokens("x" * 16)))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://flowray") as client,
    ):
        yield LocalServer(client, runtime)
    await runtime.close()
