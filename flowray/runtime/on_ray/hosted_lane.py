"""The calls that the actor of any lane answers. What performs the attempts is its subclass's business."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

from flowray.handlers.handler import system_now_ms
from flowray.handlers.node_task import NodeTask
from flowray.runtime.dispatch_lease import DispatchLease, StaleGuard
from flowray.runtime.held_attempts import Adoption, Key
from flowray.runtime.lane import Lane, Report
from flowray.runtime.on_ray.config import RuntimeConfig
from flowray.runtime.on_ray.services import stored_epoch
from flowray.runtime.performers import Performer

RESULTS_KEPT = 5_000
"""Results that are kept for a new owner, of at most 32 KiB each; it needs those of the last seconds."""


class HostedLane:
    """Hosts a Lane. Its calls are named by workflow and node type in the dashboard."""

    def __init__(self, name: str, config: RuntimeConfig, performer: Performer) -> None:
        self._name = name
        guard = StaleGuard(partial(stored_epoch, config))
        self._lane = Lane(performer, system_now_ms, results_kept=RESULTS_KEPT, guard=guard)

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
        return await self._lane.run(owner_id, tasks, lease)

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

    async def stop(self, execution_id: str, instance: str, attempt: int, owner_id: str, incarnation: int = 0) -> bool:
        """Cancel one attempt of that owner, also one whose call comes after this one."""
        return self._lane.stop(execution_id, instance, attempt, owner_id, incarnation)

    async def drop(self, execution_ids: Sequence[str]) -> None:
        """These executions have ended."""
        for execution_id in execution_ids:
            self._lane.drop(execution_id)

    async def facts(self) -> dict[str, Any]:
        """``{name, pid, in_flight}``; also the readiness check."""
        return {"name": self._name, "pid": os.getpid(), "in_flight": self._lane.in_flight()}
