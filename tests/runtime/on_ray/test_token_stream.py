"""The relay of committed events: order, several subscribers, slow ones, renewed subscriptions (R33)."""

from __future__ import annotations

import asyncio

import pytest

from flowray.runtime.on_ray import token_stream
from flowray.runtime.on_ray.token_stream import PushedBatch, TokenStream


def batch(number: int) -> PushedBatch:
    return ("execution", number, b"[]")


async def test_every_subscriber_gets_every_batch_in_order() -> None:
    stream = TokenStream()
    first, second = stream.subscribe("a"), stream.subscribe("b")
    assert [await anext(first), await anext(second)] == [[], []]
    stream.publish([batch(1), batch(2)])
    stream.publish([batch(3)])
    for subscription in (first, second):
        assert await anext(subscription) == [batch(1), batch(2), batch(3)]
        await subscription.aclose()
    assert stream.statistics() == {"subscribers": 0, "relayed": 3, "dropped": 0}


async def test_a_subscriber_that_lags_loses_the_oldest_and_nobody_waits_for_it() -> None:
    stream = TokenStream()
    subscription = stream.subscribe("slow")
    await anext(subscription)
    stream.publish([batch(number) for number in range(token_stream.QUEUE_LIMIT + 5)])
    received = await anext(subscription)
    assert len(received) == token_stream.QUEUE_LIMIT
    assert received[0] == batch(5)
    assert stream.statistics()["dropped"] == 5
    await subscription.aclose()


async def test_a_new_subscription_of_the_same_replica_ends_the_former() -> None:
    stream = TokenStream()
    former = stream.subscribe("replica")
    await anext(former)
    waiting = asyncio.ensure_future(anext(former, None))
    await asyncio.sleep(0)
    latter = stream.subscribe("replica")
    await anext(latter)
    assert await waiting is None
    stream.publish([batch(1)])
    assert await anext(latter) == [batch(1)]
    assert stream.statistics()["subscribers"] == 1
    await latter.aclose()


async def test_the_former_subscription_ends_behind_what_it_had_been_given() -> None:
    stream = TokenStream()
    former = stream.subscribe("replica")
    await anext(former)
    stream.publish([batch(1)])
    latter = stream.subscribe("replica")
    await anext(latter)
    assert [given async for given in former] == [[batch(1)]]
    stream.publish([batch(2)])
    assert await anext(latter) == [batch(2)]
    await latter.aclose()


async def test_one_item_leaves_at_once_and_what_follows_soon_leaves_together(monkeypatch: pytest.MonkeyPatch) -> None:
    paced = asyncio.Event()
    asked: list[float] = []

    async def pace(seconds: float) -> None:
        asked.append(seconds)
        await paced.wait()

    monkeypatch.setattr(token_stream, "PACE_S", 3_600.0)
    monkeypatch.setattr(token_stream, "sleep", pace)
    stream = TokenStream()
    subscription = stream.subscribe("replica")
    await anext(subscription)
    stream.publish([batch(1)])
    assert await anext(subscription) == [batch(1)]
    following = asyncio.ensure_future(anext(subscription))
    for number in (2, 3):
        stream.publish([batch(number)])
        await asyncio.sleep(0)
    assert not following.done()
    paced.set()
    assert await following == [batch(2), batch(3)]
    assert asked == [pytest.approx(3_600, rel=0.1)]
    await subscription.aclose()


async def test_a_subscription_ends_after_its_share_so_that_it_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_stream, "PACE_S", 0.0)
    stream = TokenStream()
    received = 0
    async for batches in stream.subscribe("replica"):
        received += len(batches)
        stream.publish([batch(received)])
    assert received == token_stream.RECYCLE_AFTER
