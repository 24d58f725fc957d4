"""Routes of node logs: attempts with timing, and whole outputs."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from flowray import wire
from flowray.engine import events as ev
from flowray.persistence.records import NodeLogRecord
from flowray.values import Chunk, StoredValue, describe, encode_json, to_wire
from tests.api.conftest import GREET
from tests.api.fake_directory import NOW_MS, FakeDirectory

BIG = ["y" * 100] * 20_000
"""More than the 1 MiB that a log shows."""


def log(execution_id: str, instance: str, attempt: int, **changes: Any) -> NodeLogRecord:
    fields: dict[str, Any] = {
        "node_id": instance.rpartition("/")[2], "type": "http", "name": "Fetch", "status": "completed", "seq": attempt,
        "success": True, "started_at": NOW_MS, "ended_at": NOW_MS + 12, "lane": "io",
    } | changes  # fmt: skip
    return NodeLogRecord(
        execution_id=execution_id, id=f"{instance}#{attempt}", instance=instance, attempt=attempt, **fields
    )


@pytest.fixture
async def nodes(http: httpx.AsyncClient, directory: FakeDirectory) -> str:
    """Two attempts of ``fetch``, one of ``loop[0]/fetch``, and ``ask``, which runs."""
    directory.on_start = None
    answer = await http.post("/v1/executions", json={"definition": GREET, "inputs": {"name": "Ada"}})
    its_id = answer.json()["id"]
    stored = directory.store.payloads.put(its_id, "k", encode_json(BIG))
    error = {"message": "refused", "code": "HTTP_ERROR", "node_id": "fetch", "attempt": 1}
    logs = [
        log(its_id, "fetch", 1, status="failed", success=False, error=error),
        log(its_id, "fetch", 2, input={"url": "http://x"}, output={"status": 200}),
        log(its_id, "loop[0]/fetch", 1, seq=3, output=to_wire(describe(stored, BIG, encode_json(BIG)))),
        log(its_id, "ask", 1, seq=4, status="running", success=None, ended_at=None, stream_id="llm-ask",
            usage={"input_tokens": 3, "output_tokens": 5, "model": "m", "cost": None, "estimated": False}),
    ]  # fmt: skip
    directory.play(its_id, ev.ExecutionStarted(ts=NOW_MS), logs=logs)
    return f"/v1/executions/{its_id}/nodes"


async def test_one_row_per_attempt_with_every_field_of_the_contract(http: httpx.AsyncClient, nodes: str) -> None:
    body = (await http.get(nodes)).json()
    assert [row["id"] for row in body["data"]] == ["fetch#1", "fetch#2", "loop[0]/fetch#1", "ask#1"]
    assert all(set(row) == set(wire.NodeAttempt.model_fields) for row in body["data"])
    wire.NodeAttemptPage.model_validate(body)
    failed, completed, _, running = body["data"]
    assert failed["error"] == {
        "message": "refused",
        "code": "HTTP_ERROR",
        "node_id": "fetch",
        "attempt": 1,
        "details": {},
    }
    assert (completed["duration_ms"], completed["started_at"]) == (12, "2025-06-15T15:06:40.000Z")
    assert (completed["input"], completed["output"]) == ({"url": "http://x"}, {"status": 200})
    assert (running["duration_ms"], running["ended_at"], running["success"]) == (None, None, None)
    assert running["usage"]["output_tokens"] == 5


async def test_outputs_above_a_mebibyte_are_shown_truncated(http: httpx.AsyncClient, nodes: str) -> None:
    """R16."""
    shown = (await http.get(nodes)).json()["data"][2]["output"]
    assert shown["__truncated"] is True
    assert shown["__originalSize"] == len(encode_json(BIG))
    assert shown["__preview"].startswith('["yyy')


async def test_filters_and_pages(http: httpx.AsyncClient, nodes: str) -> None:
    async def ids(**params: Any) -> list[str]:
        return [row["id"] for row in (await http.get(nodes, params=params)).json()["data"]]

    assert await ids(node_id="fetch") == ["fetch#1", "fetch#2", "loop[0]/fetch#1"]
    assert await ids(status="running") == ["ask#1"]
    assert (await http.get(nodes, params={"status": "happy"})).status_code == 400
    cursor = (await http.get(nodes, params={"limit": 3})).json()["next_cursor"]
    assert await ids(limit=3, cursor=cursor) == ["ask#1"]


async def test_the_output_of_the_latest_attempt(http: httpx.AsyncClient, nodes: str) -> None:
    """R55."""
    answer = await http.get(f"{nodes}/fetch/output")
    assert (answer.status_code, answer.json()) == (200, {"status": 200})
    assert answer.headers["content-type"] == "application/json"


async def test_a_stored_output_comes_whole_or_in_ranges(http: httpx.AsyncClient, nodes: str) -> None:
    path = f"{nodes}/loop%5B0%5D%2Ffetch/output"
    text = encode_json(BIG)
    assert (await http.get(path)).content == text
    part = await http.get(path, headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, text[5:10])
    assert part.headers["content-range"] == f"bytes 5-9/{len(text)}"
    assert (await http.get(path, headers={"Range": "bytes=-4"})).content == text[-4:]
    assert (await http.get(path, headers={"Range": "bytes=7-"})).content == text[7:]
    assert (await http.get(path, headers={"Range": f"bytes={len(text)}-"})).status_code == 416
    assert (await http.get(path, headers={"Range": "lines=1-2"})).status_code == 200


async def test_what_has_no_output_is_404(http: httpx.AsyncClient, nodes: str) -> None:
    for path, query in (("fetch", "?attempt=1"), ("fetch", "?attempt=9"), ("ask", ""), ("nobody", "")):
        answer = await http.get(f"{nodes}/{path}/output{query}")
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), path


async def test_r16_the_output_of_a_container_is_streamed_chunk_by_chunk(
    http: httpx.AsyncClient, nodes: str, directory: FakeDirectory
) -> None:
    its_id = nodes.split("/")[3]
    rows = [{"n": number, "text": "z" * 300_000} for number in range(12)]
    chunks = []
    for first in range(0, 12, 3):
        encoded = encode_json(rows[first : first + 3])
        payload_id = directory.store.payloads.put(its_id, "c", encoded)
        chunks.append(Chunk(payload_id, len(encoded), first + 3))
    manifest = StoredValue("", len(encode_json(rows)) + 2, 13, "[{", chunks=tuple(chunks), tail=(1,))
    logs = [log(its_id, "loop", 1, seq=9, output=to_wire(manifest))]
    directory.play(its_id, ev.ExecutionWaiting(ts=NOW_MS), logs=logs)
    whole = encode_json([*rows, 1])
    answer = await http.get(f"{nodes}/loop/output")
    assert (answer.status_code, answer.content == whole) == (200, True)
    assert answer.headers["Content-Length"] == str(len(whole))
    part = await http.get(f"{nodes}/loop/output", headers={"Range": "bytes=10-2000000"})
    assert (part.status_code, part.content == whole[10:2_000_001]) == (206, True)
    assert part.headers["Content-Range"] == f"bytes 10-2000000/{len(whole)}"
    end = await http.get(f"{nodes}/loop/output", headers={"Range": "bytes=-3"})
    assert end.content == b",1]"
    listed = next(row for row in (await http.get(nodes)).json()["data"] if row["id"] == "loop#1")
    assert listed["output"] == {"__truncated": True, "__originalSize": manifest.bytes, "__preview": "[{"}


async def test_r16_results_that_were_left_to_the_log_are_put_together_when_asked_for(
    http: httpx.AsyncClient, nodes: str, directory: FakeDirectory
) -> None:
    its_id = nodes.split("/")[3]
    stored = directory.store.payloads.put(its_id, "r", encode_json("big"))
    ends = [
        ev.ScopeCompleted(ts=NOW_MS, instance="loop", node_id="loop", scope=f"loop[{index}]", index=index, result=end)
        for index, end in ((1, {"n": 1}), (0, StoredValue(stored, 5)))
    ]
    logs = [log(its_id, "loop", 1, seq=9, output=to_wire(StoredValue("", 90_000, 2)))]
    directory.play(its_id, *ends, logs=logs)
    answer = await http.get(f"{nodes}/loop/output")
    assert (answer.status_code, answer.json()) == (200, ["big", {"n": 1}])
