"""The asynchronous client against the real app over a fake runtime, and against servers that fail."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from flowray.api.app import create_app
from flowray.api.context import AppServices
from flowray.api.tokens import PublicTokens
from flowray.client import AsyncClient
from flowray.client.retrying import RetryPolicy
from flowray.engine import events as ev
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.registry import default_registry
from tests.api.conftest import GREET
from tests.api.fake_directory import NOW_MS, FakeDirectory, complete
from tests.client.answers import execution, info, sse, started

ADA = {"name": "Ada"}


@pytest.fixture
def directory() -> FakeDirectory:
    return FakeDirectory(complete)


@pytest.fixture
async def app(directory: FakeDirectory) -> AsyncIterator[FastAPI]:
    app = create_app(
        AppServices(directory, default_registry(plugins=False), PublicTokens("x" * 16), now_ms=lambda: NOW_MS)
    )
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with AsyncClient("http://flowray", transport=httpx.ASGITransport(app)) as client:
        yield client


async def test_workflows(client: AsyncClient) -> None:
    saved = await client.workflows.create(GREET)
    assert (saved.name, saved.version) == ("greet", 1)
    assert (await client.workflows.get(saved.id)) == saved
    assert (await client.workflows.update(saved.id, json.dumps({**GREET, "name": "again"}))).version == 2
    assert [row.id for row in (await client.workflows.list()).data] == [saved.id]
    assert (await client.workflows.plan(saved.id)).start_nodes == ["in"]
    assert (await client.workflows.validate({"nodes": {}})).valid is False
    await client.workflows.delete(saved.id)
    with pytest.raises(FlowrayError) as caught:
        await client.workflows.get(saved.id)
    assert caught.value.code is ErrorCode.NOT_FOUND


async def test_run_waits_for_the_end(client: AsyncClient) -> None:
    execution = await client.run(GREET, ADA)
    assert (execution.status, execution.outputs) == ("completed", {"greeting": "Hello Ada"})
    saved = await client.workflows.create(GREET)
    assert (await client.run(saved.id, ADA)).workflow_id == saved.id


async def test_wait_gives_up_in_time_and_stops_nothing(client: AsyncClient, directory: FakeDirectory) -> None:
    directory.on_start = lambda fake, record: fake.play(record.id, ev.ExecutionStarted(ts=NOW_MS))
    begun = await client.executions.start(definition=GREET, inputs=ADA)
    with pytest.raises(FlowrayError) as caught:
        await client.wait(begun.id, timeout_s=0.02)
    assert caught.value.code is ErrorCode.EXECUTION_TIMEOUT
    assert directory.requests == []


async def test_executions(client: AsyncClient) -> None:
    begun = await client.executions.start(definition=GREET, inputs=ADA, options={"labels": {"a": "b"}})
    execution = await client.executions.get(begun.id)
    assert execution.labels == {"a": "b"}
    assert [row.id for row in (await client.executions.list(status="completed")).data] == [begun.id]
    assert (await client.executions.plan(begun.id)).start_nodes == ["in"]
    assert [row.id for row in (await client.executions.nodes(begun.id, node_id="in")).data] == ["in#1"]
    assert await client.executions.output(begun.id, "in") == {"name": "Ada"}
    assert [event.seq for event in (await client.executions.events(begun.id, after=2)).data] == [3, 4]
    assert (await client.executions.public_token(begun.id)).public_token
    with pytest.raises(FlowrayError) as caught:
        await client.executions.cancel(begun.id)
    assert caught.value.code is ErrorCode.EXECUTION_ENDED


async def test_a_rerun(client: AsyncClient) -> None:
    begun = await client.executions.start(definition=GREET, inputs=ADA)
    again = await client.executions.rerun(begun.id, inputs={"name": "Grace"})
    execution = await client.wait(again.id)
    assert (execution.rerun_of, execution.inputs) == (begun.id, {"name": "Grace"})
    with pytest.raises(FlowrayError) as caught:
        await client.executions.rerun(begun.id, until_node="nowhere")
    assert caught.value.code is ErrorCode.INVALID_START_POINT


async def test_batches(client: AsyncClient) -> None:
    saved = await client.workflows.create(GREET)
    begun = await client.batches.start(saved.id, [ADA, {"name": "Grace"}])
    assert (await client.batches.get(begun.batch_id)).done is True
    results = await client.batches.results(begun.batch_id)
    assert [result.execution_id for result in results] == begun.executions


async def test_what_the_server_is(client: AsyncClient) -> None:
    assert (await client.info()).version == "0.1.0"
    assert "llm" in {entry.name for entry in await client.node_types()}


async def test_problems_become_errors(client: AsyncClient) -> None:
    with pytest.raises(FlowrayError) as caught:
        await client.run(GREET)
    assert caught.value.code is ErrorCode.INVALID_INPUT
    assert caught.value.details["errors"][0]["pointer"] == "/inputs/name"


async def test_streams_of_the_app(client: AsyncClient) -> None:
    begun = await client.executions.start(definition=GREET, inputs=ADA)
    assert [event.seq async for event in client.stream_events(begun.id)] == [1, 2, 3, 4]
    assert [event.seq async for event in client.stream_events(begun.id, after=3)] == [4]
    assert [event.seq async for event in client.stream_events(begun.id, after=4)] == []
    assert [event.type async for event in client.stream_events(begun.id, types=["node.started"])] == [
        "node.started", "execution.completed",
    ]  # fmt: skip
    with pytest.raises(FlowrayError) as caught:
        [event async for event in client.stream_events("none")]
    assert caught.value.code is ErrorCode.NOT_FOUND


# -- servers that fail --------------------------------------------------------------------------------------------


class Slept(list[float]):
    """Records delays instead of waiting."""

    async def __call__(self, delay_s: float) -> None:
        self.append(delay_s)


def scripted(*answers: httpx.Response | Exception) -> tuple[AsyncClient, list[httpx.Request], Slept]:
    """A client whose server gives these answers, one per request."""
    left, seen, slept = list(answers), [], Slept()

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    policy = RetryPolicy(max_attempts=3, initial_s=1)
    client = AsyncClient("http://flowray", retry=policy, transport=httpx.MockTransport(handle), sleep=slept)
    return client, seen, slept


async def test_passing_failures_are_repeated() -> None:
    away = httpx.Response(503, json={"code": "DATABASE_UNAVAILABLE", "detail": "away"}, headers={"Retry-After": "2"})
    client, seen, slept = scripted(httpx.ConnectError("refused"), away, info())
    assert (await client.info()).version == "1"
    assert (len(seen), slept) == (3, [1.0, 2.0])


async def test_a_start_is_repeated_with_the_same_key() -> None:
    client, seen, _ = scripted(httpx.ReadTimeout("slow"), started())
    assert (await client.executions.start("w")).id == "e"
    assert len({request.headers["Idempotency-Key"] for request in seen}) == 1
    assert len(seen) == 2


async def test_a_workflow_is_not_saved_twice() -> None:
    client, seen, _ = scripted(httpx.ReadTimeout("slow"))
    with pytest.raises(FlowrayError) as caught:
        await client.workflows.create(GREET)
    assert caught.value.code is ErrorCode.RUNTIME_UNAVAILABLE
    assert len(seen) == 1


async def test_it_gives_up_and_says_what_was_tried() -> None:
    client, seen, _ = scripted(*[httpx.ConnectError("refused")] * 3)
    with pytest.raises(FlowrayError, match="no answer from http://flowray") as caught:
        await client.info()
    assert (caught.value.code, len(seen)) == (ErrorCode.RUNTIME_UNAVAILABLE, 3)


async def test_a_broken_stream_is_never_taken_for_an_end() -> None:
    client, seen, slept = scripted(
        sse((1, "execution.started"), (2, "node.log")),
        httpx.ReadError("reset by peer"),
        sse((2, "node.log"), (3, "node.log"), cut=True),
        httpx.Response(502, text="bad gateway"),
        sse((4, "execution.completed")),
    )
    assert [event.seq async for event in client.stream_events("e")] == [1, 2, 3, 4]
    assert [request.headers.get("Last-Event-ID") for request in seen] == [None, "2", "2", "3", "3"]
    assert slept == [1, 2, 1, 2]


async def test_a_stream_that_brings_nothing_ends_with_an_error() -> None:
    client, _, _ = scripted(sse((1, "execution.started")), sse(), sse())
    with pytest.raises(FlowrayError) as caught:
        [event async for event in client.stream_events("e")]
    assert (caught.value.code, caught.value.details["last_seq"]) == (ErrorCode.STREAM_INTERRUPTED, 1)


async def test_an_error_frame_leads_to_a_new_connection() -> None:
    broken = httpx.Response(
        200, text='event: error\ndata: {"detail": "away"}\n\n', headers={"Content-Type": "text/event-stream"}
    )
    client, seen, _ = scripted(broken, sse((1, "execution.completed")))
    assert [event.seq async for event in client.stream_events("e")] == [1]
    assert len(seen) == 2


async def test_nothing_left_to_say_is_an_end() -> None:
    client, _, _ = scripted(httpx.Response(204))
    assert [event async for event in client.stream_events("e", after=9)] == []


async def test_an_api_key_is_sent() -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return info()

    async with AsyncClient("http://flowray", api_key="k", transport=httpx.MockTransport(handle)) as client:
        await client.info()
    assert seen[0].headers["Authorization"] == "Bearer k"


async def test_wait_returns_on_a_pause_that_lasts() -> None:
    stream = sse((1, "execution.paused"), (2, "execution.paused"))
    client, seen, _ = scripted(stream, execution("running"), execution("paused"))
    assert (await client.wait("e")).status == "paused"
    assert seen[0].url.params["types"] == "execution.paused"
