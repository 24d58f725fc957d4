"""Triggers are set up, looked at, switched, fired by hand and published, over the local runtime."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.local_server import LocalServer
from tests.api.trigger_calls import HELLO, created, history, outputs, saved, triggered


async def test_a_trigger_is_created_read_changed_and_deleted(server: LocalServer) -> None:
    made = await created(server, "schedule", {"cron": "0 9 * * 1-5", "timezone": "Europe/Berlin"}, name="Mornings")
    assert (made["kind"], made["name"], made["enabled"], made["node_id"], made["url"]) == (
        "schedule", "Mornings", True, None, None,
    )  # fmt: skip
    assert made["config"] == {"cron": "0 9 * * 1-5", "timezone": "Europe/Berlin"}
    assert made["next_fire_at"].endswith(":00:00.000Z")
    url = f"/v1/triggers/{made['id']}"
    assert (await server.http.get(url)).json() == made
    patched = await server.http.patch(url, json={"config": {"every": "1h"}, "name": "Hourly"})
    assert (patched.json()["config"], patched.json()["name"], patched.json()["revision"]) == (
        {"every": "1h"},
        "Hourly",
        2,
    )
    assert (await server.http.delete(url)).status_code == 204
    assert (await server.http.get(url)).status_code == 404
    assert (await server.http.delete(url)).status_code == 404
    assert (await server.http.get(f"{url}/history")).status_code == 404


async def test_triggers_are_listed_and_filtered(server: LocalServer) -> None:
    first = await created(server, "manual")
    second = await created(server, "event", {"event": "a"}, enabled=False)

    async def listed(query: str) -> list[str]:
        return [row["id"] for row in (await server.http.get(f"/v1/triggers?{query}")).json()["data"]]

    assert await listed("") == [second["id"], first["id"]]
    assert await listed("kind=event") == [second["id"]]
    assert await listed("enabled=true") == [first["id"]]
    assert await listed(f"workflow_id={first['workflow_id']}") == [first["id"]]
    page = (await server.http.get("/v1/triggers?limit=1")).json()
    assert page["has_more"]
    assert await listed(f"limit=1&cursor={page['next_cursor']}") == [first["id"]]
    assert (await server.http.get("/v1/triggers?kind=cron")).status_code == 400


@pytest.mark.parametrize(
    ("kind", "config", "pointer"),
    [
        ("schedule", {}, "/config"), ("schedule", {"cron": "61 * * * *"}, "/config/cron"),
        ("schedule", {"cron": "* * * * *", "timezone": "Mars"}, "/config/timezone"),
        ("schedule", {"every": "10ms"}, "/config/every"), ("schedule", {"cron": "* * * * *", "x": 1}, "/config/x"),
        ("event", {}, "/config/event"), ("event", {"event": "a", "filter": "data >"}, "/config/filter"),
        ("event", {"event": "a", "filter": "data.xs.filter(x => x > 1)"}, "/config/filter"),
        ("webhook", {"methods": ["BREW"]}, "/config/methods/0"), ("webhook", {"header": "a b"}, "/config/header"),
    ],
)  # fmt: skip
async def test_a_config_that_does_not_fit_is_refused_where_it_does_not(
    server: LocalServer, kind: str, config: dict[str, Any], pointer: str
) -> None:
    body = {"workflow_id": await saved(server), "kind": kind, "config": config}
    answer = await server.http.post("/v1/triggers", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await server.http.get("/v1/triggers")).json()["data"] == []


async def test_what_cannot_start_is_refused_at_once(server: LocalServer) -> None:
    unknown = await server.http.post("/v1/triggers", json={"workflow_id": "nope", "kind": "manual"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "NOT_FOUND")
    workflow_id = await saved(server)
    for options in ({"pins": {"in": 1}}, {"idempotency_key": "k"}, {"trigger": "nowhere"}):
        body = {"workflow_id": workflow_id, "kind": "manual", "options": options}
        assert (await server.http.post("/v1/triggers", json=body)).status_code == 422, options


async def test_a_manual_trigger_starts_what_it_maps(server: LocalServer) -> None:
    made = await created(
        server, "manual", input_mapping={"name": "{{who.first}} {{who.last}}"}, options={"labels": {"team": "a"}}
    )  # fmt: skip
    url = f"/v1/triggers/{made['id']}/execute"
    body = {"payload": {"who": {"first": "Ada", "last": "L"}}}
    answer = await server.http.post(url, json=body, headers={"Idempotency-Key": "k1"})
    assert answer.status_code == 202
    assert await outputs(server, answer) == {"y": "Hello Ada L"}
    started = await server.get(answer.json()["id"])
    assert (started["labels"], started["inputs"]) == ({"team": "a"}, {"name": "Ada L"})
    assert started["metadata"] == {"trigger_id": made["id"], "trigger_kind": "manual", "firing": "manual:k1"}
    again = await server.http.post(url, json=body, headers={"Idempotency-Key": "k1"})
    assert (again.json()["id"], again.headers["Idempotent-Replayed"]) == (started["id"], "true")
    [row] = await history(server, made["id"])
    assert (row["status"], row["execution_id"], row["fire_key"]) == ("started", started["id"], "manual:k1")


async def test_a_disabled_trigger_can_only_be_tried(server: LocalServer) -> None:
    made = await created(server, "schedule", {"every": "1h"}, input_mapping={"name": "{{timestamp}}"})
    url = f"/v1/triggers/{made['id']}"
    off = (await server.http.post(f"{url}/disable")).json()
    assert (off["enabled"], off["next_fire_at"]) == (False, None)
    assert (await server.http.post(f"{url}/disable")).json()["revision"] == off["revision"]
    refused = await server.http.post(f"{url}/execute")
    assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")
    tried = await server.http.post(f"{url}/test")
    assert (await outputs(server, tried))["y"].startswith("Hello 20")
    on = (await server.http.post(f"{url}/enable")).json()
    assert on["enabled"]
    assert on["next_fire_at"] is not None


async def test_inputs_that_do_not_fit_fire_nothing(server: LocalServer) -> None:
    needs: dict[str, Any] = {
        **HELLO,
        "nodes": {**HELLO["nodes"], "in": {"type": "input", "config": {"inputName": "name", "required": True}}},
    }
    made = await created(server, "manual", workflow_id=await saved(server, needs))
    answer = await server.http.post(f"/v1/triggers/{made['id']}/execute", json={"payload": {}})
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_INPUT")
    assert await history(server, made["id"]) == []


async def test_a_workflow_that_is_gone_takes_its_triggers_along(server: LocalServer) -> None:
    made = await created(server, "manual")
    await server.http.post(f"/v1/triggers/{made['id']}/execute", json={"payload": {"name": "x"}})
    assert (await server.http.delete(f"/v1/workflows/{made['workflow_id']}")).status_code == 204
    assert (await server.http.get(f"/v1/triggers/{made['id']}")).status_code == 404
    assert [row["status"] for row in await history(server, made["id"])] == ["started"]


# -- triggers of nodes --------------------------------------------------------------------------------------------


async def test_a_trigger_node_is_registered_disabled_and_published(server: LocalServer) -> None:
    workflow_id = await saved(server, triggered(triggerType="cron", schedule="0 6 * * *"))
    [row] = (await server.http.get("/v1/triggers")).json()["data"]
    assert (row["node_id"], row["kind"], row["name"], row["enabled"], row["next_fire_at"]) == (
        "start", "schedule", "The start", False, None,
    )  # fmt: skip
    published = (await server.http.post(f"/v1/workflows/{workflow_id}/publish")).json()
    assert published["published"]
    [on] = published["triggers"]
    assert (on["id"], on["enabled"], on["next_fire_at"][11:]) == (row["id"], True, "06:00:00.000Z")
    again = (await server.http.post(f"/v1/workflows/{workflow_id}/publish")).json()
    assert again["triggers"] == [on]
    off = (await server.http.post(f"/v1/workflows/{workflow_id}/unpublish")).json()
    assert [found["enabled"] for found in off["triggers"]] == [False]
    assert (await server.http.post("/v1/workflows/nope/publish")).status_code == 404


async def test_saving_again_brings_the_triggers_in_line(server: LocalServer) -> None:
    workflow_id = await saved(server, triggered(triggerType="schedule", cron="0 6 * * *"))
    url = f"/v1/workflows/{workflow_id}"
    [first] = (await server.http.post(f"{url}/publish")).json()["triggers"]
    await server.http.put(url, json=triggered(triggerType="schedule", cron="0 7 * * *"))
    [second] = (await server.http.get("/v1/triggers")).json()["data"]
    assert (second["id"], second["enabled"], second["config"]) == (first["id"], True, {"cron": "0 7 * * *"})
    assert second["next_fire_at"][11:] == "07:00:00.000Z"
    refused = await server.http.patch(f"/v1/triggers/{first['id']}", json={"config": {"every": "1h"}})
    assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")
    assert (await server.http.patch(f"/v1/triggers/{first['id']}", json={"enabled": False})).json()["enabled"] is False
    await server.http.put(url, json=HELLO)
    assert (await server.http.get("/v1/triggers")).json()["data"] == []


async def test_a_triggered_execution_begins_at_its_node(server: LocalServer) -> None:
    """R2: the trigger that fired is the start node, whatever the entry point is."""
    definition = triggered("{{start.a}}", triggerType="manual")
    definition["nodes"]["other"] = {"type": "trigger", "config": {"triggerType": "manual"}}
    definition["edges"].append({"source": "other", "target": "out"})
    workflow_id = await saved(server, definition)
    triggers = (await server.http.post(f"/v1/workflows/{workflow_id}/publish")).json()["triggers"]
    for row in triggers:
        answer = await server.http.post(f"/v1/triggers/{row['id']}/execute", json={"payload": {"a": 1}})
        await outputs(server, answer)
        assert (await server.get(answer.json()["id"]))["trigger"] == row["node_id"]
    assert {row["node_id"] for row in triggers} == {"start", "other"}


async def test_a_node_that_makes_no_trigger_is_a_finding(server: LocalServer) -> None:
    answer = await server.http.post("/v1/workflows", json=triggered(triggerType="schedule", cron="every day"))
    assert answer.status_code == 422
    assert "cron expression" in answer.text


async def test_a_new_secret_voids_the_old_one_and_is_shown_once(server: LocalServer) -> None:
    made = await created(server, "webhook", {"auth": "bearer"})
    assert len(made["secret"]) >= 32
    shown = (await server.http.get(f"/v1/triggers/{made['id']}")).json()
    assert (shown["secret"], shown["has_secret"]) == (None, True)
    rotated = (await server.http.post(f"/v1/triggers/{made['id']}/secret")).json()
    assert rotated["secret"] not in (None, made["secret"])
    url = made["url"]
    for secret, status in ((made["secret"], 401), (rotated["secret"], 202)):
        answer = await server.http.post(url, headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == status
