"""Routes of batches: all rows are checked, then started in chunks, and found again by one id."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from flowray import wire
from flowray.values import decode_json
from tests.api.fake_directory import FakeDirectory

ROWS = [{"name": name} for name in ("Ada", "Grace", "Edsger", "Barbara")]


@pytest.fixture
def batches(workflow: dict[str, Any]) -> str:
    return f"/v1/workflows/{workflow['id']}/batches"


async def test_202_with_the_executions_in_order_of_the_rows(
    http: httpx.AsyncClient, directory: FakeDirectory, batches: str
) -> None:
    answer = await http.post(batches, json={"inputs": ROWS, "options": {"labels": {"run": "1"}}})
    body = answer.json()
    assert (answer.status_code, body["count"]) == (202, 4)
    assert set(body) == set(wire.BatchStarted.model_fields)
    assert answer.headers["location"] == f"/v1/batches/{body['batch_id']}"
    records = [directory.store.execution(its_id) for its_id in body["executions"]]
    assert [record.inputs for record in records if record] == ROWS
    assert {record.batch_id for record in records if record} == {body["batch_id"]}
    assert [record.labels for record in records if record] == [{"run": "1"}] * 4
    assert directory.start_sizes == [3, 1]


async def test_jsonl_is_read_line_by_line(http: httpx.AsyncClient, batches: str) -> None:
    headers = {"Content-Type": "application/x-ndjson"}
    answer = await http.post(batches, content=b'{"name": "Ada"}\n\n{"name": "Grace"}\n', headers=headers)
    assert (answer.status_code, answer.json()["count"]) == (202, 2)
    broken = await http.post(batches, content=b'{"name": "Ada"}\n{"name": \n', headers=headers)
    assert (broken.status_code, broken.json()["code"]) == (400, "MALFORMED_BODY")
    assert broken.json()["detail"].startswith("line 2: ")
    scalar = await http.post(batches, content=b"3\n", headers=headers)
    assert (scalar.status_code, scalar.json()["errors"][0]["pointer"]) == (422, "/inputs/0")


async def test_one_wrong_row_starts_none(http: httpx.AsyncClient, directory: FakeDirectory, batches: str) -> None:
    answer = await http.post(batches, json={"inputs": [{"name": "Ada"}, {}, {"name": None}]})
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_INPUT")
    assert [item["pointer"] for item in answer.json()["errors"]] == ["/inputs/1/name", "/inputs/2/name"]
    assert directory.start_sizes == []


@pytest.mark.parametrize("rows", [[], [{"name": "x"}] * 11])
async def test_a_batch_has_a_row_and_not_too_many(
    http: httpx.AsyncClient, directory: FakeDirectory, batches: str, rows: list[Any]
) -> None:
    answer = await http.post(batches, json={"inputs": rows})
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert directory.start_sizes == []


async def test_progress_and_results(http: httpx.AsyncClient, directory: FakeDirectory, batches: str) -> None:
    started = (await http.post(batches, json={"inputs": ROWS})).json()
    body = (await http.get(started["status_url"])).json()
    assert set(body) == set(wire.Batch.model_fields)
    assert (body["count"], body["statuses"], body["done"], body["percent"]) == (4, {"completed": 4}, True, 100.0)
    answer = await http.get(started["results_url"])
    assert answer.headers["content-type"].startswith("application/jsonl")
    lines = [decode_json(line) for line in answer.text.splitlines()]
    assert sorted(line["index"] for line in lines) == [0, 1, 2, 3]
    assert [line["execution_id"] for line in sorted(lines, key=lambda line: line["index"])] == started["executions"]
    assert lines[0]["outputs"] == {"greeting": "Hello Ada"}
    assert set(lines[0]) == set(wire.BatchResult.model_fields)


async def test_a_running_batch_is_not_done(http: httpx.AsyncClient, directory: FakeDirectory, batches: str) -> None:
    directory.on_start = None
    started = (await http.post(batches, json={"inputs": ROWS})).json()
    body = (await http.get(started["status_url"])).json()
    assert (body["statuses"], body["done"], body["ended"], body["percent"]) == ({"queued": 4}, False, 0, 0.0)


async def test_a_repeat_with_the_same_key_is_the_same_batch(
    http: httpx.AsyncClient, directory: FakeDirectory, batches: str
) -> None:
    headers = {"Idempotency-Key": "k"}
    first, second = [await http.post(batches, json={"inputs": ROWS}, headers=headers) for _ in range(2)]
    assert first.json() == second.json()
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert len(directory.store.executions().data) == 4
    fewer = await http.post(batches, json={"inputs": ROWS[:2]}, headers=headers)
    assert (fewer.status_code, fewer.json()["code"]) == (422, "IDEMPOTENCY_MISMATCH")


async def test_a_batch_cut_in_the_middle_says_how_far_it_came_and_can_be_finished(
    http: httpx.AsyncClient, directory: FakeDirectory, batches: str
) -> None:
    finish = directory.on_start
    assert finish is not None

    def fail_after_the_first_chunk(fake: FakeDirectory, record: Any) -> None:
        finish(fake, record)
        fake.down = True

    directory.on_start = fail_after_the_first_chunk
    headers = {"Idempotency-Key": "k"}
    cut = await http.post(batches, json={"inputs": ROWS}, headers=headers)
    assert (cut.status_code, cut.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert "3 of 4 rows were started" in cut.json()["detail"]
    directory.on_start, directory.down = finish, False
    rest = await http.post(batches, json={"inputs": ROWS}, headers=headers)
    assert (rest.status_code, rest.json()["count"]) == (202, 4)
    assert len(directory.store.executions().data) == 4


async def test_an_unknown_batch(http: httpx.AsyncClient) -> None:
    for path in ("/v1/batches/none", "/v1/batches/none/results"):
        assert (await http.get(path)).json()["code"] == "NOT_FOUND"
