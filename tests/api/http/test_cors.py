"""Pages of any origin may look at a waitpoint and answer it; nothing else is opened to them."""

from __future__ import annotations

import pytest

from tests.api.local_server import LocalServer

ORIGIN = {"Origin": "https://shop.example"}


async def test_a_page_of_another_origin_answers(server: LocalServer) -> None:
    token = (await server.http.post("/v1/waitpoints")).json()["token"]
    url = f"/v1/waitpoints/{token}/complete"
    asked = await server.http.options(url, headers={**ORIGIN, "Access-Control-Request-Method": "POST"})
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, "*")
    assert "POST" in asked.headers["access-control-allow-methods"]
    assert asked.headers["access-control-allow-headers"] == "Content-Type"
    kept = await server.http.post(url, json={"data": 1}, headers=ORIGIN)
    assert (kept.status_code, kept.headers["access-control-allow-origin"]) == (200, "*")
    seen = await server.http.get(f"/v1/waitpoints/{token}", headers=ORIGIN)
    assert (seen.json()["status"], seen.headers["access-control-allow-origin"]) == ("completed", "*")


async def test_a_page_may_read_why_it_was_refused(server: LocalServer) -> None:
    refused = await server.http.post("/v1/waitpoints/wp_none/complete", json={}, headers=ORIGIN)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (404, "*")


@pytest.mark.parametrize("path", ["/v1/waitpoints", "/v1/executions", "/v1/waitpoints/wp_x/callback"])
async def test_nothing_else_is_opened(server: LocalServer, path: str) -> None:
    answer = await server.http.request("OPTIONS", path, headers=ORIGIN)
    assert "access-control-allow-origin" not in answer.headers
