"""Routes that start executions: what is kept, what is refused, and how the answer comes."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from flowray import wire
from flowray.engine import events as ev
from flowray.engine.signals import NodeError
from flowray.persistence.records import ExecutionRecord
from tests.api.conftest import GREET, frames
from tests.api.fake_directory import NOW_MS, FakeDirectory, complete

ADA = {"inputs": {"name": "Ada"}}
SSE = {"Accept": "text/event-stream"}


@pytest.fixture
def execute(workflow: dict[str, Any]) -> str:
    return f"/v1/workflows/{workflow['id']}/execute"


async def test_202_names_what_is_kept(
    http: httpx.AsyncClient, directory: FakeDirectory, execute: str, workflow: dict[str, Any]
) -> None:
    directory.on_start = None
    answer = await http.post(execute, json={**ADA, "options": {"labels": {"team": "a"}, "metadata": {"n": [1]}}})
    body = answer.json()
    assert answer.status_code == 202
    assert set(body) == set(wire.ExecutionStarted.model_fields)
    assert (body["workflow_id"], body["status"]) == (workflow["id"], "queued")
    assert body["events_url"] == f"/v1/executions/{body['id']}/events"
    assert answer.headers["location"] == f"/v1/executions/{body['id']}"
    record = directory.store.execution(body["id"])
    assert record is not None
    assert (record.inputs, record.workflow_version, record.workflow_name) == ({"name": "Ada"}, 1, "greet")
    assert (record.labels, record.metadata, record.trigger) == ({"team": "a"}, {"n": [1]}, "in")
    assert directory.store.plan(record.plan_hash) is not None


async def test_bad_input_a_missing_input_is_refused_before_the_row_exists(
    http: httpx.AsyncClient, directory: FakeDirectory, execute: str
) -> None:
    """R57."""
    for body in ({}, {"inputs": {"name": None}}, {"inputs": {"other": 1}}):
        answer = await http.post(execute, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_INPUT")
        assert answer.json()["errors"] == [
            {"pointer": "/inputs/name", "message": "the required input 'name' is missing"}
        ]
    assert directory.store.executions().data == ()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"inputs": 3}, "/inputs"), ({"input": {}}, "/input"), ({"options": {"colour": "red"}}, "/options/colour"),
        ({"options": {"labels": {"a": 1}}}, "/options/labels/a"), ([], ""),
    ],
)  # fmt: skip
async def test_a_body_that_does_not_fit_is_named_by_its_pointer(
    http: httpx.AsyncClient, execute: str, body: Any, pointer: str
) -> None:
    answer = await http.post(execute, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_bad_input_malformed_json(http: httpx.AsyncClient, execute: str) -> None:
    answer = await http.post(execute, content=b'{"inputs": }', headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED_BODY")
    assert "line 1, column 12" in answer.json()["detail"]


@pytest.mark.parametrize("moment", ["2030-01-01T00:00:00Z", "2030-01-01T01:00:00+01:00", "2030-01-01T00:00:00"])
async def test_r14_the_deadline_is_absolute_and_shown(http: httpx.AsyncClient, execute: str, moment: str) -> None:
    started = (await http.post(execute, json={**ADA, "options": {"deadline": moment}})).json()
    shown = (await http.get(f"/v1/executions/{started['id']}")).json()
    assert shown["deadline"] == "2030-01-01T00:00:00.000Z"


async def test_a_deadline_that_is_no_time_is_refused(http: httpx.AsyncClient, execute: str) -> None:
    answer = await http.post(execute, json={**ADA, "options": {"deadline": "soon"}})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/options/deadline")


async def test_any_version_that_was_saved_can_be_asked_for(
    http: httpx.AsyncClient, execute: str, workflow: dict[str, Any]
) -> None:
    await http.put(f"/v1/workflows/{workflow['id']}", json={**GREET, "name": "newer"})
    statuses, ran = [], []
    for version in (1, 2, None, 0, 3):
        body = {**ADA, "options": {"version": version}}
        answer = await http.post(execute, json=body)
        statuses.append(answer.status_code)
        if answer.status_code == 202:
            row = (await http.get(f"/v1/executions/{answer.json()['id']}")).json()
            ran.append((row["workflow_version"], row["workflow_name"]))
    assert statuses == [202, 202, 202, 404, 404]
    assert ran == [(1, "greet"), (2, "newer"), (2, "newer")]


async def test_an_unknown_trigger_is_refused(http: httpx.AsyncClient, execute: str) -> None:
    answer = await http.post(execute, json={**ADA, "options": {"trigger": "nobody"}})
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_DEFINITION")


async def test_an_empty_body_means_no_inputs(http: httpx.AsyncClient) -> None:
    saved = (await http.post("/v1/workflows", json={"nodes": {"a": {"type": "input"}}, "schemaVersion": 1})).json()
    assert (await http.post(f"/v1/workflows/{saved['id']}/execute")).status_code == 202


class TestInline:
    async def test_a_definition_runs_without_being_stored(
        self, http: httpx.AsyncClient, directory: FakeDirectory
    ) -> None:
        answer = await http.post("/v1/executions", json={"definition": GREET, **ADA})
        assert (answer.status_code, answer.json()["workflow_id"]) == (202, None)
        assert directory.store.workflows().data == ()
        record = directory.store.execution(answer.json()["id"])
        assert record is not None
        assert (record.workflow_id, record.workflow_name) == (None, "greet")

    async def test_a_definition_may_be_text(self, http: httpx.AsyncClient) -> None:
        text = "schemaVersion: 1\nnodes: {a: {type: input}}\n"
        assert (await http.post("/v1/executions", json={"definition": text})).status_code == 202

    async def test_a_workflow_may_be_named(self, http: httpx.AsyncClient, workflow: dict[str, Any]) -> None:
        answer = await http.post("/v1/executions", json={"workflow_id": workflow["id"], **ADA})
        assert (answer.status_code, answer.json()["workflow_id"]) == (202, workflow["id"])

    @pytest.mark.parametrize("body", [{}, {"definition": GREET, "workflow_id": "w"}])
    async def test_exactly_one_of_both(self, http: httpx.AsyncClient, body: dict[str, Any]) -> None:
        answer = await http.post("/v1/executions", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")

    async def test_a_wrong_definition_starts_nothing(self, http: httpx.AsyncClient, directory: FakeDirectory) -> None:
        answer = await http.post("/v1/executions", json={"definition": {"nodes": {}}})
        assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_DEFINITION")
        assert directory.start_sizes == []


class TestIdempotency:
    async def test_same_key_and_body_is_the_same_execution(
        self, http: httpx.AsyncClient, directory: FakeDirectory, execute: str
    ) -> None:
        headers = {"Idempotency-Key": "k1"}
        first, second = [await http.post(execute, json=ADA, headers=headers) for _ in range(2)]
        assert (first.status_code, second.status_code) == (202, 202)
        assert first.json()["id"] == second.json()["id"]
        assert "idempotent-replayed" not in first.headers
        assert second.headers["idempotent-replayed"] == "true"
        assert len(directory.store.executions().data) == 1

    async def test_same_key_with_another_body_is_refused(self, http: httpx.AsyncClient, execute: str) -> None:
        headers = {"Idempotency-Key": "k1"}
        first = await http.post(execute, json=ADA, headers=headers)
        other = await http.post(execute, json={"inputs": {"name": "Grace"}}, headers=headers)
        assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_MISMATCH")
        assert other.json()["execution_id"] == first.json()["id"]

    async def test_the_option_is_the_same_key_as_the_header(self, http: httpx.AsyncClient, execute: str) -> None:
        by_option = await http.post(execute, json={**ADA, "options": {"idempotency_key": "k1"}})
        by_header = await http.post(execute, json=ADA, headers={"Idempotency-Key": "k1"})
        assert by_option.json()["id"] == by_header.json()["id"]

    async def test_keys_of_different_workflows_do_not_meet(self, http: httpx.AsyncClient) -> None:
        ids = set()
        for name in ("a", "b"):
            saved = (await http.post("/v1/workflows", json={**GREET, "name": name})).json()
            answer = await http.post(
                f"/v1/workflows/{saved['id']}/execute", json=ADA, headers={"Idempotency-Key": "same"}
            )
            ids.add(answer.json()["id"])
        assert len(ids) == 2

    async def test_a_key_beyond_the_limit_is_refused(self, http: httpx.AsyncClient, execute: str) -> None:
        answer = await http.post(execute, json=ADA, headers={"Idempotency-Key": "k" * 256})
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")


class TestWait:
    async def test_200_with_the_whole_execution_once_it_has_ended(self, http: httpx.AsyncClient, execute: str) -> None:
        answer = await http.post(f"{execute}?wait=5", json=ADA)
        assert (answer.status_code, answer.json()["status"]) == (200, "completed")
        assert answer.json()["outputs"] == {"greeting": "Hello Ada"}
        assert answer.headers["location"] == f"/v1/executions/{answer.json()['id']}"

    async def test_a_failed_execution_is_200_too(
        self, http: httpx.AsyncClient, directory: FakeDirectory, execute: str
    ) -> None:
        """R56. A dead LLM server ends a node, and with it the execution, with a code of its own."""
        error = NodeError("no answer from http://127.0.0.1:9", "PROVIDER_UNREACHABLE", "ask", 1)
        body = {"message": error.message, "code": error.code, "node_id": "ask", "attempt": 1}
        directory.on_start = lambda fake, record: fake.play(
            record.id, ev.ExecutionFailed(ts=NOW_MS, error=error), changes={"error": body, "errors": [body]}
        )
        answer = await http.post(f"{execute}?wait=5", json=ADA)
        assert (answer.status_code, answer.json()["status"]) == (200, "failed")
        assert answer.json()["error"] == {**body, "details": {}}
        assert answer.json()["errors"] == [{**body, "details": {}}]

    async def test_it_returns_on_pause(self, http: httpx.AsyncClient, directory: FakeDirectory, execute: str) -> None:
        directory.on_start = lambda fake, record: fake.play(
            record.id, ev.ExecutionStarted(ts=NOW_MS), ev.ExecutionPaused(ts=NOW_MS)
        )
        answer = await http.post(f"{execute}?wait=5", json=ADA)
        assert (answer.status_code, answer.json()["status"]) == (200, "paused")

    async def test_202_if_it_takes_longer_and_it_goes_on(
        self, http: httpx.AsyncClient, directory: FakeDirectory, execute: str
    ) -> None:
        directory.on_start = lambda fake, record: fake.play(record.id, ev.ExecutionStarted(ts=NOW_MS))
        answer = await http.post(f"{execute}?wait=0.02", json=ADA)
        assert answer.status_code == 202
        assert (answer.headers["retry-after"], answer.headers["location"]) == (
            "1", f"/v1/executions/{answer.json()['id']}",
        )  # fmt: skip
        assert set(answer.json()) == set(wire.ExecutionStarted.model_fields)
        assert directory.open_follows == 0
        assert directory.requests == []

    @pytest.mark.parametrize("wait", ["61", "-1", "soon", "nan"])
    async def test_a_wait_out_of_bounds_is_refused_before_anything_starts(
        self, http: httpx.AsyncClient, directory: FakeDirectory, execute: str, wait: str
    ) -> None:
        answer = await http.post(f"{execute}?wait={wait}", json=ADA)
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")
        assert directory.start_sizes == []

    async def test_wait_and_a_stream_exclude_each_other(self, http: httpx.AsyncClient, execute: str) -> None:
        """R56."""
        answer = await http.post(f"{execute}?wait=5", json=ADA, headers=SSE)
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")


class TestStream:
    async def test_the_first_frame_names_the_execution(self, http: httpx.AsyncClient, execute: str) -> None:
        """R54."""
        answer = await http.post(execute, json=ADA, headers=SSE)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-cache", "no")
        (number, kind, data), *rest = frames(answer.text)
        assert (number, kind) == (None, "execution.accepted")
        assert data["url"] == answer.headers["location"] == f"/v1/executions/{data['id']}"
        assert [(number, kind) for number, kind, _ in rest] == [
            ("1", "execution.started"), ("2", "node.started"), ("3", "node.completed"), ("4", "execution.completed"),
        ]  # fmt: skip
        assert rest[-1][2]["outputs"] == {"greeting": "Hello Ada"}

    async def test_the_row_of_a_new_execution_is_not_read_again(
        self, http: httpx.AsyncClient, directory: FakeDirectory, execute: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each read is a hop to a thread and a query, between the commit and the first event."""
        asked: list[str] = []

        def complete_and_watch(directory: FakeDirectory, record: ExecutionRecord) -> None:
            complete(directory, record)
            monkeypatch.setattr(directory.store, "execution", asked.append)

        directory.on_start = complete_and_watch
        answer = await http.post(execute, json=ADA, headers=SSE)
        assert [kind for _, kind, _ in frames(answer.text)][-1] == "execution.completed"
        assert asked == []

    async def test_a_replayed_start_streams_what_has_happened(self, http: httpx.AsyncClient, execute: str) -> None:
        headers = {**SSE, "Idempotency-Key": "k1"}
        first, second = [frames((await http.post(execute, json=ADA, headers=headers)).text) for _ in range(2)]
        assert first[0][2]["id"] == second[0][2]["id"]
        assert first[1:] == second[1:]
        assert [number for number, _, _ in second] == [None, "1", "2", "3", "4"]

    async def test_a_refusal_is_a_problem_and_no_stream(self, http: httpx.AsyncClient, execute: str) -> None:
        answer = await http.post(execute, json={}, headers=SSE)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


async def test_while_the_database_is_away_starting_answers_503(
    http: httpx.AsyncClient, directory: FakeDirectory, execute: str
) -> None:
    directory.down = True
    answer = await http.post(execute, json=ADA)
    assert (answer.status_code, answer.json()["code"]) == (503, "DATABASE_UNAVAILABLE")


async def test_a_workflow_that_does_not_exist(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/workflows/none/execute", json={})
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
