"""The synchronous client: the same calls as its twin, blocking."""

from __future__ import annotations

import inspect
import json

import httpx
import pytest

from flowray.client import AsyncClient, Client, async_client, sync_client
from flowray.client.retrying import RetryPolicy
from flowray.errors import ErrorCode, FlowrayError
from tests.client.answers import execution, info, sse, started


def scripted(*answers: httpx.Response | Exception) -> tuple[Client, list[httpx.Request], list[float]]:
    """A client whose server gives these answers, one per request."""
    left, seen, slept = list(answers), list[httpx.Request](), list[float]()

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    policy = RetryPolicy(max_attempts=3, initial_s=1)
    client = Client("http://flowray", retry=policy, transport=httpx.MockTransport(handle), sleep=slept.append)
    return client, seen, slept


@pytest.mark.parametrize(
    ("asynchronous", "synchronous"),
    [
        (AsyncClient, Client), (async_client.AsyncWorkflows, sync_client.Workflows),
        (async_client.AsyncExecutions, sync_client.Executions), (async_client.AsyncBatches, sync_client.Batches),
    ],
)  # fmt: skip
def test_both_clients_have_the_same_methods(asynchronous: type, synchronous: type) -> None:
    def methods(kind: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(found).parameters)
            for name, found in vars(kind).items()
            if callable(found) and not name.startswith("_")
        }

    assert methods(asynchronous) == methods(synchronous)


def test_run_waits_for_the_end() -> None:
    client, seen, slept = scripted(started(), execution("queued"), execution("running"), execution("completed"))
    assert client.run({"nodes": {}}, {"a": 1}).outputs == {"x": 1}
    assert json.loads(seen[0].content)["inputs"] == {"a": 1}
    assert slept == [0.05, pytest.approx(0.075)]


@pytest.mark.parametrize("status", ["paused", "failed", "cancelled", "timed_out"])
def test_wait_returns_what_has_settled(status: str) -> None:
    client, _, _ = scripted(execution(status))
    assert client.wait("e").status == status


def test_wait_gives_up_in_time() -> None:
    client, _, slept = scripted(*[execution("running")] * 10)
    with pytest.raises(FlowrayError) as caught:
        client.wait("e", timeout_s=0.1)
    assert caught.value.code is ErrorCode.EXECUTION_TIMEOUT
    assert slept == [0.05, pytest.approx(0.075)]


def test_passing_failures_are_repeated() -> None:
    client, seen, slept = scripted(httpx.ConnectError("refused"), httpx.Response(503), info())
    assert client.info().version == "1"
    assert (len(seen), slept) == (3, [1, 2])


def test_a_broken_stream_is_never_taken_for_an_end() -> None:
    client, seen, _ = scripted(
        sse((1, "execution.started")), httpx.ReadError("reset"), sse((1, "execution.started"), (2, "execution.failed"))
    )
    assert [event.seq for event in client.stream_events("e")] == [1, 2]
    assert [request.headers.get("Last-Event-ID") for request in seen] == [None, "1", "1"]


def test_problems_become_errors() -> None:
    client, _, _ = scripted(httpx.Response(404, json={"code": "NOT_FOUND", "detail": "none"}))
    with client, pytest.raises(FlowrayError) as caught:
        client.executions.get("e")
    assert caught.value.code is ErrorCode.NOT_FOUND
