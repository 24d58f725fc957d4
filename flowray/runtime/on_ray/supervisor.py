"""The supervisor: keeps the pool as it should be. Holds no state of its own: kill it at any moment, nothing is lost.

Orchestrators claim and recover executions themselves; the supervisor only sees to it that there are orchestrators and
lanes, and that those of another build hand over and go (R41).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util import list_named_actors

from flowray.runtime.on_ray.config import RuntimeConfig
from flowray.runtime.on_ray.pool import dedicated_orchestrator, ensure_workers, find, quarantine_orchestrator
from flowray.runtime.on_ray.retaining import retain

logger = logging.getLogger(__name__)

ROUND_S = 2.0
RETIRE_TIMEOUT_S = 10.0


class Supervisor:
    """Role only: which actor it lives in is decided elsewhere (R48)."""

    def __init__(self, config: RuntimeConfig) -> None:
        self._config = config
        self._rounds = 0
        self._scheduling: asyncio.Task[None] | None = None
        self._retaining: asyncio.Task[None] | None = None

    async def supervise(self) -> None:
        """Look after the pool for ever."""
        while True:
            try:
                await asyncio.to_thread(ensure_workers, self._config)
                self._keep_scheduling()
                self._keep_retaining()
                if self._rounds % 15 == 0:
                    await self._retire_other_builds()
                self._rounds += 1
            except RayError as error:
                logger.warning("flowray supervisor: will try again: %s", error)
            except Exception:
                logger.exception("flowray supervisor: a round failed")
            await asyncio.sleep(ROUND_S)

    def _keep_scheduling(self) -> None:
        """Begin to let schedules tick, and begin again if that has ended."""
        if self._config.schedule is not None and (self._scheduling is None or self._scheduling.done()):
            self._scheduling = asyncio.ensure_future(_logged(self._config.schedule(self._config)))

    def _keep_retaining(self) -> None:
        """Begin to delete what is due, and begin again if that has ended."""
        if self._config.retention.every_s > 0 and (self._retaining is None or self._retaining.done()):
            self._retaining = asyncio.ensure_future(_logged(retain(self._config)))

    async def spawn_dedicated(self, execution_id: str, owner_id: str) -> None:
        """Create the orchestrator of one execution; returns before it is up."""
        await asyncio.to_thread(dedicated_orchestrator, self._config, execution_id, owner_id)

    async def spawn_quarantine(self) -> None:
        """Create the orchestrator of suspects, unless it is there; returns before it is up."""
        await asyncio.to_thread(quarantine_orchestrator, self._config)

    async def _retire_other_builds(self) -> None:
        """Actors of a former build hand their executions over and are ended: names carry the build."""
        listed: list[dict[str, Any]] = await asyncio.to_thread(list_named_actors, all_namespaces=True)
        for entry in listed:
            name = entry["name"]
            if entry["namespace"] != self._config.namespace or name.endswith(self._config.build):
                continue
            if name.startswith("execution-"):
                continue
            await self._retire(name)

    async def _retire(self, name: str) -> None:
        logger.info("flowray supervisor: retiring %s of another build", name)
        try:
            actor = await asyncio.to_thread(find, self._config, name)
            if name.startswith("orchestrator-"):
                await asyncio.wait_for(actor.retire.remote(), RETIRE_TIMEOUT_S)
            ray.kill(actor, no_restart=True)
        except (ValueError, RayError, TimeoutError) as error:
            logger.info("flowray supervisor: %s was gone already (%s)", name, type(error).__name__)


async def _logged(role: Coroutine[Any, Any, None]) -> None:
    try:
        await role
    except Exception:
        logger.exception("flowray supervisor: the scheduler ended and begins again")
