"""An app over a fake runtime, and a client that talks to it without a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from flowray.api.app import create_app
from flowray.api.context import ApiContext, ApiOptions, AppServices
from flowray.api.tokens import PublicTokens
from flowray.handlers.registry import default_registry
from tests.api.fake_directory import NOW_MS, FakeDirectory, complete
from tests.api.local_server import server

__all__ = ["server"]

GREET: dict[str, Any] = {
    "schemaVersion": 1,
    "name": "greet",
    "nodes": {
        "in": {"type": "input", "config": {"inputName": "name", "required": True}},
        "out": {"type": "output", "config": {"outputName": "greeting", "value": "Hello {{name}}"}},
    },
    "edges": [{"source": "in", "target": "out"}],
}
"""A workflow with one required input."""


@pytest.fixture
def directory() -> FakeDirectory:
    """Executions end at once; set ``on_start`` to None to play them by hand."""
    return FakeDirectory(complete)


@pytest.fixture
def options() -> ApiOptions:
    return ApiOptions(max_body_bytes=64 * 1024, stream_silence_s=0.0, batch_chunk_rows=3, max_batch_rows=10)


@pytest.fixture
async def app(directory: FakeDirectory, options: ApiOptions) -> AsyncIterator[FastAPI]:
    services = AppServices(
        directory=directory,
        registry=default_registry(plugins=False),
        tokens=PublicTokens("a secret of the tests"),
        options=options,
        info={"proxy_mode": "none"},
        now_ms=lambda: NOW_MS,
    )
    app = create_app(services)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
def context(app: FastAPI) -> ApiContext:
    found: ApiContext = app.state.context
    return found


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://flowray") as client:
        yield client


@pytest.fixture
async def workflow(http: httpx.AsyncClient) -> dict[str, Any]:
    """GREET, saved."""
    answer = await http.post("/v1/workflows", json=GREET)
    assert answer.status_code == 201, answer.text
    saved: dict[str, Any] = answer.json()
    return saved


def frames(text: str) -> list[tuple[str | None, str, Any]]:
    """``(id, event, data)`` of each frame of a stream; comments are left out."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if "event" in fields:
            found.append((fields.get("id"), fields["event"], _json(fields["data"])))
    return found


def _json(text: str) -> Any:
    return httpx.Response(200, content=text).json()
