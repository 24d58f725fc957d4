"""The hub actor of the small profile: supervisor, context-store shard and token stream in one process (R48).

Each concurrency group has a thread and an event loop of its own, so a slow role does not hold up the others; each role
is touched from its own group only. Ray keeps no record of the calls to store and stream: there are several for each
node, of 3 KB each, and they would push the nodes' own out of the dashboard.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any

import ray
from ray import ObjectRef

from flowray.runtime.on_ray.actor_class import actor_class
from flowray.runtime.on_ray.config import RuntimeConfig
from flowray.runtime.on_ray.context_store import ContextStore
from flowray.runtime.on_ray.hosted_stream import STREAM_GROUP, HostedStream
from flowray.runtime.on_ray.supervisor import Supervisor
from flowray.runtime.on_ray.token_stream import PushedBatch
from flowray.runtime.settled_process import settle


@actor_class(
    num_cpus=0,
    max_restarts=-1,
    max_task_retries=0,
    max_concurrency=1_000,
    concurrency_groups={"store": 1_000, **STREAM_GROUP},
)
class Hub(HostedStream):
    """Hosts three roles. May die at any time: all it holds can be read again."""

    def __init__(self, config: RuntimeConfig) -> None:
        super().__init__()
        self._supervisor = Supervisor(config)
        self._store = ContextStore()
        self._supervising: asyncio.Task[None] | None = None
        settle()

    def __repr__(self) -> str:
        return "Hub"

    async def start(self) -> dict[str, Any]:
        """Begin to supervise; repeating it changes nothing. Returns ``{pid}``."""
        if self._supervising is None or self._supervising.done():
            self._supervising = asyncio.ensure_future(self._supervisor.supervise())
        return {"pid": os.getpid()}

    async def spawn_dedicated(self, execution_id: str, owner_id: str) -> None:
        """Create the orchestrator of one execution."""
        await self._supervisor.spawn_dedicated(execution_id, owner_id)

    async def spawn_quarantine(self) -> None:
        """Create the orchestrator of executions that may have killed their owners."""
        await self._supervisor.spawn_quarantine()

    # -- context store --------------------------------------------------------------------------------------------

    @ray.method(concurrency_group="store", enable_task_events=False)
    async def store_put(self, execution_id: str, payload_id: str, data: bytes) -> None:
        """Keep a large value."""
        self._store.put(execution_id, payload_id, data)

    @ray.method(concurrency_group="store", enable_task_events=False)
    async def store_refs(self, payload_ids: Sequence[str]) -> list[ObjectRef[bytes] | None]:
        """References to large values."""
        return self._store.refs(payload_ids)

    @ray.method(concurrency_group="store", enable_task_events=False)
    async def store_prune(self, payload_ids: Sequence[str]) -> None:
        """No pending node reads these."""
        self._store.prune(payload_ids)

    @ray.method(concurrency_group="store", enable_task_events=False)
    async def store_drop(self, execution_ids: Sequence[str]) -> None:
        """These executions have ended."""
        self._store.drop(execution_ids)

    @ray.method(concurrency_group="store", enable_task_events=False)
    async def store_statistics(self) -> dict[str, int]:
        """``{values, bytes, hits, misses}``."""
        return self._store.statistics()

    # -- token stream ---------------------------------------------------------------------------------------------

    @ray.method(concurrency_group="stream", enable_task_events=False)
    async def publish(self, batches: list[PushedBatch]) -> None:
        """Relay committed events of an orchestrator that no replica listens to: it comes and goes."""
        self._stream.publish(batches)
