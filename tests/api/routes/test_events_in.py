"""Events from outside fire triggers, once for each key, and go on to whoever waits for them."""

from __future__ import annotations

from typing import Any

from tests.api.local_server import LocalServer
from tests.api.trigger_calls import created, history
from tests.integration.definitions import workflow


async def deliver(server: LocalServer, name: str, data: Any, key: str | None = None) -> dict[str, Any]:
    body = {"name": name, "data": data} | ({} if key is None else {"key": key})
    answer = await server.http.post("/v1/events", json=body)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_an_event_fires_every_trigger_for_which_it_counts(server: LocalServer) -> None:
    mapping = {"name": "{{data.who}}"}
    large = await created(server, "event", {"event": "order", "filter": "{{data.total > 100}}"}, input_mapping=mapping)
    every = await created(server, "event", {"event": "order"}, input_mapping=mapping)
    await created(server, "event", {"event": "other"})
    await created(server, "event", {"event": "order"}, enabled=False)
    big = await deliver(server, "order", {"total": 120, "who": "Ada"}, "o1")
    assert ({row["trigger_id"] for row in big["fired"]}, big["key"]) == ({large["id"], every["id"]}, "o1")
    for row in big["fired"]:
        done = await server.with_status(row["execution_id"], "completed", "failed")
        assert done["outputs"] == {"y": "Hello Ada"}
    small = await deliver(server, "order", {"total": 1, "who": "Bob"})
    assert [row["trigger_id"] for row in small["fired"]] == [every["id"]]
    assert (await deliver(server, "nobody", None))["fired"] == []
    assert (await deliver(server, "order", "no object"))["fired"][0]["trigger_id"] == every["id"]


async def test_the_same_key_fires_once(server: LocalServer) -> None:
    made = await created(server, "event", {"event": "order"})
    first = await deliver(server, "order", {"a": 1}, "k")
    again = await deliver(server, "order", {"a": 1}, "k")
    assert [row["execution_id"] for row in again["fired"]] == [row["execution_id"] for row in first["fired"]]
    # One that is there only since is fired by the repeat: this is how a try that was cut off is finished.
    late = await created(server, "event", {"event": "order"})
    assert {row["trigger_id"] for row in (await deliver(server, "order", {"a": 1}, "k"))["fired"]} == {
        made["id"],
        late["id"],
    }
    assert len(await history(server, made["id"])) == 1


async def test_a_trigger_that_cannot_start_is_told_apart(server: LocalServer) -> None:
    broken = await created(server, "event", {"event": "order"}, input_mapping={"name": "{{data.x}}"})
    good = await created(server, "event", {"event": "order"}, input_mapping={"name": "{{data.x}}"})
    needs = {"nodes": {"in": {"type": "input", "config": {"inputName": "must", "required": True}}}, "edges": []}
    assert (await server.http.put(f"/v1/workflows/{broken['workflow_id']}", json=needs)).status_code == 200
    fired = {row["trigger_id"]: row for row in (await deliver(server, "order", {"x": "y"}))["fired"]}
    assert (fired[broken["id"]]["status"], fired[broken["id"]]["execution_id"]) == ("failed", None)
    assert "INVALID_INPUT" in fired[broken["id"]]["reason"]
    assert fired[good["id"]]["status"] == "started"


async def test_who_waits_for_the_event_goes_on(server: LocalServer) -> None:
    """The same call serves both: triggers first, then what waits."""
    node = {"type": "wait", "config": {"waitType": "event", "event": "paid"}}
    nodes = {"in": {"type": "input", "config": {}}, "wait": node}
    definition = {"name": "w", "entryPoint": "in", "nodes": nodes, "edges": [{"source": "in", "target": "wait"}]}
    its_id = await server.start(definition)
    await server.until(its_id, lambda now: now["waiting_for"] or now["status"] in ("completed", "failed"))
    assert (await deliver(server, "other", 1))["released"] == []
    released = (await deliver(server, "paid", {"ok": True}))["released"]
    assert released == [its_id]
    done = await server.with_status(its_id, "completed", "failed")
    assert done["status"] == "completed"


async def test_a_repeat_under_its_key_is_no_answer_to_the_next_round(server: LocalServer) -> None:
    """Nobody but the one who waits hears of the event, so no firing says that it has come before."""
    nodes = {
        "in": {"type": "input", "config": {}},
        "L": {"type": "loop", "config": {"loopType": "for", "count": 2}},
        "w": {"type": "wait", "config": {"waitType": "event", "event": "paid"}},
        "out": {"type": "output", "config": {"outputName": "y", "value": "{{L}}", "format": "json"}},
    }
    edges = [("in", "L"), ("L", "w", "loop-body"), ("w", "L"), ("L", "out", "loop-exit")]
    its_id = await server.start(workflow("rounds", nodes, edges))

    async def waits_in(instance: str) -> None:
        await server.until(its_id, lambda now: [row["instance"] for row in now["waiting_for"]] == [instance])

    await waits_in("L[0]/w")
    assert (await deliver(server, "paid", 1, "p1"))["released"] == [its_id]
    await waits_in("L[1]/w")
    assert (await deliver(server, "paid", 1, "p1"))["released"] == []
    assert (await deliver(server, "paid", 2, "p2"))["released"] == [its_id]
    assert await outputs_of(server, its_id) == {"y": [1, 2]}


async def test_a_slip_in_the_body_is_refused(server: LocalServer) -> None:
    for body in ({}, {"name": ""}, {"name": "a", "date": 1}, {"name": "a", "key": "x" * 201}):
        assert (await server.http.post("/v1/events", json=body)).status_code == 422


async def test_the_payload_is_the_event(server: LocalServer) -> None:
    await created(server, "event", {"event": "order"})
    fired = (await deliver(server, "order", [1], "k"))["fired"]
    started = await server.get(fired[0]["execution_id"])
    assert started["inputs"] == {"name": "order", "data": [1], "key": "k"}
    assert await outputs_of(server, fired[0]["execution_id"]) == {"y": "Hello order"}


async def outputs_of(server: LocalServer, execution_id: str) -> Any:
    return (await server.with_status(execution_id, "completed", "failed"))["outputs"]
