"""What the benchmark's clients make of an answer, however its bytes are cut; and against a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from benchmarks.sse_clients import Frame, Recorder, frames, record
from tests.fakes.loopback import loopback_server

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ANSWER = HEAD + b'2b\r\n: hello\n\nid: 1\nevent: a\ndata: {"n":1}\n\neven\r\n14\r\nt: b\ndata: {"n":2}\n\n\r\n0\r\n\r\n'


async def recorded(*chunks: bytes) -> list[Frame]:
    recorder = Recorder(b"")
    recorder.chunks = list(enumerate(chunks))
    return list(frames(recorder))


async def test_frames_have_the_time_at_which_they_were_whole() -> None:
    middle = ANSWER.index(b"even\r\n")
    assert await recorded(ANSWER[:middle], ANSWER[middle:]) == [Frame(1, "a", {"n": 1}), Frame(1, "b", {"n": 2})]
    first_chunk = ANSWER.index(b"14\r\n")
    assert await recorded(ANSWER[:first_chunk], ANSWER[first_chunk:]) == [
        Frame(0, "a", {"n": 1}), Frame(1, "b", {"n": 2}),
    ]  # fmt: skip


async def test_the_cuts_between_chunks_do_not_matter() -> None:
    whole = [(frame.event, frame.data) for frame in await recorded(ANSWER)]
    by_byte = await recorded(*(ANSWER[at : at + 1] for at in range(len(ANSWER))))
    assert [(frame.event, frame.data) for frame in by_byte] == whole == [("a", {"n": 1}), ("b", {"n": 2})]


async def test_another_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="not an event stream"):
        await recorded(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")


async def test_a_stream_is_recorded_to_its_end() -> None:
    async def answer(request: Request) -> StreamingResponse:
        asked = await request.json()

        async def texts() -> AsyncIterator[str]:
            yield 'event: first\ndata: {"n":1}\n\n'
            await asyncio.sleep(0)
            yield f'event: last\ndata: {{"n":{asked["n"]}}}\n\n'

        return StreamingResponse(texts())

    with loopback_server(Starlette(routes=[Route("/start", answer, methods=["POST"])])) as url:
        recorder = await record(f"{url}/start", {"n": 2})
        await asyncio.wait_for(recorder.ended, 60)
    assert [(frame.event, frame.data) for frame in frames(recorder)] == [("first", {"n": 1}), ("last", {"n": 2})]
