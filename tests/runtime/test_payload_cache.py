"""Large values as a lane sees them: own cache, shard, store; each may fail but the last (R36)."""

from __future__ import annotations

import asyncio

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.runtime.payload_cache import CachedPayloads, NoShard, Shard


class Store:
    """A payload store that counts."""

    def __init__(self, **blobs: bytes) -> None:
        self.blobs = dict(blobs)
        self.reads: list[str] = []
        self.order: list[str] = []
        self.away = 0

    def _asked(self) -> None:
        if self.away:
            self.away -= 1
            raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "away", retryable=True)

    def put(self, execution_id: str, key: str, data: bytes) -> str:
        self._asked()
        self.order.append("store")
        payload_id = f"{execution_id}.{key}"
        self.blobs[payload_id] = data
        return payload_id

    def get(self, payload_id: str) -> bytes:
        self.reads.append(payload_id)
        self._asked()
        if payload_id not in self.blobs:
            raise FlowrayError(ErrorCode.PAYLOAD_MISSING, payload_id)
        return self.blobs[payload_id]


class MemoryShard:
    """A shard that can break."""

    def __init__(self, store: Store | None = None) -> None:
        self.kept: dict[str, bytes] = {}
        self.store = store
        self.broken = False

    async def get(self, payload_id: str) -> bytes | None:
        if self.broken:
            raise OSError("the actor died")
        return self.kept.get(payload_id)

    def put(self, execution_id: str, payload_id: str, data: bytes) -> None:
        if self.broken:
            raise OSError("the actor died")
        if self.store is not None:
            self.store.order.append("shard")
        self.kept[payload_id] = data


def cached(store: Store, shard: Shard | None = None, capacity_bytes: int = 1_000) -> CachedPayloads:
    return CachedPayloads(store, shard or NoShard(), capacity_bytes)


async def test_a_value_is_read_once_and_every_reader_gets_its_own_copy() -> None:
    store = Store(p=b'{"list":[1]}')
    payloads = cached(store)
    first = await payloads.load("p")
    first["list"].append(2)
    assert await payloads.load("p") == {"list": [1]}
    assert store.reads == ["p"]


async def test_a_store_that_is_away_is_waited_for() -> None:
    store = Store(p=b"[1]")
    store.away = 1
    assert await cached(store).load("p") == [1]
    assert store.reads == ["p", "p"]
    store.away = 1
    assert await cached(store).store("e", "k", b"2") == "e.k"
    assert store.order == ["store"]


async def test_concurrent_loads_share_one_read() -> None:
    store = Store(p=b"[1]")
    payloads = cached(store)
    assert await asyncio.gather(*(payloads.load("p") for _ in range(20))) == [[1]] * 20
    assert store.reads == ["p"]


async def test_a_reader_that_goes_away_does_not_take_the_value_from_the_others() -> None:
    gate = asyncio.Event()

    class Slow(MemoryShard):
        async def get(self, payload_id: str) -> bytes | None:
            await gate.wait()
            return b"[7]"

    payloads = cached(Store(), Slow())
    leaving, staying = (asyncio.ensure_future(payloads.load("p")) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    gate.set()
    assert await staying == [7]


async def test_the_shard_comes_before_the_store() -> None:
    store, shard = Store(p=b"1"), MemoryShard()
    shard.kept["p"] = b"2"
    assert await cached(store, shard).load("p") == 2
    assert store.reads == []


async def test_a_shard_that_forgot_or_fails_is_a_re_read_never_a_failure() -> None:
    store, shard = Store(p=b"1", q=b"2"), MemoryShard()
    payloads = cached(store, shard)
    assert await payloads.load("p") == 1
    shard.broken = True
    assert await payloads.load("q") == 2
    assert store.reads == ["p", "q"]
    payload_id = await payloads.store("e1", "k", b"3")
    assert await payloads.load(payload_id) == 3


async def test_r34_a_value_is_durable_before_it_is_near() -> None:
    store = Store()
    shard = MemoryShard(store)
    payloads = cached(store, shard)
    payload_id = await payloads.store("e1", "a#1", b'"x"')
    assert store.order == ["store", "shard"]
    assert shard.kept == {payload_id: b'"x"'}
    assert await payloads.load(payload_id) == "x"
    assert store.reads == []


async def test_the_least_recently_used_goes_first_and_huge_values_are_not_kept() -> None:
    four_hundred = b'"' + b"x" * 398 + b'"'
    store = Store(a=four_hundred, b=four_hundred, c=four_hundred, big=b" " * 2_000 + b"1")
    payloads = cached(store)
    for payload_id in ("a", "b", "a", "c", "a", "c", "b", "big", "big"):
        await payloads.load(payload_id)
    assert store.reads == ["a", "b", "c", "b", "big", "big"]


async def test_a_forgotten_value_makes_room_and_is_read_again() -> None:
    four_hundred = b'"' + b"x" * 398 + b'"'
    store = Store(a=four_hundred, b=four_hundred, c=four_hundred)
    payloads = cached(store)
    await payloads.load("a")
    assert payloads.held_bytes == 400
    payloads.forget(["a", "never there"])
    assert payloads.held_bytes == 0
    for payload_id in ("b", "c", "b", "c", "a"):
        await payloads.load(payload_id)
    assert store.reads == ["a", "b", "c", "a"]


async def test_a_missing_value_is_missing_for_all_and_asked_for_again() -> None:
    store = Store()
    payloads = cached(store)
    results = await asyncio.gather(payloads.load("p"), payloads.load("p"), return_exceptions=True)
    assert [getattr(result, "code", None) for result in results] == [ErrorCode.PAYLOAD_MISSING] * 2
    store.blobs["p"] = b"1"
    assert await payloads.load("p") == 1


async def test_a_failure_that_nobody_waits_for_any_more_is_not_reported_as_lost() -> None:
    """Warnings are errors here: an exception that is never looked at would fail the test."""
    payloads = cached(Store())
    loading = asyncio.ensure_future(payloads.load("p"))
    await asyncio.sleep(0)
    loading.cancel()
    await asyncio.gather(loading, return_exceptions=True)
    await asyncio.wait(list(payloads._loading.values()))
    with pytest.raises(FlowrayError):
        await payloads.load("p")
