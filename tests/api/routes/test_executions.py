"""Routes of executions: their whole state, lists, cancellation, plans and tokens."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from flowray import wire
from flowray.engine import events as ev
from flowray.values import describe, encode_json, to_wire
from tests.api.conftest import GREET
from tests.api.fake_directory import NOW_MS, FakeDirectory


async def start(http: httpx.AsyncClient, workflow: dict[str, Any], name: str = "Ada") -> str:
    answer = await http.post(f"/v1/workflows/{workflow['id']}/execute", json={"inputs": {"name": name}})
    started: str = answer.json()["id"]
    return started


async def test_get_answers_every_field_of_the_contract(http: httpx.AsyncClient, workflow: dict[str, Any]) -> None:
    """R53."""
    body = (await http.get(f"/v1/executions/{await start(http, workflow)}")).json()
    assert set(body) == set(wire.Execution.model_fields)
    wire.Execution.model_validate(body)
    assert (body["status"], body["outputs"], body["inputs"]) == (
        "completed",
        {"greeting": "Hello Ada"},
        {"name": "Ada"},
    )
    assert (body["workflow_id"], body["workflow_version"]) == (workflow["id"], 1)
    assert (body["created_at"], body["ended_at"]) == ("2025-06-15T15:06:40.000Z", "2025-06-15T15:06:40.009Z")
    assert set(wire.Progress.model_fields) <= set(body["progress"])
    assert body["last_seq"] == 4


async def test_what_it_waits_for_has_times_of_the_contract(
    http: httpx.AsyncClient, directory: FakeDirectory, workflow: dict[str, Any]
) -> None:
    entry = {
        "waitpoint_id": "w#1", "node_id": "w", "instance": "w", "kind": "time", "reason": "r", "created_at": NOW_MS,
        "expires_at": None,
    }  # fmt: skip
    directory.on_start = lambda fake, record: fake.play(
        record.id, ev.ExecutionWaiting(ts=NOW_MS), changes={"waiting_for": [entry]}
    )
    (shown,) = (await http.get(f"/v1/executions/{await start(http, workflow)}")).json()["waiting_for"]
    assert set(shown) == set(wire.WaitingFor.model_fields)
    assert (shown["created_at"], shown["expires_at"], shown["token"]) == ("2025-06-15T15:06:40.000Z", None, None)


async def test_stored_outputs_are_resolved_and_those_of_others_are_not(
    http: httpx.AsyncClient, directory: FakeDirectory, workflow: dict[str, Any]
) -> None:
    execution_id = await start(http, workflow)
    value = ["x" * 40_000]
    mine = directory.store.payloads.put(execution_id, "k", encode_json(value))
    theirs = directory.store.payloads.put("another", "k", encode_json("secret"))
    foreign = to_wire(describe(theirs, "secret", encode_json("secret")))
    outputs = {"mine": to_wire(describe(mine, value, encode_json(value))), "theirs": foreign, "plain": 1}
    directory.on_start = None
    execution_id = await start(http, workflow)
    mine = directory.store.payloads.put(execution_id, "k", encode_json(value))
    outputs["mine"] = to_wire(describe(mine, value, encode_json(value)))
    directory.play(execution_id, ev.ExecutionCompleted(ts=NOW_MS, outputs=outputs))
    shown = (await http.get(f"/v1/executions/{execution_id}")).json()["outputs"]
    assert shown == {"mine": value, "theirs": foreign, "plain": 1}
    listed = (await http.get("/v1/executions?limit=1")).json()["data"][0]["outputs"]
    assert listed["mine"]["$flowray"] == "stored"


async def test_list_filters_and_pages(
    http: httpx.AsyncClient, directory: FakeDirectory, workflow: dict[str, Any]
) -> None:
    ids = [await start(http, workflow) for _ in range(3)]
    directory.on_start = None
    other = (await http.post("/v1/workflows", json=GREET)).json()
    queued = await start(http, other)

    async def listed(**params: Any) -> list[str]:
        answer = await http.get("/v1/executions", params=params)
        assert answer.status_code == 200, answer.text
        return [row["id"] for row in answer.json()["data"]]

    assert await listed() == [queued, *reversed(ids)]
    assert await listed(status="queued") == [queued]
    assert len(await listed(status="queued,completed")) == 4
    assert len(await listed(status=["queued", "completed"])) == 4
    assert await listed(workflow_id=other["id"]) == [queued]
    assert await listed(created_after="2025-06-15T15:06:41Z") == []
    assert len(await listed(created_after="2025-06-15T15:06:39")) == 4
    assert await listed(created_before="2025-06-15T15:06:39Z") == []
    assert len(await listed(created_before="2025-06-15T15:06:41Z")) == 4
    assert await listed(ids=[ids[1], "nobody"]) == [ids[1]]
    assert await listed(ids=f"{ids[0]},{queued}", status="queued") == [queued]
    page = (await http.get("/v1/executions?limit=3")).json()
    assert page["has_more"] is True
    assert await listed(limit=3, cursor=page["next_cursor"]) == [ids[0]]
    assert set(page) == {"data", "next_cursor", "has_more"}


async def test_list_by_labels(http: httpx.AsyncClient, directory: FakeDirectory, workflow: dict[str, Any]) -> None:
    url = f"/v1/workflows/{workflow['id']}/execute"
    given = ({"team": "a", "x": "y=z"}, {"team": "A"}, {"team": "a"})
    ids = [
        (await http.post(url, json={"inputs": {"name": "Ada"}, "options": {"labels": labels}})).json()["id"]
        for labels in given
    ]

    async def listed(*labels: str) -> list[str]:
        answer = await http.get("/v1/executions", params={"labels": list(labels)})
        assert answer.status_code == 200, answer.text
        return [row["id"] for row in answer.json()["data"]]

    assert await listed("team=a") == [ids[2], ids[0]]
    assert await listed("team=A") == [ids[1]]
    assert await listed("team=a", "x=y=z") == [ids[0]]
    assert await listed("team=a", "team=a") == [ids[2], ids[0]]
    for wrong in (["team"], ["=a"], ["team=a", "team=b"]):
        answer = await http.get("/v1/executions", params={"labels": wrong})
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")


class TestCancel:
    @pytest.fixture
    async def running(self, http: httpx.AsyncClient, directory: FakeDirectory, workflow: dict[str, Any]) -> str:
        directory.on_start = lambda fake, record: fake.play(record.id, ev.ExecutionStarted(ts=NOW_MS))
        return await start(http, workflow)

    async def test_202_once_the_request_is_kept(
        self, http: httpx.AsyncClient, directory: FakeDirectory, running: str
    ) -> None:
        """R35: the point of no return is the inbox commit."""
        answer = await http.post(f"/v1/executions/{running}/cancel", json={"reason": "wrong customer"})
        assert (answer.status_code, answer.json()["id"]) == (202, running)
        (row,) = directory.store.inbox(running)
        assert (row.kind, row.data, row.dedupe_key) == ("cancel", {"reason": "wrong customer"}, "cancel")

    async def test_it_may_be_repeated(self, http: httpx.AsyncClient, directory: FakeDirectory, running: str) -> None:
        answers = [await http.post(f"/v1/executions/{running}/cancel") for _ in range(2)]
        assert [answer.status_code for answer in answers] == [202, 202]
        assert len(directory.store.inbox(running)) == 1

    async def test_200_if_it_is_cancelled_already(
        self, http: httpx.AsyncClient, directory: FakeDirectory, running: str
    ) -> None:
        """R56."""
        directory.play(running, ev.ExecutionCancelled(ts=NOW_MS))
        answer = await http.post(f"/v1/executions/{running}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")

    async def test_409_if_it_has_ended_otherwise(
        self, http: httpx.AsyncClient, directory: FakeDirectory, running: str
    ) -> None:
        directory.play(running, ev.ExecutionCompleted(ts=NOW_MS))
        answer = await http.post(f"/v1/executions/{running}/cancel")
        assert (answer.status_code, answer.json()["code"]) == (409, "EXECUTION_ENDED")
        assert answer.json()["execution_id"] == running

    async def test_409_if_it_ends_in_that_moment(
        self, http: httpx.AsyncClient, directory: FakeDirectory, running: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        request = directory.request

        async def late(record: Any) -> Any:
            directory.play(running, ev.ExecutionCompleted(ts=NOW_MS))
            return await request(record)

        monkeypatch.setattr(directory, "request", late)
        answer = await http.post(f"/v1/executions/{running}/cancel")
        assert (answer.status_code, answer.json()["code"]) == (409, "EXECUTION_ENDED")

    async def test_an_unknown_execution(self, http: httpx.AsyncClient) -> None:
        assert (await http.post("/v1/executions/none/cancel")).status_code == 404


async def test_the_plan_is_that_of_the_start(http: httpx.AsyncClient, workflow: dict[str, Any]) -> None:
    execution_id = await start(http, workflow)
    await http.delete(f"/v1/workflows/{workflow['id']}")
    plan = (await http.get(f"/v1/executions/{execution_id}/plan")).json()
    assert plan["start_nodes"] == ["in"]
    assert (await http.get(f"/v1/executions/{execution_id}")).json()["plan_hash"] == plan["hash"]


async def test_public_tokens_are_renewed(http: httpx.AsyncClient, workflow: dict[str, Any]) -> None:
    execution_id = await start(http, workflow)
    body = (await http.get(f"/v1/executions/{execution_id}/public-token")).json()
    assert set(body) == {"public_token", "expires_at"}
    wire.PublicToken.model_validate(body)
    assert body["expires_at"].endswith("Z")
    answer = await http.get(f"/v1/executions/{execution_id}", params={"token": body["public_token"]})
    assert answer.status_code == 200


async def test_a_token_that_is_given_must_be_right(http: httpx.AsyncClient, workflow: dict[str, Any]) -> None:
    first, second = await start(http, workflow), await start(http, workflow)
    token = (await http.get(f"/v1/executions/{first}/public-token")).json()["public_token"]
    for path in ("", "/events", "/nodes", "/plan", "/streams/llm-a", "/nodes/in/output"):
        foreign = await http.get(f"/v1/executions/{second}{path}", params={"token": token})
        assert (foreign.status_code, foreign.json()["code"]) == (403, "FORBIDDEN"), path
        forged = await http.get(f"/v1/executions/{first}{path}", params={"token": token + "x"})
        assert (forged.status_code, forged.json()["code"]) == (401, "UNAUTHORIZED"), path
