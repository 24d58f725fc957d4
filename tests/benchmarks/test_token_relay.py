"""What the relay's benchmark accepts, and what it calls INVALID."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks import token_node
from benchmarks.sse_clients import Recorder
from benchmarks.token_node import TokenNode, token
from benchmarks.token_relay import Load, relayed, token_stream
from flowray.compiler.documents import compile_document
from flowray.handlers.registry import default_registry

LOAD = Load(streams=2, rate=2, seconds=2)


def frame(event: str, data: dict[str, Any]) -> bytes:
    text = f"event: {event}\ndata: {json.dumps(data)}\n\n".encode()
    return f"{len(text):x}\r\n".encode() + text + b"\r\n"


def texts(*numbers: int) -> bytes:
    """Emitted one millisecond after the other."""
    return frame("node.token", {"text": "".join(token(number, 1_000 * number) for number in numbers)})


END = frame("execution.completed", {"outputs": {"count": 4}})


async def stream(*frames: bytes) -> Recorder:
    """Frame n came at 10 ms * n."""
    recorder = Recorder(b"")
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    recorder.chunks = [(0, head), *((10_000 * number, data) for number, data in enumerate(frames, 1))]
    return recorder


async def test_delays_rate_and_work_of_what_arrived() -> None:
    streams = [await stream(texts(0, 1), texts(2, 3), END) for _ in range(LOAD.streams)]
    found = relayed(streams, LOAD, {"replica": 0.4})
    assert found.problem == ""
    assert found.delays_ms == [10, 9, 18, 17] * 2
    assert found.rate == 8 / 0.02
    assert found.worked == {"replica": pytest.approx(50)}


@pytest.mark.parametrize(
    "frames",
    [
        (texts(0, 1), texts(2), END), (texts(0, 1), texts(3, 2), END), (texts(0, 1), texts(1, 2, 3), END),
        (texts(0, 1, 2, 3),), (texts(0, 1, 2, 3), frame("execution.failed", {})), (),
    ],
    ids=["lost", "out of order", "twice", "cut off", "failed", "nothing"],
)  # fmt: skip
async def test_anything_less_is_invalid(frames: tuple[bytes, ...]) -> None:
    streams = [await stream(texts(0, 1, 2, 3), END), await stream(*frames)]
    assert relayed(streams, LOAD, {}).problem != ""


def test_the_workflow_compiles_and_its_node_streams() -> None:
    types = {**default_registry(plugins=False).node_types(), token_node.NAME: TokenNode.node_type}
    plan = compile_document(token_stream(LOAD), types).plan
    assert plan is not None
    assert [node.id for node in plan.nodes.values() if node.streams] == ["model"]
