"""Knowledge bases over HTTP, on the in-process runtime."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from flowray import wire
from flowray.api.app import create_app
from flowray.api.context import AppServices
from flowray.api.tokens import PublicTokens
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.registry import default_registry
from flowray.persistence.memory.store import MemoryStore
from flowray.runtime.local import LocalRuntime
from tests.api.local_server import LocalServer
from tests.fakes.knowledge import WordModels
from tests.fakes.services import fake_services

DOCUMENTS = [
    {"name": "lamp.md", "content": "The lamp {{is}} red.", "metadata": {"page": 3}},
    {"name": "a/chair.md", "content": "A chair of oak wood."},
]


class BrokenModels(WordModels):
    """Answers until ``broken`` is set."""

    broken = False

    async def embed(self, *args: Any, **more: Any) -> Any:
        if self.broken:
            raise FlowrayError(ErrorCode.PROVIDER_AUTH, "wrong key", details={"status": 401})
        return await super().embed(*args, **more)


@pytest.fixture
def models() -> BrokenModels:
    return BrokenModels()


@pytest.fixture
async def bases(models: BrokenModels) -> AsyncIterator[LocalServer]:
    store, registry = MemoryStore(), default_registry(plugins=False)
    runtime = LocalRuntime(
        store, store, store.payloads, registry, lambda payloads: fake_services(payloads=payloads, models=models)
    )  # fmt: skip
    runtime.start_threads()
    app = create_app(AppServices(runtime, registry, PublicTokens("x" * 16)))
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://f") as client:
        yield LocalServer(client, runtime)
    await runtime.close()


async def _fill(bases: LocalServer) -> dict[str, Any]:
    started = await bases.http.post("/v1/knowledge-bases/shop/documents", json={"documents": DOCUMENTS})
    assert started.status_code == 202, started.text
    execution = wire.ExecutionStarted.model_validate(started.json())
    return await bases.with_status(execution.id, "completed", "failed")


async def test_documents_are_put_listed_found_and_removed(bases: LocalServer) -> None:
    execution = await _fill(bases)
    assert execution["status"] == "completed", execution
    assert execution["outputs"]["result"]["chunkCount"] == 2
    listed = (await bases.http.get("/v1/knowledge-bases/shop/documents")).json()["data"]
    assert [(row["name"], row["chunks"], row["metadata"]) for row in listed] == [
        ("a/chair.md", 1, {}), ("lamp.md", 1, {"page": 3}),
    ]  # fmt: skip
    answer = await bases.http.post("/v1/knowledge-bases/shop/query", json={"query": "red {{lamp}}", "top_k": 1})
    assert answer.status_code == 200, answer.text
    (passage,) = wire.KnowledgeAnswer.model_validate(answer.json()).results
    assert (passage.content, passage.document_name, passage.metadata) == (
        "The lamp {{is}} red.", "lamp.md", {"page": 3},
    )  # fmt: skip
    assert answer.json()["query"] == "red {{lamp}}"
    assert (await bases.http.delete("/v1/knowledge-bases/shop/documents/a/chair.md")).status_code == 204
    base = (await bases.http.get("/v1/knowledge-bases/shop")).json()
    assert (base["documents"], base["chunks"], base["dimensions"]) == (1, 1, 256)


async def test_a_base_is_made_listed_and_deleted(bases: LocalServer) -> None:
    made = await bases.http.put("/v1/knowledge-bases/docs", json={"name": "Docs", "model": "m"})
    assert made.status_code == 200, made.text
    again = await bases.http.put("/v1/knowledge-bases/docs")
    for answer in (made, again):
        base = wire.KnowledgeBase.model_validate(answer.json())
        assert (base.id, base.name, base.model, base.documents) == ("docs", "Docs", "m", 0)
    page = wire.KnowledgeBasePage.model_validate((await bases.http.get("/v1/knowledge-bases")).json())
    assert [base.id for base in page.data] == ["docs"]
    for _ in range(2):
        assert (await bases.http.delete("/v1/knowledge-bases/docs")).status_code == 204
    assert (await bases.http.get("/v1/knowledge-bases/docs")).json()["code"] == "NOT_FOUND"


async def test_what_is_not_there_or_does_not_fit(bases: LocalServer) -> None:
    query = await bases.http.post("/v1/knowledge-bases/none/query", json={"query": "x"})
    assert (query.status_code, query.json()["code"]) == (404, "NOT_FOUND")
    assert (await bases.http.get("/v1/knowledge-bases/none/documents")).status_code == 404
    sizes = {"documents": DOCUMENTS, "chunk_size": 10, "chunk_overlap": 10}
    for body in ({}, {"documents": []}, {"documents": [{"name": "a"}]}, sizes):
        answer = await bases.http.post("/v1/knowledge-bases/shop/documents", json=body)
        assert answer.json()["code"] == "INVALID_REQUEST", body


async def test_the_error_of_the_model_is_the_querys(bases: LocalServer, models: BrokenModels) -> None:
    await _fill(bases)
    models.broken = True
    answer = await bases.http.post("/v1/knowledge-bases/shop/query", json={"query": "lamp"})
    assert (answer.json()["code"], "wrong key" in answer.text) == ("PROVIDER_AUTH", True)
