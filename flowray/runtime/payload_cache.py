"""Large values as a lane sees them: its own cache, then the near shard, then the payload store (R36)."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from flowray.persistence.payloads.store import PayloadStore
from flowray.runtime.patience import patiently
from flowray.values import Json, decode_json, exactly

logger = logging.getLogger(__name__)

CACHE_BYTES = 128 * 1024 * 1024


class Shard(Protocol):
    """A store of values near the lanes. May forget anything at any time."""

    async def get(self, payload_id: str) -> bytes | None: ...

    def put(self, execution_id: str, payload_id: str, data: bytes) -> None:
        """Offer a value; no answer is awaited."""
        ...


class NoShard:
    """Stands where no shard is: everything is read from the payload store."""

    async def get(self, payload_id: str) -> bytes | None:
        """Never has anything."""
        return None

    def put(self, execution_id: str, payload_id: str, data: bytes) -> None:
        """Forgets it."""


class CachedPayloads:
    """The Payloads service of one lane process. Concurrent loads of one value share a single read."""

    def __init__(self, store: PayloadStore, shard: Shard, capacity_bytes: int = CACHE_BYTES) -> None:
        self._store = store
        self._shard = shard
        self._capacity = capacity_bytes
        self._cache: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._loading: dict[str, asyncio.Task[bytes]] = {}

    @property
    def held_bytes(self) -> int:
        """Bytes of the values that are cached now."""
        return self._bytes

    async def load(self, payload_id: str) -> Json:
        """The value; a fresh copy each time, so that no handler changes another's. Raises PAYLOAD_MISSING."""
        data = self._cache.get(payload_id)
        if data is None:
            data = await self._shared(payload_id, lambda: self._fetch(payload_id))
        else:
            self._cache.move_to_end(payload_id)
        return decode_json(data)

    async def store(self, execution_id: str, key: str, encoded: bytes) -> str:
        """Durable first, then near: the shard is told only of what the payload store holds."""
        payload_id = await patiently(lambda: self._store.put(execution_id, key, encoded))
        self._offer(execution_id, payload_id, encoded)
        self._remember(payload_id, encoded)
        return payload_id

    def forget(self, payload_ids: Sequence[str]) -> None:
        """Nobody who is still to run here reads these; reading one all the same costs a fetch."""
        for payload_id in payload_ids:
            data = self._cache.pop(payload_id, None)
            if data is not None:
                self._bytes -= len(data)

    async def _shared(self, payload_id: str, fetch: Callable[[], Awaitable[bytes]]) -> bytes:
        task = self._loading.get(payload_id)
        if task is None:
            task = asyncio.ensure_future(fetch())
            self._loading[payload_id] = task
            task.add_done_callback(lambda done: self._loaded(payload_id, done))
        # One reader that is cancelled must not take the value away from the others.
        return await asyncio.shield(task)

    def _loaded(self, payload_id: str, task: asyncio.Task[bytes]) -> None:
        self._loading.pop(payload_id, None)
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not report it as lost if every reader has gone

    async def _fetch(self, payload_id: str) -> bytes:
        data = await self._near(payload_id)
        if data is None:
            data = await patiently(lambda: self._store.get(payload_id))
        self._remember(payload_id, data)
        return data

    async def _near(self, payload_id: str) -> bytes | None:
        try:
            return await self._shard.get(payload_id)
        except Exception as error:
            # The shard is only a cache: a lost object is a re-read, never a failure (R36).
            logger.warning("flowray: the context store failed (%s); reading the payload store", error)
            return None

    def _offer(self, execution_id: str, payload_id: str, data: bytes) -> None:
        try:
            self._shard.put(execution_id, payload_id, data)
        except Exception as error:
            logger.warning("flowray: the context store took nothing (%s)", error)

    def _remember(self, payload_id: str, data: bytes) -> None:
        if payload_id in self._cache or len(data) > self._capacity:
            return
        self._cache[payload_id] = exactly(data)
        self._bytes += len(data)
        while self._bytes > self._capacity:
            _, dropped = self._cache.popitem(last=False)
            self._bytes -= len(dropped)
