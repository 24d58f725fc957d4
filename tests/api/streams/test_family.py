"""The events of an execution with those of its children: streamed live, resumed, paged, filtered (R19, R33, R54)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from flowray.api.context import ApiContext
from flowray.api.streams.events import EventFilter
from flowray.api.streams.family import family_frames, family_log
from flowray.engine import events as ev
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.writes import InsertExecution
from tests.api.conftest import GREET, frames
from tests.api.fake_directory import NOW_MS, FakeDirectory

CALLED = ev.ChildStarted(ts=NOW_MS, instance="in", node_id="in", attempt=1, child_id="kid", workflow_id="w", version=2)
HEARD = ev.ChildEnded(ts=NOW_MS, instance="in", node_id="in", attempt=1, child_id="kid", status="completed", last_seq=2)
BEGUN, DONE = ev.ExecutionStarted(ts=NOW_MS), ev.ExecutionCompleted(ts=NOW_MS)


@pytest.fixture
async def parent(http: httpx.AsyncClient, directory: FakeDirectory) -> ExecutionRecord:
    """A running execution that has called ``kid``."""
    directory.on_start = lambda fake, record: fake.play(record.id, BEGUN, CALLED)
    started = (await http.post("/v1/executions", json={"definition": GREET, "inputs": {"name": "Ada"}})).json()
    record = directory.store.execution(started["id"])
    assert record is not None
    kid = ExecutionRecord(
        id="kid", status="queued", plan_hash=record.plan_hash, parent_id=record.id, parent_key="in#1",
        root_id=record.id, depth=1, owner_id="fake", epoch=1,
    )  # fmt: skip
    directory.store.commit([InsertExecution(record=kid, plan=b"")])
    return record


def finish(directory: FakeDirectory, parent: ExecutionRecord) -> None:
    directory.play("kid", BEGUN, DONE)
    directory.play(parent.id, HEARD, DONE)


def url(parent: ExecutionRecord, more: str = "") -> str:
    return f"/v1/executions/{parent.id}/events?children=1{more}"


async def next_event(texts: Any) -> tuple[str | None, str, Any]:
    async for text in texts:
        found = frames(text)
        if found:
            return found[0]
    raise AssertionError("the stream ended")


async def test_events_of_the_child_come_between_its_start_and_its_end(
    http: httpx.AsyncClient, directory: FakeDirectory, parent: ExecutionRecord
) -> None:
    finish(directory, parent)
    found = frames((await http.get(url(parent))).text)
    assert [(number, data["execution_id"], data["seq"], kind) for number, kind, data in found] == [
        ("1", parent.id, 1, "execution.started"),
        ("2;2:0", parent.id, 2, "child.started"),
        ("2;2:1", "kid", 1, "execution.started"),
        ("2", "kid", 2, "execution.completed"),
        ("3", parent.id, 3, "child.ended"),
        ("4", parent.id, 4, "execution.completed"),
    ]
    assert [data["cursor"] for _, _, data in found] == [number for number, _, _ in found]
    assert found[1][2]["version"] == 2


async def test_it_is_followed_live_and_ends_with_the_parent(
    context: ApiContext, directory: FakeDirectory, parent: ExecutionRecord
) -> None:
    log = await family_log(context, parent, "2;2:0")
    texts = family_frames(context, parent, log, EventFilter())
    assert await anext(texts) == "retry: 2000\n\n"
    assert await anext(texts) == ": heartbeat\n\n"
    directory.play("kid", BEGUN)
    assert (await next_event(texts))[:2] == ("2;2:1", "execution.started")
    directory.play("kid", DONE)
    assert (await next_event(texts))[:2] == ("2", "execution.completed")
    directory.play(parent.id, HEARD, DONE)
    rest = "".join([text async for text in texts])
    assert [number for number, _, _ in frames(rest)] == ["3", "4"]
    assert directory._readers == []


@pytest.mark.parametrize("cursor", ["0", "2;2:1", "2", "3"])
async def test_r33_it_resumes_anywhere(
    http: httpx.AsyncClient, directory: FakeDirectory, parent: ExecutionRecord, cursor: str
) -> None:
    finish(directory, parent)
    whole = [number for number, _, _ in frames((await http.get(url(parent))).text)]
    resumed = frames((await http.get(url(parent), headers={"Last-Event-ID": cursor})).text)
    assert [number for number, _, _ in resumed] == whole[whole.index(cursor) + 1 if cursor != "0" else 0 :]
    assert (await http.get(url(parent), headers={"Last-Event-ID": "4"})).status_code == 204


async def test_pages_hold_the_same(http: httpx.AsyncClient, directory: FakeDirectory, parent: ExecutionRecord) -> None:
    finish(directory, parent)
    seen: list[tuple[str, int]] = []
    after: str | None = "0"
    while after is not None:
        answer = await http.get(url(parent, f"&after={after}&limit=2"), headers={"Accept": "application/json"})
        page = answer.json()
        seen += [(event["execution_id"], event["seq"]) for event in page["data"]]
        after = page["next_cursor"]
    assert seen == [(parent.id, 1), (parent.id, 2), ("kid", 1), ("kid", 2), (parent.id, 3), (parent.id, 4)]


async def test_filters_hold_for_all(http: httpx.AsyncClient, directory: FakeDirectory, parent: ExecutionRecord) -> None:
    finish(directory, parent)
    found = frames((await http.get(url(parent, "&types=child.ended"))).text)
    assert [kind for _, kind, _ in found] == ["execution.completed", "child.ended", "execution.completed"]


@pytest.mark.parametrize("after", ["9", "2;9:1"])
async def test_a_cursor_of_another_log_is_refused(
    http: httpx.AsyncClient, directory: FakeDirectory, parent: ExecutionRecord, after: str
) -> None:
    answer = await http.get(url(parent, f"&after={after}"), headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_CURSOR")


async def test_a_composite_cursor_without_children_is_refused(http: httpx.AsyncClient, parent: ExecutionRecord) -> None:
    answer = await http.get(f"/v1/executions/{parent.id}/events?after=2;2:0")
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_CURSOR")


async def test_a_stream_whose_cursor_is_lost_is_reset_to_the_present(
    context: ApiContext, directory: FakeDirectory, parent: ExecutionRecord
) -> None:
    directory.prune(parent.id, 1)
    log = await family_log(context, parent, "1")
    texts = family_frames(context, parent, log, EventFilter())
    number, kind, data = await next_event(texts)
    assert (number, kind, data["state"]["id"]) == ("2", "stream.reset", parent.id)
    directory.play(parent.id, DONE)
    assert (await next_event(texts))[1] == "execution.completed"


async def test_children_are_listed_by_their_parent(
    http: httpx.AsyncClient, directory: FakeDirectory, parent: ExecutionRecord
) -> None:
    listed = (await http.get("/v1/executions", params={"parent_id": parent.id})).json()["data"]
    assert [(child["id"], child["parent_id"]) for child in listed] == [("kid", parent.id)]
    assert (await http.get(f"/v1/executions/{parent.id}/children")).json()["data"] == listed
    assert (await http.get("/v1/executions/kid/children")).json()["data"] == []
    assert (await http.get("/v1/executions/nobody/children")).status_code == 404
