"""The actor of an io lane: an async process that holds hundreds of calls at once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any

from flowray.handlers.handler import system_now_ms
from flowray.handlers.node_task import NodeTask
from flowray.runtime.dispatch_lease import DispatchLease
from flowray.runtime.on_ray.actor_class import actor_class
from flowray.runtime.on_ray.config import RuntimeConfig
from flowray.runtime.on_ray.hosted_lane import HostedLane
from flowray.runtime.on_ray.services import lane_services
from flowray.runtime.performers import InProcess
from flowray.runtime.recycling import Recycler
from flowray.runtime.settled_process import settle


def _leave_to_ray() -> None:
    """Ray starts the actor anew: an end that nobody asked for counts as a crash."""
    os._exit(1)


@actor_class(num_cpus=0, max_restarts=-1, max_task_retries=0, max_concurrency=10_000)
class IoLane(HostedLane):
    """Runs handlers on its own loop."""

    def __init__(self, name: str, config: RuntimeConfig) -> None:
        registry, services, self._payloads = lane_services(config)
        super().__init__(name, config, InProcess(registry, services, system_now_ms))
        self._recycler = Recycler(config.lane_memory_bytes, self._lane.is_quiet, _leave_to_ray)
        self._warming: asyncio.Task[None] | None = None
        self._warm_up = services.warm_up

    def __repr__(self) -> str:
        return "IoLane"

    async def run(
        self,
        owner_id: str,
        tasks: Sequence[NodeTask],
        unread: Sequence[str] = (),
        lease: DispatchLease | None = None,
    ) -> int:
        """See HostedLane."""
        self._payloads.forget(unread)
        done = await super().run(owner_id, tasks, unread, lease)
        self._recycler.look()
        return done

    async def facts(self) -> dict[str, Any]:
        """``{name, pid, in_flight, cached_bytes}``. The first loads what nodes will need."""
        if self._warming is None:
            self._warming = asyncio.ensure_future(self._warm_and_settle())
        return {**await super().facts(), "cached_bytes": self._payloads.held_bytes}

    async def _warm_and_settle(self) -> None:
        await self._warm_up()
        settle()
