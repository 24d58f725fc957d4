"""Workflows that begin at triggers, and calls about them, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from flowray.api.app import create_app
from flowray.api.context import ApiContext, AppServices
from flowray.api.tokens import PublicTokens
from flowray.handlers.registry import default_registry
from flowray.persistence.memory.store import MemoryStore
from flowray.runtime.local import LocalRuntime
from tests.api.local_server import LocalServer, output
from tests.fakes.services import fake_services
from tests.integration.definitions import workflow

HELLO: dict[str, Any] = {
    "schemaVersion": 1,
    "name": "hello",
    "nodes": {
        "in": {"type": "input", "config": {}},
        "out": {"type": "output", "config": {"outputName": "y", "value": "Hello {{name}}"}},
    },
    "edges": [{"source": "in", "target": "out"}],
}


def triggered(value: str = "{{start}}", **config: Any) -> dict[str, Any]:
    """A workflow that begins at the trigger node ``start`` and puts out ``value``."""
    nodes = {"start": {"type": "trigger", "name": "The start", "config": config}, "out": output(value)}
    return workflow("triggered", nodes, [("start", "out")])


async def saved(server: LocalServer, definition: dict[str, Any] = HELLO) -> str:
    """The id of a saved workflow."""
    answer = await server.http.post("/v1/workflows", json=definition)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def created(
    server: LocalServer, kind: str, config: dict[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    """A trigger of a saved workflow."""
    if "workflow_id" not in fields:
        fields["workflow_id"] = await saved(server)
    body = {"kind": kind, "config": config or {}, **fields}
    answer = await server.http.post("/v1/triggers", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def outputs(server: LocalServer, answer: httpx.Response) -> Any:
    """What the execution that an answer names has put out."""
    body = answer.json()
    done = await server.with_status(body.get("execution_id") or body["id"], "completed", "failed")
    assert done["status"] == "completed", done["error"]
    return done["outputs"]


async def history(server: LocalServer, trigger_id: str) -> list[dict[str, Any]]:
    """Its firings, oldest first."""
    answer = await server.http.get(f"/v1/triggers/{trigger_id}/history")
    assert answer.status_code == 200, answer.text
    return list(reversed(answer.json()["data"]))


@asynccontextmanager
async def app_over(
    store: MemoryStore, *, runs_schedules: bool = False
) -> AsyncIterator[tuple[LocalServer, ApiContext]]:
    """An app with a runtime of its own over a store that several may share."""
    registry = default_registry(plugins=False)
    runtime = LocalRuntime(store, store, store.payloads, registry, lambda payloads: fake_services(payloads=payloads))
    runtime.start_threads()
    app = create_app(AppServices(runtime, registry, PublicTokens("x" * 16), runs_schedules=runs_schedules))
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://f") as client:
        yield LocalServer(client, runtime), app.state.context
    await runtime.close()
