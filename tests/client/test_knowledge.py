"""Knowledge bases through both clients."""

from __future__ import annotations

import inspect
import json
from typing import Any

import httpx

from flowray.client import AsyncClient, Client
from flowray.client.knowledge import AsyncKnowledge, Knowledge
from tests.client.answers import started

TIME = "2025-06-15T15:06:40Z"
BASE: dict[str, Any] = {
    "id": "a/b", "name": "A", "provider": "", "model": "", "dimensions": 2, "created_at": TIME, "updated_at": TIME,
}  # fmt: skip
PASSAGE = {"content": "c", "similarity": 0.5, "document_name": "d", "chunk_index": 1}


def answer(request: httpx.Request) -> httpx.Response:
    path = request.url.path
    if request.method == "DELETE":
        return httpx.Response(204)
    if path.endswith("/query"):
        return httpx.Response(200, json={"query": "q", "results": [PASSAGE], "execution_id": "e"})
    if request.method == "POST":
        return started()
    if path.endswith("/documents"):
        return httpx.Response(200, json={"data": [{"name": "d", "chunks": 1, "updated_at": TIME}]})
    return httpx.Response(200, json={"data": [BASE]} if path == "/v1/knowledge-bases" else BASE)


def test_each_call_is_what_the_server_offers() -> None:
    seen: list[httpx.Request] = []
    transport = httpx.MockTransport(lambda request: seen.append(request) or answer(request))
    with Client("http://flowray", transport=transport) as client:
        knowledge = client.knowledge
        assert [base.id for base in knowledge.list(cursor="c").data] == ["a/b"]
        assert knowledge.get("a/b").dimensions == 2
        assert knowledge.create("a/b", name="A").name == "A"
        assert [row.chunks for row in knowledge.documents("a/b").data] == [1]
        assert knowledge.ingest("a/b", {"x": "text"}, chunk_size=9).id == "e"
        assert knowledge.ingest("a/b", [{"name": "x", "content": "y", "metadata": {"z": 1}}]).id == "e"
        assert knowledge.query("a/b", "q", top_k=2).results[0].document_name == "d"
        knowledge.remove("a/b", "x/y")
        knowledge.delete("a/b")
    base = b"/v1/knowledge-bases/a%2Fb"
    assert [(request.method, request.url.raw_path) for request in seen] == [
        ("GET", b"/v1/knowledge-bases?limit=50&cursor=c"), ("GET", base), ("PUT", base),
        ("GET", base + b"/documents?limit=50"), ("POST", base + b"/documents"), ("POST", base + b"/documents"),
        ("POST", base + b"/query"), ("DELETE", base + b"/documents/x%2Fy"), ("DELETE", base),
    ]  # fmt: skip
    assert json.loads(seen[4].content) == {"documents": [{"name": "x", "content": "text"}], "chunk_size": 9}
    assert json.loads(seen[6].content) == {"query": "q", "top_k": 2, "similarity_threshold": 0.0}


async def test_both_clients_offer_the_same() -> None:
    offered = [
        {name: list(inspect.signature(member).parameters) for name, member in vars(kind).items() if name[0] != "_"}
        for kind in (Knowledge, AsyncKnowledge)
    ]
    assert offered[0] == offered[1]
    async with AsyncClient("http://flowray", transport=httpx.MockTransport(answer)) as client:
        assert (await client.knowledge.query("a/b", "q")).results[0].chunk_index == 1
        assert (await client.knowledge.ingest("a/b", {"x": "y"})).id == "e"
        assert (await client.knowledge.list()).data[0].id == "a/b"
        assert (await client.knowledge.get("a/b")).id == "a/b"
        assert (await client.knowledge.create("a/b")).id == "a/b"
        assert (await client.knowledge.documents("a/b")).data[0].name == "d"
        await client.knowledge.remove("a/b", "x")
        await client.knowledge.delete("a/b")
