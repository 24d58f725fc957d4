"""Metadata is changed by operations over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from tests.api.local_server import INPUT, LocalServer
from tests.integration.definitions import workflow

STOPS = workflow("stop", {"in": INPUT, "p": {"type": "pause", "config": {}}}, [("in", "p")])


async def change(
    server: LocalServer, its_id: str, *operations: dict[str, Any], key: str | None = None
) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await server.http.patch(
        f"/v1/executions/{its_id}/metadata", json={"operations": list(operations)}, headers=headers
    )


async def test_operations_change_what_is_there(server: LocalServer) -> None:
    its_id = await server.start(STOPS)
    operations = [
        {"op": "set", "key": "a", "value": 1}, {"op": "increment", "key": "a", "value": 2},
        {"op": "append", "key": "list", "value": "x"}, {"op": "merge", "key": "object", "value": {"k": 1}},
        {"op": "set", "key": "gone", "value": 1}, {"op": "delete", "key": "gone"},
    ]  # fmt: skip
    answer = await change(server, its_id, *operations)
    wanted = {"a": 3, "list": ["x"], "object": {"k": 1}}
    assert (answer.status_code, answer.json()) == (200, {"metadata": wanted})
    assert (await server.get(its_id))["metadata"] == wanted


async def test_concurrent_changes_are_not_lost_and_repeats_count_once(server: LocalServer) -> None:
    its_id = await server.start(STOPS)
    one = {"op": "increment", "key": "n"}
    await asyncio.gather(*(change(server, its_id, one) for _ in range(20)))
    for _ in range(3):
        answer = await change(server, its_id, one, key="k")
    assert answer.json()["metadata"] == {"n": 21}


async def test_what_does_not_fit_is_refused(server: LocalServer) -> None:
    its_id = await server.start(STOPS)
    await change(server, its_id, {"op": "set", "key": "text", "value": "x"})
    wrong = await change(server, its_id, {"op": "increment", "key": "text"})
    assert (wrong.status_code, wrong.json()["code"]) == (409, "CONFLICT")
    large = await change(server, its_id, {"op": "set", "key": "k", "value": "x" * 262_144})
    assert (large.status_code, large.json()["code"]) == (413, "BODY_TOO_LARGE")
    assert (await change(server, its_id, {"op": "no", "key": "k"})).status_code == 422
    assert (await change(server, its_id)).status_code == 422
    assert (await change(server, "nobody", {"op": "delete", "key": "k"})).status_code == 404
    assert (await server.get(its_id))["metadata"] == {"text": "x"}
