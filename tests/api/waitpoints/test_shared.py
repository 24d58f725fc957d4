"""Waitpoints of no execution: created once, answered once, waited for by whoever wants, over the in-process runtime."""

from __future__ import annotations

from typing import Any

from flowray.persistence.records import WaitpointRecord
from flowray.persistence.writes.waitpoints import CreateWaitpoint, named_id
from tests.api.local_server import INPUT, LocalServer, output
from tests.integration.definitions import workflow


def waits(**config: Any) -> dict[str, Any]:
    nodes = {"in": INPUT, "w": {"type": "wait", "config": {"waitType": "waitpoint", **config}}, "out": output("{{w}}")}
    return workflow("waits", nodes, [("in", "w"), ("w", "out")])


async def create(server: LocalServer, body: dict[str, Any], key: str | None = None) -> Any:
    return await server.http.post("/v1/waitpoints", json=body, headers={"Idempotency-Key": key} if key else {})


async def test_what_is_created_is_answered_whole(server: LocalServer) -> None:
    answer = await create(server, {"name": "go", "tags": ["release"], "prompt": "Go?", "timeout_ms": 60_000})
    assert answer.status_code == 201
    created = answer.json()
    assert (created["kind"], created["status"], created["execution_id"]) == ("shared", "open", None)
    assert (created["name"], created["tags"], created["prompt"]) == ("go", ["release"], "Go?")
    assert (len(created["token"]), created["already_created"]) == (35, False)
    assert created["callback_url"] == f"http://flowray/v1/waitpoints/{created['token']}/callback"
    assert (await server.http.get(f"/v1/waitpoints/{created['token']}")).json()["waitpoint_id"] == "wp:default/go"
    [listed] = (await server.http.get("/v1/waitpoints?tag=release")).json()["data"]
    assert listed["token"] == created["token"]
    assert (await server.http.get("/v1/waitpoints?tag=other")).json()["data"] == []
    empty = (await server.http.post("/v1/waitpoints")).json()
    assert (empty["name"], empty["status"]) == (None, "open")


async def test_names_and_keys_give_the_same_waitpoint_again(server: LocalServer) -> None:
    first = await create(server, {"tags": ["a"]}, "key-1")
    again = await create(server, {"tags": ["a"]}, "key-1")
    assert (again.status_code, again.json()["already_created"]) == (200, True)
    assert again.json()["token"] == first.json()["token"]
    other = await create(server, {"tags": ["b"]}, "key-1")
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_MISMATCH")
    in_body = await create(server, {"tags": ["a"], "idempotency_key": "key-1"})
    assert in_body.json()["token"] == first.json()["token"]
    assert (await create(server, {"name": "n"})).status_code == 201
    assert (await create(server, {"name": "n"})).status_code == 200
    taken = await create(server, {"name": "n", "prompt": "?"})
    assert (taken.status_code, taken.json()["code"]) == (409, "CONFLICT")


async def test_an_expected_input_that_is_no_schema_is_refused(server: LocalServer) -> None:
    refused = await create(server, {"expected_input": {"type": 5}})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/expected_input")
    assert (await create(server, {"expected_input": {"type": "object"}})).status_code == 201
    assert (await create(server, {"timeout_ms": 0})).status_code == 422


async def test_who_answers_when_and_from_where_is_kept(server: LocalServer) -> None:
    token = (await create(server, {})).json()["token"]
    body = {"data": {"ok": True}, "by": "ann"}
    kept = await server.http.post(f"/v1/waitpoints/{token}/complete", json=body, headers={"User-Agent": "browser"})
    assert kept.json() == {"status": "completed", "already_completed": False, "data": {"ok": True}}
    later = await server.http.post(f"/v1/waitpoints/{token}/callback", json={"ok": False})
    assert later.json() == {"status": "completed", "already_completed": True, "data": {"ok": True}}
    closed = (await server.http.get(f"/v1/waitpoints/{token}")).json()
    assert (closed["status"], closed["completed_by"], closed["data"]) == ("completed", "ann", {"ok": True})
    assert closed["completed_from"] == {"via": "token", "address": "127.0.0.1", "user_agent": "browser"}
    assert closed["completed_at"] is not None


async def test_one_execution_waits_for_many(server: LocalServer) -> None:
    tokens = [(await create(server, {})).json()["token"] for _ in range(3)]
    nodes: dict[str, Any] = {"in": INPUT, "out": output("{{[w0, w1, w2]}}")}
    edges: list[tuple[str, ...]] = []
    for number in range(3):
        config = {"waitType": "waitpoint", "token": f"{{{{t{number}}}}}"}
        nodes[f"w{number}"] = {"type": "wait", "config": config}
        edges += [("in", f"w{number}"), (f"w{number}", "out")]
    its_id = await server.start(
        workflow("many", nodes, edges), {f"t{number}": token for number, token in enumerate(tokens)}
    )
    found = await server.until(its_id, lambda now: len(now["waiting_for"]) == 3 or now["status"] == "failed")
    assert (found["status"], {entry["kind"] for entry in found["waiting_for"]}) == ("waiting", {"waitpoint"})
    for number in (2, 0, 1):
        await server.complete(tokens[number], number)
    done = await server.with_status(its_id, "completed", "failed")
    assert done["status"] == "completed", done["error"]


async def test_a_token_that_nobody_created_fails_the_wait(server: LocalServer) -> None:
    its_id = await server.start(waits(token="wp_unknown"))
    failed = await server.with_status(its_id, "completed", "failed")
    assert (failed["status"], failed["error"]["code"]) == ("failed", "NOT_FOUND")
    assert "no waitpoint with the token" in failed["error"]["message"]


async def test_the_end_of_its_time_is_a_value_or_an_error(server: LocalServer) -> None:
    past = WaitpointRecord(
        id=named_id("default", "past"), execution_id=None, kind="shared", status="open", created_at=1, expires_at=2,
        name="past", token="wp_past", token_hash="h",
    )  # fmt: skip
    await server.runtime.write([CreateWaitpoint(record=past)])
    failed = await server.with_status(await server.start(waits(sharedName="past")), "completed", "failed")
    assert failed["error"]["code"] == "WAITPOINT_TIMEOUT"
    assert "'past' was not answered in time" in failed["error"]["message"]
    value = await server.start(waits(sharedName="past", timeoutValue="none"))
    assert (await server.with_status(value, "completed", "failed"))["outputs"] == {"y": "none"}


async def test_an_answer_that_comes_too_late_is_told_so(server: LocalServer) -> None:
    token = (await create(server, {"timeout_ms": 1})).json()["token"]
    refused = await server.complete(token, 1)
    while refused.status_code == 200:  # within the same millisecond
        token = (await create(server, {"timeout_ms": 1})).json()["token"]
        refused = await server.complete(token, 1)
    assert (refused.status_code, refused.json()["code"]) == (409, "WAITPOINT_TIMEOUT")


async def test_a_wait_may_be_answered_by_its_own_token_too(server: LocalServer) -> None:
    token = (await create(server, {})).json()["token"]
    its_id = await server.start(waits(token=token))
    [waiting] = (await server.until(its_id, lambda now: now["waiting_for"]))["waiting_for"]
    assert waiting["token"] != token
    assert (await server.complete(waiting["token"], "alone")).status_code == 200
    assert (await server.with_status(its_id, "completed"))["outputs"] == {"y": "alone"}
    assert (await server.http.get(f"/v1/waitpoints/{token}")).json()["status"] == "open"


async def test_who_reads_events_learns_no_token(server: LocalServer) -> None:
    token = (await create(server, {})).json()["token"]
    its_id = await server.start(waits(token="{{token}}"), {"token": token})
    await server.until(its_id, lambda now: now["waiting_for"])
    events = await server.http.get(
        f"/v1/executions/{its_id}/events?types=node.waiting,node.started", headers={"Accept": "application/json"}
    )
    assert "node.waiting" in events.text
    assert token not in events.text
