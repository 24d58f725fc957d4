"""The generators behind event streams: live, silent, cut off, and never raising. R33, R54."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from flowray.api.context import ApiContext
from flowray.api.http.answers import event_stream
from flowray.api.streams.events import EventFilter, EventFrames, execution_frames, has_lost_cursor, is_over
from flowray.engine import events as ev
from flowray.eventlog.log import RecordedEvent
from flowray.persistence.records import ExecutionRecord
from tests.api.conftest import GREET, frames
from tests.api.fake_directory import NOW_MS, FakeDirectory


@pytest.fixture
async def running(http: httpx.AsyncClient, directory: FakeDirectory) -> ExecutionRecord:
    """An execution with one event that is still running."""
    directory.on_start = lambda fake, record: fake.play(record.id, ev.ExecutionStarted(ts=NOW_MS))
    answer = await http.post("/v1/executions", json={"definition": GREET, "inputs": {"name": "Ada"}})
    record = directory.store.execution(answer.json()["id"])
    assert record is not None
    return record


def stream(context: ApiContext, record: ExecutionRecord, after: int = 0) -> Any:
    return execution_frames(context, record, after, EventFrames(record.id, EventFilter()))


async def next_event(texts: Any) -> tuple[str | None, str, Any]:
    async for text in texts:
        found = frames(text)
        if found:
            return found[0]
    raise AssertionError("the stream ended")


async def test_events_come_as_they_are_committed(
    context: ApiContext, directory: FakeDirectory, running: ExecutionRecord
) -> None:
    texts = stream(context, running)
    assert await anext(texts) == "retry: 2000\n\n"
    assert (await next_event(texts))[:2] == ("1", "execution.started")
    directory.play(running.id, ev.NodeReady(ts=NOW_MS, instance="in", node_id="in"))
    assert (await next_event(texts))[:2] == ("2", "node.ready")
    directory.play(running.id, ev.ExecutionCompleted(ts=NOW_MS))
    assert (await next_event(texts))[:2] == ("3", "execution.completed")
    assert [text async for text in texts] == []
    assert directory.open_follows == 0


async def test_silence_is_filled_with_comments(context: ApiContext, running: ExecutionRecord) -> None:
    texts = stream(context, running, after=1)
    assert await anext(texts) == "retry: 2000\n\n"
    assert [await anext(texts), await anext(texts)] == [": heartbeat\n\n"] * 2
    await texts.aclose()


async def test_a_reader_that_leaves_lets_go_of_everything(
    context: ApiContext, directory: FakeDirectory, running: ExecutionRecord
) -> None:
    texts = stream(context, running)
    await anext(texts)
    await next_event(texts)
    assert (directory.open_follows, _open_streams(context)) == (1, 1)
    await texts.aclose()
    assert (directory.open_follows, _open_streams(context)) == (0, 0)
    assert directory.requests == []  # a disconnect never cancels (R56)


async def test_a_server_that_drops_the_answer_closes_the_generator(
    context: ApiContext, directory: FakeDirectory, running: ExecutionRecord
) -> None:
    sent: list[bytes] = []

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))
        if b"execution.started" in sent[-1]:
            raise OSError("gone")

    async def receive() -> Any:
        await asyncio.Event().wait()

    scope = {"type": "http", "asgi": {"spec_version": "2.4"}}
    await event_stream(stream(context, running))(scope, receive, send)
    assert (directory.open_follows, _open_streams(context)) == (0, 0)


async def test_what_breaks_becomes_an_error_frame(
    context: ApiContext, directory: FakeDirectory, running: ExecutionRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = stream(context, running)
    await anext(texts)
    await next_event(texts)
    directory.down = True
    directory.play(running.id, ev.NodeReady(ts=NOW_MS, instance="in", node_id="in"))
    number, kind, problem = await next_event(texts)
    assert (number, kind, problem["code"]) == (None, "error", "DATABASE_UNAVAILABLE")
    assert [text async for text in texts] == []
    directory.down = False

    def explode(event: RecordedEvent) -> str:
        raise ValueError("hunter2")

    broken = EventFrames(running.id, EventFilter())
    monkeypatch.setattr(broken, "of", explode)
    text = "".join([text async for text in execution_frames(context, running, 0, broken)])
    assert frames(text)[0][2]["code"] == "INTERNAL"
    assert "hunter2" not in text


async def test_a_pruned_cursor_of_a_running_execution_goes_on_from_the_present(
    context: ApiContext, directory: FakeDirectory, running: ExecutionRecord
) -> None:
    directory.play(running.id, ev.NodeReady(ts=NOW_MS, instance="in", node_id="in"))
    directory.prune(running.id, 1)
    current = directory.store.execution(running.id)
    assert current is not None
    texts = stream(context, current)
    number, kind, data = await next_event(texts)
    assert (number, kind, data["state"]["status"]) == ("2", "stream.reset", "running")
    directory.play(running.id, ev.ExecutionCompleted(ts=NOW_MS))
    assert (await next_event(texts))[:2] == ("3", "execution.completed")
    await texts.aclose()


async def test_cursors(context: ApiContext, directory: FakeDirectory, running: ExecutionRecord) -> None:
    assert [await has_lost_cursor(context, running, after) for after in (0, 1, 2)] == [False, False, True]
    assert is_over(running, 1) is False
    directory.play(running.id, ev.ExecutionCompleted(ts=NOW_MS))
    ended = directory.store.execution(running.id)
    assert ended is not None
    assert [is_over(ended, after) for after in (1, 2, 3)] == [False, True, False]


def test_a_filter_always_lets_ends_and_resets_through() -> None:
    wanted = EventFilter(frozenset({"node.log"}), frozenset({"a"}))
    log = RecordedEvent(1, "node.log", 0, {"node_id": "a"})
    other = RecordedEvent(2, "node.log", 0, {"node_id": "b"})
    assert [wanted.wants(log), wanted.wants(other)] == [True, False]
    assert wanted.wants(RecordedEvent(3, "execution.failed", 0, {})) is True
    assert wanted.wants(RecordedEvent(4, "stream.reset", 0, {"node_id": "b"})) is True


def _open_streams(context: ApiContext) -> float:
    (metric,) = [metric for metric in context.metrics.collect() if metric.name == "flowray_event_streams"]
    return metric.samples[()]
