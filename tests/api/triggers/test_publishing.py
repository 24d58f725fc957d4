"""What a save says about the triggers of its nodes."""

from __future__ import annotations

from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.writes.triggers import DeleteTrigger
from tests.api.trigger_calls import app_over, saved, triggered


async def test_a_node_of_a_foreign_dialect_that_makes_no_trigger_is_left_out_and_named_at_publishing() -> None:
    foreign = {
        "name": "theirs",
        "entryPoint": "t",
        "nodes": {
            "t": {"type": "trigger", "name": "T", "config": {"triggerType": "schedule", "schedule": "whenever"}},
            "o": {"type": "output", "name": "O", "config": {"outputName": "x", "value": "1"}},
        },
        "edges": [{"id": "e", "source": "t", "target": "o"}],
    }
    store = MemoryStore()
    async with app_over(store) as (server, _):
        answer = await server.http.post("/v1/workflows", json={**foreign, "dialect": "flowmaestro"})
        assert answer.status_code == 201, answer.text
        workflow_id = answer.json()["id"]
        assert store.triggers.of_nodes(workflow_id) == []
        refused = await server.http.post(f"/v1/workflows/{workflow_id}/publish")
        assert (refused.status_code, refused.json()["code"], refused.json()["node_id"]) == (
            422,
            "INVALID_DEFINITION",
            "t",
        )


async def test_publishing_registers_what_was_saved_before_there_were_triggers() -> None:
    store = MemoryStore()
    async with app_over(store) as (server, _):
        workflow_id = await saved(server, triggered(triggerType="webhook", authType="bearer"))
        [registered] = store.triggers.of_nodes(workflow_id)
        store.commit([DeleteTrigger(id=registered.id)])
        [published] = (await server.http.post(f"/v1/workflows/{workflow_id}/publish")).json()["triggers"]
        assert (published["enabled"], published["node_id"], published["url"]) == (
            True, "start", f"/v1/hooks/{published['id']}",
        )  # fmt: skip
        # It asks for a token, and nobody has one yet.
        assert published["has_secret"] is False
        assert (await server.http.post(published["url"])).status_code == 401
        secret = (await server.http.post(f"/v1/triggers/{published['id']}/secret")).json()["secret"]
        bearer = {"Authorization": f"Bearer {secret}"}
        assert (await server.http.post(published["url"], headers=bearer)).status_code == 202
        await server.http.put(
            f"/v1/workflows/{workflow_id}", json=triggered("x", triggerType="webhook", authType="bearer")
        )
        assert (await server.http.post(published["url"], headers=bearer)).status_code == 202


async def test_a_save_that_is_refused_registers_nothing() -> None:
    store = MemoryStore()
    async with app_over(store) as (server, _):
        definition = triggered(triggerType="manual")
        assert (await server.http.put("/v1/workflows/nope", json=definition)).status_code == 404
        assert store.triggers.page().data == ()
