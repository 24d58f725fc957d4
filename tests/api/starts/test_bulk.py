"""Many executions at once: found by a filter, page by page, stopped or run again; over the in-process runtime."""

from __future__ import annotations

from typing import Any

from tests.api.local_server import INPUT, LocalServer
from tests.integration.definitions import workflow

STOPS = workflow("stop", {"in": INPUT, "p": {"type": "pause", "config": {}}}, [("in", "p")])
FAILS = workflow("fail", {"in": INPUT, "h": {"type": "wait", "config": {"duration": "never"}}}, [("in", "h")])


async def started(server: LocalServer, definition: dict[str, Any], status: str, **labels: str) -> str:
    body = {"definition": definition, "options": {"labels": labels}}
    its_id = str((await server.http.post("/v1/executions", json=body)).json()["id"])
    await server.with_status(its_id, status)
    return its_id


async def cancel(server: LocalServer, **body: Any) -> dict[str, Any]:
    answer = await server.http.post("/v1/executions/cancel", json=body)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def test_what_a_filter_fits_is_cancelled_and_nothing_else(server: LocalServer) -> None:
    mine = [await started(server, STOPS, "paused", team="a") for _ in range(3)]
    other = await started(server, STOPS, "paused", team="b")
    wanted = {"labels": {"team": "a"}}
    looked = await cancel(server, filter=wanted, dry_run=True)
    assert {item["id"] for item in looked["data"]} == set(mine)
    assert {item["outcome"] for item in looked["data"]} == {"would"}
    assert (looked["changed"], (await server.get(mine[0]))["status"]) == (0, "paused")
    done = await cancel(server, filter=wanted, reason="wrong team")
    assert (done["changed"], done["failed"], done["has_more"]) == (3, 0, False)
    for its_id in mine:
        assert (await server.with_status(its_id, "cancelled"))["cancel_reason"] == "wrong team"
    assert (await server.get(other))["status"] == "paused"
    assert (await cancel(server, filter=wanted))["data"] == []


async def test_pages_are_gone_through_with_the_cursor(server: LocalServer) -> None:
    ids = [await started(server, STOPS, "paused") for _ in range(5)]
    seen: list[str] = []
    cursor = None
    while True:
        page = await cancel(server, filter={"status": ["paused"]}, limit=2, cursor=cursor)
        seen += [item["id"] for item in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == list(reversed(ids))


async def test_ids_and_times_narrow_it_down(server: LocalServer) -> None:
    ids = [await started(server, STOPS, "paused") for _ in range(2)]
    looked = await cancel(server, filter={"ids": [ids[0], "nobody"]}, dry_run=True)
    assert [item["id"] for item in looked["data"]] == [ids[0]]
    for bound in ({"created_before": "2020-01-01T00:00:00Z"}, {"created_after": "2100-01-01T00:00:00Z"}):
        assert (await cancel(server, filter=bound, dry_run=True))["data"] == []
        assert (await cancel(server, filter={**bound, "ids": ids}, dry_run=True))["data"] == []
    everything = {"created_after": "2020-01-01T00:00:00Z", "created_before": "2100-01-01T00:00:00Z"}
    assert len((await cancel(server, filter=everything, dry_run=True))["data"]) == 2


async def test_a_filter_that_says_nothing_is_refused(server: LocalServer) -> None:
    for body in ({}, {"filter": {}}, {"filter": {"status": ["bad"]}}, {"filter": {"team": "a"}}):
        assert (await server.http.post("/v1/executions/cancel", json=body)).status_code == 422


async def test_what_failed_is_run_again(server: LocalServer) -> None:
    failed = [await started(server, FAILS, "failed", team="a") for _ in range(2)]
    await started(server, STOPS, "paused", team="a")
    body = {"filter": {"labels": {"team": "a"}}, "failed_only": True}
    result = (await server.http.post("/v1/executions/rerun", json=body)).json()
    assert ([item["id"] for item in result["data"]], result["changed"]) == (list(reversed(failed)), 2)
    for item in result["data"]:
        assert (await server.with_status(item["started"], "failed"))["rerun_of"] == item["id"]


async def test_with_a_key_nothing_is_run_again_twice(server: LocalServer) -> None:
    ids = [await started(server, STOPS, "paused") for _ in range(2)]
    await cancel(server, filter={"ids": ids})
    for its_id in ids:
        await server.with_status(its_id, "cancelled")
    body = {"filter": {"ids": ids, "status": ["cancelled"]}}
    first, second = [
        (await server.http.post("/v1/executions/rerun", json=body, headers={"Idempotency-Key": "night"})).json()
        for _ in range(2)
    ]
    assert first["changed"] == 2
    assert [item["started"] for item in second["data"]] == [item["started"] for item in first["data"]]
    without = (await server.http.post("/v1/executions/rerun", json=body)).json()
    assert {item["started"] for item in without["data"]}.isdisjoint(item["started"] for item in first["data"])


async def test_one_that_cannot_be_run_again_does_not_stop_the_others(server: LocalServer) -> None:
    running = await started(server, STOPS, "paused")
    failed = await started(server, FAILS, "failed")
    body = {"filter": {"ids": [running, failed], "status": ["paused", "failed"]}}
    result = (await server.http.post("/v1/executions/rerun", json=body)).json()
    outcomes = {item["id"]: (item["outcome"], (item["error"] or {}).get("code")) for item in result["data"]}
    assert outcomes == {running: ("failed", "EXECUTION_NOT_ENDED"), failed: ("started", None)}
    assert (result["changed"], result["failed"]) == (1, 1)
