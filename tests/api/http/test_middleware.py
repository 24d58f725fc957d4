"""Bodies are bounded while they arrive; answers are counted by route."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx

from tests.api.conftest import GREET


async def test_an_announced_body_above_the_limit_is_refused_at_once(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/workflows", content=b"{" + b" " * 70_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")
    assert "65,536 bytes" in answer.json()["detail"]


async def test_a_body_of_unknown_length_is_refused_as_it_grows(http: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 10_000
            yield b" " * 10_000

    answer = await http.post("/v1/workflows", content=endless())
    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")
    assert sent == 70_000


async def test_a_body_within_the_limit_passes(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/workflows", json={**GREET, "description": "x" * 60_000})
    assert answer.status_code == 201


async def test_answers_are_counted_by_route_and_not_by_path(http: httpx.AsyncClient) -> None:
    for name in ("a", "b"):
        await http.get(f"/v1/executions/{name}")
    await http.get("/nowhere")
    text = (await http.get("/metrics")).text
    assert 'flowray_http_requests_total{method="GET",route="/v1/executions/{execution_id}",status="404"} 2\n' in text
    assert 'flowray_http_requests_total{method="GET",route="other",status="404"} 1\n' in text
