"""A lane's way to the context store's shard. Every call has a timeout; a missing shard is a miss, never a failure."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import ray
from ray.actor import ActorHandle
from ray.exceptions import RayError

from flowray.runtime.on_ray import names

logger = logging.getLogger(__name__)

CALL_TIMEOUT_S = 5.0


class ShardClient:
    """Finds the hub by name when first needed, and anew after it was lost."""

    def __init__(self, namespace: str, build: str) -> None:
        self._namespace = namespace
        self._name = names.hub_name(build)
        self._hub: ActorHandle[Any] | None = None
        self._offers: set[asyncio.Future[None]] = set()

    async def get(self, payload_id: str) -> bytes | None:
        """The value's JSON text, or None if the shard does not have it or does not answer."""
        hub = await self._find()
        if hub is None:
            return None
        try:
            found: list[Any] = await asyncio.wait_for(hub.store_refs.remote([payload_id]), CALL_TIMEOUT_S)
            reference = found[0]
            if reference is None:
                return None
            data: bytes = await asyncio.wait_for(reference, CALL_TIMEOUT_S)
            return data
        except (RayError, TimeoutError) as error:
            logger.info(
                "flowray: the context store did not answer (%s); reading the payload store", type(error).__name__
            )
            self._hub = None
            return None

    def put(self, execution_id: str, payload_id: str, data: bytes) -> None:
        """Offer a value; no answer is awaited."""
        if self._hub is None:
            offer = asyncio.ensure_future(self._find_and_put(execution_id, payload_id, data))
            self._offers.add(offer)
            offer.add_done_callback(self._offers.discard)
        else:
            self._hub.store_put.remote(execution_id, payload_id, data)

    async def _find_and_put(self, execution_id: str, payload_id: str, data: bytes) -> None:
        hub = await self._find()
        if hub is not None:
            hub.store_put.remote(execution_id, payload_id, data)

    async def _find(self) -> ActorHandle[Any] | None:
        if self._hub is None:
            try:
                self._hub = await asyncio.to_thread(ray.get_actor, self._name, namespace=self._namespace)
            except (ValueError, RayError):
                return None
        return self._hub
