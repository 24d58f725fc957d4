"""POST /executions/{id}/rerun: answers, keys, and what it refuses (R56)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.api.conftest import frames
from tests.api.part_runs import World, chain, open_world
from tests.runtime.workflows import definition


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world() as opened:
        yield opened


async def test_202_like_a_start_and_the_body_may_be_absent(world: World) -> None:
    done = await world.run(chain(), {"x": 1})
    answer = await world.http.post(f"/v1/executions/{done['id']}/rerun")
    body = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (202, f"/v1/executions/{body['id']}")
    assert set(body) == {"id", "workflow_id", "status", "events_url", "public_token"}
    assert body["id"] != done["id"]


async def test_events_follow_where_they_are_asked_for(world: World) -> None:
    done = await world.run(chain(), {"x": 1})
    url = f"/v1/executions/{done['id']}/rerun"
    stream = await world.http.post(url, json={"from_node": "b"}, headers={"Accept": "text/event-stream"})
    kinds = [event for _, event, _ in frames(stream.text)]
    assert kinds.count("node.reused") == 2
    assert kinds[-2:].count("execution.completed") == 1


async def test_the_same_key_starts_once_and_another_body_is_refused(world: World) -> None:
    done = await world.run(chain(), {"x": 1})
    url, headers = f"/v1/executions/{done['id']}/rerun", {"Idempotency-Key": "k"}
    first = await world.http.post(url, json={"from_node": "b"}, headers=headers)
    second = await world.http.post(url, json={"from_node": "b"}, headers=headers)
    assert (first.json()["id"], second.headers["Idempotent-Replayed"]) == (second.json()["id"], "true")
    other = await world.http.post(url, json={"from_node": "a"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_MISMATCH")


async def test_r56_an_execution_that_has_not_ended_is_409(world: World) -> None:
    waits = definition({"w": {"type": "wait", "config": {"duration": 3600, "unit": "seconds"}}})
    started = (await world.http.post("/v1/executions", json={"definition": waits})).json()
    problem = await world.rerun(started, 409)
    assert (problem["code"], problem["execution_id"]) == ("EXECUTION_NOT_ENDED", started["id"])
    await world.http.post(f"/v1/executions/{started['id']}/cancel")
    events = await world.http.get(f"/v1/executions/{started['id']}/events", headers={"Accept": "text/event-stream"})
    assert frames(events.text)[-1][1] == "execution.cancelled"
    assert (await world.http.post(f"/v1/executions/{started['id']}/rerun")).status_code == 202


async def test_an_unknown_execution_is_404_and_a_wrong_field_422(world: World) -> None:
    assert (await world.rerun({"id": "nope"}, 404))["code"] == "NOT_FOUND"
    done = await world.run(chain(), {"x": 1})
    assert (await world.rerun(done, 422, from_nodes="b"))["code"] == "INVALID_REQUEST"
    problem = await world.rerun(done, 422, options={"run_until": "b"})
    assert problem["errors"][0]["pointer"] == "/options/run_until"
    assert (await world.rerun(done, 422, from_node="zz"))["errors"][0]["pointer"] == "/from_node"


async def test_inputs_are_checked_as_at_a_start(world: World) -> None:
    document = {**chain(), "inputs": {"type": "object", "properties": {"x": {"type": "integer"}}}}
    done = await world.run(document, {"x": 1})
    problem = await world.rerun(done, 422, inputs={"x": "many"})
    assert (problem["code"], problem["errors"][0]["pointer"]) == ("INVALID_INPUT", "/inputs/x")
    assert (await world.rerun(done, inputs={"x": "2"}))["outputs"] == {"y": "2 a b"}
