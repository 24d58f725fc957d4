"""Committed events on their way to a token stream: batched, in order, never blocking, lost without harm."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from flowray.engine import events as ev
from flowray.runtime.on_ray.publisher import HubStream, OwnStream
from flowray.runtime.on_ray.token_stream import PushedBatch, TokenStream


class FakeMethod:
    """Stands for ``hub.publish``; remembers what it was called with."""

    def __init__(self) -> None:
        self.calls: list[list[Any]] = []
        self.called = threading.Event()

    def remote(self, batches: list[Any]) -> None:
        self.calls.append(batches)
        self.called.set()


class FakeHub:
    """Stands for the hub actor."""

    def __init__(self) -> None:
        self.publish = FakeMethod()


def test_what_is_published_arrives_in_order_before_the_stop_returns() -> None:
    hub = FakeHub()
    publisher = HubStream(lambda: hub)  # type: ignore[arg-type, return-value]
    publisher.start()
    for seq in range(1, 4):
        publisher.publish("e", seq, [ev.ExecutionWaiting(ts=seq)])
    publisher.stop()
    sent = [batch for call in hub.publish.calls for batch in call]
    assert [(execution, first) for execution, first, _ in sent] == [("e", 1), ("e", 2), ("e", 3)]
    assert ev.decode_events(sent[0][2]) == [ev.ExecutionWaiting(ts=1)]


def test_without_a_hub_events_are_left_to_the_log() -> None:
    publisher = HubStream(lambda: None)
    publisher.start()
    publisher.publish("e", 1, [ev.ExecutionWaiting(ts=1)])
    publisher.stop()


async def test_a_stream_in_the_process_gets_them_in_order_from_any_thread() -> None:
    stream = TokenStream()
    publisher = OwnStream(stream)
    subscription = stream.subscribe("replica")
    assert await anext(subscription) == []
    for seq in range(1, 4):
        await asyncio.to_thread(publisher.publish, "e", seq, [ev.ExecutionWaiting(ts=seq)])
    received: list[PushedBatch] = []
    while len(received) < 3:
        received += await asyncio.wait_for(anext(subscription), 60)
    assert [(execution, first) for execution, first, _ in received] == [("e", 1), ("e", 2), ("e", 3)]
    assert ev.decode_events(received[0][2]) == [ev.ExecutionWaiting(ts=1)]
    await subscription.aclose()


async def test_while_nobody_listens_nothing_is_encoded_or_kept() -> None:
    stream = TokenStream()
    publisher = OwnStream(stream)
    publisher.publish("e", 1, [object()])  # type: ignore[list-item]
    subscription = stream.subscribe("replica")
    await anext(subscription)
    await subscription.aclose()
    publisher.publish("e", 2, [object()])  # type: ignore[list-item]
    assert stream.statistics() == {"subscribers": 0, "relayed": 0, "dropped": 0}
