"""F: streams and their clients, through connections that break. Nothing is lost, doubled, or taken for an end."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from httpx_sse import EventSource, SSEError

from flowray import wire
from flowray.client import AsyncClient, Client
from flowray.client.retrying import RetryPolicy
from flowray.errors import ErrorCode, FlowrayError
from tests.durability.bench import Bench
from tests.durability.effects import Speech
from tests.durability.tcp_proxy import Fault, proxied
from tests.integration.definitions import workflow

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]

TOKENS = [f"t{number} " for number in range(1_000)]
TEXT = "".join(TOKENS)

BREAKING = [
    Fault(kind, after)
    for kind, after in zip(itertools.cycle(["reset", "half-close", "stall"]), (900, 2_500, 4_000, 1, 6_001, 9_007, 0))
]  # fmt: skip
"""The 300th token has come after some 9,000 bytes; some of these connections end within the headers."""

PATIENT = RetryPolicy(max_attempts=20, initial_s=0.01, max_s=0.05)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that give a silent connection up after 1.5 s instead of 35."""
    timeout = httpx.Timeout(10.0, read=1.5)
    monkeypatch.setattr("flowray.client.sync_client.STREAM_TIMEOUT", timeout)
    monkeypatch.setattr("flowray.client.async_client.STREAM_TIMEOUT", timeout)


def _read_by_sync_client(url: str, its_id: str) -> list[wire.EventBody]:
    with Client(url, retry=PATIENT) as client:
        return list(client.stream_events(its_id))


def _read_by_async_client(url: str, its_id: str) -> list[wire.EventBody]:
    async def read() -> list[wire.EventBody]:
        async with AsyncClient(url, retry=PATIENT) as client:
            return [event async for event in client.stream_events(its_id)]

    return asyncio.run(read())


def _read_what_is_sent(url: str, its_id: str) -> list[wire.EventBody]:
    """By a reader that drops nothing: the clients would hide what is sent to them twice."""
    last, found = "", list[wire.EventBody]()
    with httpx.Client(timeout=httpx.Timeout(10, read=1.5)) as client:
        for _ in range(200):
            headers = {"Last-Event-ID": last} if last else {}
            with (
                suppress(httpx.TransportError, SSEError),
                client.stream("GET", f"{url}/v1/executions/{its_id}/events", headers=headers) as response,
            ):
                for frame in EventSource(response).iter_sse():
                    if frame.data and frame.id.isdigit():
                        last = frame.id
                        found.append(wire.EventBody.model_validate(frame.json()))
            if found and found[-1].type == "execution.completed":
                return found
    raise AssertionError("the stream did not end")


@pytest.mark.parametrize("read", [_read_by_sync_client, _read_by_async_client, _read_what_is_sent])
def test_s64_a_reader_goes_on_where_it_was_cut_off(
    bench: Bench, impatient: None, read: Callable[[str, str], list[wire.EventBody]]
) -> None:
    """R33: each connection goes to the other replica. No event and no token is lost, doubled or out of order."""
    its_id = bench.start(_spoken(bench, Speech(TOKENS, ms=1)))
    urls = [str(client.base_url) for client in bench.replicas]
    with proxied(urls, BREAKING) as proxy:
        events = read(proxy.url, its_id)
        broken = dict(proxy.broken)
    assert sum(broken.values()) >= 5
    assert {"reset", "half-close", "stall"} <= set(broken)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert "".join(event.model_extra["text"] for event in events if event.type == "node.token") == TEXT
    assert events[-1].type == "execution.completed"
    assert [event.seq for event in events] == [event["seq"] for event in bench.events(its_id)]


def test_s64_a_reader_of_one_text_goes_on_where_it_was_cut_off(bench: Bench) -> None:
    """The same for ``…/streams/{id}``, by what every SSE reader has: Last-Event-ID."""
    its_id = bench.start(_spoken(bench, Speech(TOKENS, ms=1)))
    urls = [str(client.base_url) for client in bench.replicas]
    with proxied(urls, BREAKING) as proxy:
        frames = list(_frames(f"{proxy.url}/v1/executions/{its_id}/streams/llm-say"))
        assert sum(proxy.broken.values()) >= 5
    assert [frame["offset"] for name, frame in frames if name == "node.token"] == _offsets(frames)
    assert "".join(frame["text"] for name, frame in frames if name == "node.token") == TEXT
    assert (frames[-1][0], frames[-1][1]["status"]) == ("stream.end", "completed")


def test_s65_a_reader_sees_that_an_attempt_was_superseded(bench: Bench) -> None:
    """R33: what came of the first attempt is void, the second begins at offset 0."""
    speech = Speech(TOKENS[:600], ms=1, cut_at=500, cuts=1)
    its_id = bench.start(_spoken(bench, speech, retry={"maxAttempts": 2, "initialDelayMs": 1}))
    frames = list(_frames(f"{bench.replicas[1].base_url}/v1/executions/{its_id}/streams/llm-say"))
    names = [name for name, _ in frames]
    reset = names.index("stream.reset")
    first, second = frames[:reset], frames[reset + 1 : -1]
    assert "".join(frame["text"] for _, frame in first) == "".join(TOKENS[:500])
    assert "".join(frame["text"] for _, frame in second) == "".join(TOKENS[:600])
    assert ({frame["attempt"] for _, frame in first}, {frame["attempt"] for _, frame in second}) == ({1}, {2})
    assert [frame["offset"] for _, frame in second] == _offsets(second)
    assert (names.count("stream.reset"), frames[-1][1]["status"]) == (1, "completed")
    bench.finished(its_id)


def test_s66_a_reader_ends_with_a_writer_that_does_not_close(bench: Bench) -> None:
    """The lane dies, which says no last word, and then the execution is cancelled."""
    its_id = bench.start(_spoken(bench, Speech(TOKENS, gate=bench.gate("say"), gate_at=10)))
    frames: list[tuple[str, dict[str, Any]]] = []
    url = f"{bench.replicas[0].base_url}/v1/executions/{its_id}/streams/llm-say"
    reader = threading.Thread(target=lambda: frames.extend(_frames(url)))
    reader.start()
    bench.until_called("say")
    bench.kill("io-lane")
    bench.until_called("say", 2)
    bench.cancel(its_id)
    reader.join(60)
    assert not reader.is_alive()
    assert (frames[-1][0], frames[-1][1]["status"]) == ("stream.end", "cancelled")
    bench.open("say")
    bench.finished(its_id, "cancelled")


def test_s67_a_lost_connection_is_no_end(bench: Bench) -> None:
    """The reader says that it was cut off, and where; the execution goes on."""
    its_id = bench.start(_spoken(bench, Speech(TOKENS[:50], ms=1, gate=bench.gate("say"), gate_at=25)))
    bench.until_called("say")
    with proxied([str(bench.replicas[0].base_url)], [Fault("half-close", 2_000)], Fault("refuse")) as proxy:
        seen: list[wire.EventBody] = []
        retry = RetryPolicy(max_attempts=3, initial_s=0.01)
        with Client(proxy.url, retry=retry) as client, pytest.raises(FlowrayError) as raised:
            _collect(client.stream_events(its_id), seen)
        assert proxy.broken == {"half-close": 1, "refuse": 2}
    assert raised.value.code is ErrorCode.STREAM_INTERRUPTED
    assert raised.value.details["last_seq"] == (seen[-1].seq if seen else 0)
    assert bench.get(its_id)["status"] == "running"
    bench.open("say")
    with Client(str(bench.replicas[1].base_url)) as client:
        rest = list(client.stream_events(its_id, after=raised.value.details["last_seq"]))
    assert [event.seq for event in (*seen, *rest)] == list(range(1, rest[-1].seq + 1))
    assert rest[-1].type == "execution.completed"


def test_s68_a_piece_of_poison_harms_no_stream(bench: Bench) -> None:
    """Line ends, NULs and separators in text, and one piece of a megabyte, arrive as they were said."""
    pieces = ["before ", "a\r\nb\n\ndata: x\nid: 99\n", "\x00 \u2028 \x85 \ufeff 😀", "x" * 1_000_000, " after"]
    its_id = bench.start(_spoken(bench, Speech(pieces, ms=30)))
    with Client(str(bench.replicas[0].base_url)) as client:
        events = list(client.stream_events(its_id))
    assert "".join(event.model_extra["text"] for event in events if event.type == "node.token") == "".join(pieces)
    assert events[-1].type == "execution.completed"
    with Client(str(bench.replicas[1].base_url)) as client:
        assert client.executions.output(its_id, "say")["text"] == "".join(pieces)


def _collect(events: Iterator[wire.EventBody], into: list[wire.EventBody]) -> None:
    for event in events:
        into.append(event)


def _spoken(bench: Bench, speech: Speech, **policy: Any) -> dict[str, Any]:
    name = f"{bench.prefix}-say"
    bench.effects.speeches[name] = speech
    config = {"prompt": name, "model": "told", "baseUrl": f"{bench.effects.base_url}/v1"}
    nodes = {"in": {"type": "input", "config": {"inputName": "x"}}, "say": {"type": "llm", "config": config, **policy}}
    return workflow("spoken", nodes, [("in", "say")])


def _frames(url: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """``(event, data)`` of a stream, up to its last frame, across broken connections."""
    last = ""
    with httpx.Client(timeout=httpx.Timeout(10, read=1.5)) as client:
        for _ in range(200):
            headers = {"Last-Event-ID": last} if last else {}
            try:
                with client.stream("GET", url, headers=headers) as response:
                    if response.status_code == 204:
                        return
                    for frame in EventSource(response).iter_sse():
                        if frame.event in ("node.token", "stream.reset", "stream.end"):
                            last = frame.id
                            yield frame.event, frame.json()
                        if frame.event == "stream.end":
                            return
            except (httpx.TransportError, SSEError):
                continue
    raise AssertionError("the stream did not end")


def _offsets(frames: list[tuple[str, dict[str, Any]]]) -> list[int]:
    """Where each piece must begin if none is missing."""
    lengths = [len(frame["text"]) for name, frame in frames if name == "node.token"]
    return [0, *itertools.accumulate(lengths)][: len(lengths)]
