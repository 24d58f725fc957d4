"""The API over the in-process runtime on a real database, which can be stopped and taken up again. No Ray."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
from sqlalchemy import Engine

from flowray.api.app import create_app
from flowray.api.context import AppServices
from flowray.api.tokens import PublicTokens
from flowray.handlers.registry import NodeRegistry, default_registry
from flowray.persistence.database.engine import open_database
from flowray.persistence.migrations import upgrade
from flowray.persistence.payloads.database import DatabasePayloads
from flowray.persistence.sql.committer import SqlCommitter
from flowray.persistence.sql.reader import SqlReader
from flowray.runtime.local import LocalRuntime
from tests.api.local_server import LocalServer
from tests.fakes.services import fake_services
from tests.integration.definitions import workflow

INPUT: dict[str, Any] = {"type": "input", "config": {}}


def output(value: str = "{{w}}") -> dict[str, Any]:
    return {"type": "output", "config": {"outputName": "y", "value": value, "format": "json"}}


def waits_for(**config: Any) -> dict[str, Any]:
    """A wait node for somebody else's word."""
    return {"type": "wait", "config": config}


SHARED = workflow(
    "shared",
    {"in": INPUT, "w": waits_for(waitType="waitpoint", token="{{token}}"), "out": output()},
    [("in", "w"), ("w", "out")],
)
"""Waits for the shared waitpoint whose token it is given."""

PAUSE = workflow(
    "pause",
    {"in": INPUT, "w": {"type": "pause", "config": {"prompt": "ok?"}}, "out": output()},
    [("in", "w"), ("w", "out")],
)
"""Waits for a person."""


class House(LocalServer):
    """A LocalServer on a database, with other lives before and after it."""

    def __init__(self, url: str, stack: AsyncExitStack, registry: NodeRegistry | None = None) -> None:
        self.url = url
        self._stack = stack
        self._registry = registry or default_registry(plugins=False)
        self._engines: list[Engine] = []

    async def open(self) -> None:
        """Begin a life."""
        engine = open_database(self.url)
        self._engines.append(engine)
        upgrade(engine)
        committer = SqlCommitter(engine)
        payloads = DatabasePayloads(engine, committer.commit)
        runtime = LocalRuntime(
            committer, SqlReader(engine), payloads, self._registry, lambda given: fake_services(payloads=given)
        )
        runtime.start_threads()
        app = create_app(AppServices(runtime, self._registry, PublicTokens("x" * 16)))
        await self._stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(app, client=("10.0.0.9", 1))
        http = httpx.AsyncClient(transport=transport, base_url="http://flowray", timeout=60)
        super().__init__(await self._stack.enter_async_context(http), runtime)

    async def restart(self) -> None:
        """Stop driving, forget everything, and begin again with what is in the database."""
        await self.runtime.close()
        await self.open()

    async def close(self) -> None:
        """End the life and all before it."""
        await self.runtime.close()
        for engine in self._engines:
            engine.dispose()

    async def create(self, **body: Any) -> dict[str, Any]:
        """A shared waitpoint."""
        answer = await self.http.post("/v1/waitpoints", json=body)
        assert answer.status_code in (200, 201), answer.text
        created: dict[str, Any] = answer.json()
        return created

    async def waiting(self, execution_id: str, count: int = 1) -> list[dict[str, Any]]:
        """What it waits for, once it waits for so many."""
        found = await self.until(
            execution_id, lambda now: len(now["waiting_for"]) == count or now["status"] in ("failed", "crashed")
        )
        assert len(found["waiting_for"]) == count, found
        waits: list[dict[str, Any]] = found["waiting_for"]
        return waits

    async def done(self, execution_id: str) -> Any:
        """Its output, once it has ended well."""
        found = await self.with_status(execution_id, "completed", "failed", "cancelled", "crashed")
        assert found["status"] == "completed", found["error"]
        return found["outputs"]["y"]

    async def events(self, execution_id: str, *types: str) -> list[dict[str, Any]]:
        """Its log, or those of these types."""
        answer = await self.http.get(
            f"/v1/executions/{execution_id}/events?limit=1000", headers={"Accept": "application/json"}
        )
        return [event for event in answer.json()["data"] if not types or event["type"] in types]


@asynccontextmanager
async def house_on(url: str, registry: NodeRegistry | None = None) -> AsyncIterator[House]:
    """A house on a new database."""
    async with AsyncExitStack() as stack:
        house = House(url, stack, registry)
        await house.open()
        try:
            yield house
        finally:
            await asyncio.shield(house.close())
