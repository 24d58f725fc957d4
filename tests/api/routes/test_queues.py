"""Queues over HTTP: starts that wait in them, and changing them while they do."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from tests.api.conftest import GREET
from tests.api.fake_directory import FakeDirectory

ADA = {"inputs": {"name": "Ada"}}


async def started(http: httpx.AsyncClient, definition: dict[str, Any], **options: Any) -> dict[str, Any]:
    answer = await http.post("/v1/executions", json={**ADA, "definition": definition, "options": options})
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = (await http.get(f"/v1/executions/{answer.json()['id']}")).json()
    assert found["status"] == answer.json()["status"] or found["status"] == "completed"
    return found


async def test_executions_show_their_queue_and_times(http: httpx.AsyncClient, directory: FakeDirectory) -> None:
    directory.on_start = None
    found = await started(http, GREET, delay_ms=60_000, ttl_ms=5_000, priority=7, concurrency_key="t1")
    assert (found["status"], found["queue"], found["concurrency_key"], found["priority"]) == (
        "delayed", "inline", "t1", 7,
    )  # fmt: skip
    assert found["queued_at"] == found["not_before"] < found["expires_at"]
    plain = await started(http, GREET)
    assert (plain["concurrency_key"], plain["priority"], plain["not_before"], plain["expires_at"]) == (
        None,
        0,
        None,
        None,
    )
    assert plain["queued_at"] is not None


async def test_a_limit_of_the_definition_keeps_the_next_one_waiting(
    http: httpx.AsyncClient, directory: FakeDirectory
) -> None:
    directory.on_start = None
    definition = {**GREET, "settings": {"queue": {"name": "mail", "maxConcurrent": 1}}}
    first, second = await started(http, definition), await started(http, definition)
    owners = [directory.store.execution(found["id"]).owner_id for found in (first, second)]  # type: ignore[union-attr]
    assert owners == ["fake", None]
    queue = (await http.get("/v1/queues/mail")).json()
    assert (queue["max_concurrent"], queue["running"], queue["waiting"], queue["overridden"]) == (1, 1, 1, False)


async def test_limits_are_changed_queues_paused_and_resumed(http: httpx.AsyncClient) -> None:
    changed = await http.patch("/v1/queues/global", json={"max_concurrent": 5})
    assert changed.status_code == 200
    assert changed.json() == {
        "name": "global", "max_concurrent": 5, "max_per_key": None, "paused": False, "overridden": True, "running": 0,
        "waiting": 0, "delayed": 0, "updated_at": changed.json()["updated_at"],
    }  # fmt: skip
    assert (await http.patch("/v1/queues/global", json={"max_per_key": 2})).json()["max_concurrent"] == 5
    assert (await http.patch("/v1/queues/global", json={"max_concurrent": None})).json()["max_concurrent"] is None
    assert (await http.post("/v1/queues/global/pause")).json()["paused"] is True
    assert (await http.post("/v1/queues/global/pause")).json()["paused"] is True
    assert (await http.post("/v1/queues/global/resume")).json()["paused"] is False
    back = await http.patch("/v1/queues/global", json={"overridden": False})
    assert (back.json()["overridden"], back.json()["max_per_key"]) == (False, 2)


async def test_queues_are_listed_in_pages(http: httpx.AsyncClient) -> None:
    for name in ("b", "a", "c"):
        await http.patch(f"/v1/queues/{name}", json={"max_concurrent": 1})
    page = (await http.get("/v1/queues", params={"limit": 2})).json()
    assert ([queue["name"] for queue in page["data"]], page["has_more"]) == (["a", "b"], True)
    rest = (await http.get("/v1/queues", params={"cursor": page["next_cursor"]})).json()
    assert [queue["name"] for queue in rest["data"]] == ["c"]


async def test_an_unknown_queue_and_a_wrong_limit_are_named(http: httpx.AsyncClient) -> None:
    unknown = await http.get("/v1/queues/none")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "NOT_FOUND")
    wrong = await http.patch("/v1/queues/a", json={"max_concurrent": -1})
    assert wrong.status_code in (400, 422)
    too_long = await http.post(f"/v1/queues/{'x' * 201}/pause")
    assert too_long.status_code == 404


async def test_wrong_options_and_reserved_names_are_refused(http: httpx.AsyncClient) -> None:
    for options in ({"delay_ms": -1}, {"ttl_ms": 0}, {"concurrency_key": ""}, {"priority": 10**9}):
        answer = await http.post("/v1/executions", json={**ADA, "definition": GREET, "options": options})
        assert answer.status_code in (400, 422), options
    reserved = {**GREET, "settings": {"queue": {"name": "global"}}}
    refused = await http.post("/v1/workflows/validate", json=reserved)
    assert refused.json()["valid"] is False
    assert "global" in str(refused.json()["diagnostics"])


async def test_twenty_who_ask_at_once_with_one_key_get_one_execution(
    http: httpx.AsyncClient, directory: FakeDirectory
) -> None:
    """Scenario 1."""
    body = {**ADA, "definition": GREET}
    headers = {"Idempotency-Key": "k"}
    answers = await asyncio.gather(*(http.post("/v1/executions", json=body, headers=headers) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(directory.store.executions().data) == 1


async def test_the_life_of_a_key_is_no_part_of_the_request(http: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k"}
    ids = []
    for life in (60_000, 70_000):
        body = {**ADA, "definition": GREET, "options": {"idempotency_ttl_ms": life}}
        ids.append((await http.post("/v1/executions", json=body, headers=headers)).json()["id"])
    assert ids[0] == ids[1]
    other = {"inputs": {"name": "Grace"}, "definition": GREET}
    refused = await http.post("/v1/executions", json=other, headers=headers)
    assert refused.json()["code"] == "IDEMPOTENCY_MISMATCH"
