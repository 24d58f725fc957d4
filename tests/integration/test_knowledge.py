"""Knowledge bases on Ray: a lane writes through the process that writes, and another finds what it wrote."""

from __future__ import annotations

import pytest

from tests.cluster import FlowrayServer

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]


def test_what_one_execution_puts_in_another_finds(server: FlowrayServer) -> None:
    documents = [
        {"name": "lamp.md", "content": "The lamp is red."},
        {"name": "chair.md", "content": "A chair made of oak wood."},
    ]
    for unchanged in (False, True):
        started = server.http.post("/v1/knowledge-bases/on-ray/documents", json={"documents": documents})
        assert started.status_code == 202, started.text
        done = server.finished(started.json()["id"])
        assert done["status"] == "completed", done["error"]
        assert [row["unchanged"] for row in done["outputs"]["result"]["documents"]] == [unchanged, unchanged]
    answer = server.http.post("/v1/knowledge-bases/on-ray/query", json={"query": "oak chair", "top_k": 1})
    assert answer.status_code == 200, answer.text
    assert [row["document_name"] for row in answer.json()["results"]] == ["chair.md"]
    assert server.http.get("/v1/knowledge-bases/on-ray").json()["chunks"] == 2
