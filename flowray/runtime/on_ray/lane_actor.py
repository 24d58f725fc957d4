"""The actor of an io lane: an async process that holds hundreds of calls at once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

from flowray.handlers.handler import system_now_ms
from flowray.handlers.node_task import NodeTask
from flowray.runtime.dispatch_lease import DispatchLease, StaleGuard
from flowray.runtime.held_attempts import Adoption, Key
from flowray.runtime.lane import Lane, Report
from flowray.runtime.on_ray.actor_class import actor_class
from flowray.runtime.on_ray.config import RuntimeConfig
from flowray.runtime.on_ray.services import lane_services, stored_epoch
from flowray.runtime.recycling import Recycler

RESULTS_KEPT = 5_000
"""Results that are kept for a new owner, of at most 32 KiB each; it needs those of the last seconds."""


def _leave_to_ray() -> None:
    """Ray starts the actor anew: an end that nobody asked for counts as a crash."""
    os._exit(1)


@actor_class(num_cpus=0, max_restarts=-1, max_task_retries=0, max_concurrency=10_000)
class IoLane:
    """Hosts a Lane. Its calls are named by workflow and node type in the dashboard."""

    def __init__(self, name: str, config: RuntimeConfig) -> None:
        self._name = name
        registry, services, self._payloads = lane_services(config)
        guard = StaleGuard(partial(stored_epoch, config))
        self._lane = Lane(registry, services, system_now_ms, results_kept=RESULTS_KEPT, guard=guard)
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
        """Run attempts; returns when all have ended. Results leave through ``reports``.

        ``unread``: stored values that nobody reads any more, to be forgotten first. ``lease``: the owner's (R23).
        """
        self._payloads.forget(unread)
        done = await self._lane.run(owner_id, tasks, lease)
        self._recycler.look()
        return done

    async def adopt(self, owner_id: str, adoptions: Sequence[Adoption]) -> list[Key]:
        """Which of the attempts that a new owner wants are held here (R38)."""
        return self._lane.adopt(owner_id, adoptions)

    async def deliver(self, owner_id: str, execution_ids: Sequence[str]) -> None:
        """The new owner is ready to hear them."""
        self._lane.deliver(owner_id, execution_ids)

    async def reports(self, owner_id: str) -> AsyncIterator[Report]:
        """Stream of result micro-batches for one owner."""
        async for report in self._lane.reports(owner_id):
            yield report

    async def stop(self, execution_id: str, instance: str, attempt: int, owner_id: str) -> bool:
        """Cancel one attempt of that owner."""
        return self._lane.stop(execution_id, instance, attempt, owner_id)

    async def drop(self, execution_ids: Sequence[str]) -> None:
        """These executions have ended."""
        for execution_id in execution_ids:
            self._lane.drop(execution_id)

    async def facts(self) -> dict[str, Any]:
        """``{name, pid, in_flight, cached_bytes}``; also the readiness check. The first loads what nodes will need."""
        if self._warming is None:
            self._warming = asyncio.ensure_future(self._warm_up())
        return {
            "name": self._name,
            "pid": os.getpid(),
            "in_flight": self._lane.in_flight(),
            "cached_bytes": self._payloads.held_bytes,
        }
