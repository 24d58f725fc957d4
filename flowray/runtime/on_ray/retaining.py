"""Retention on Ray: a role of the supervisor, whose writes go the way of everybody's (R26)."""

from __future__ import annotations

import asyncio

from flowray.runtime.on_ray.config import RuntimeConfig
from flowray.runtime.on_ray.directory import RayDirectory
from flowray.runtime.retention import retain_forever


async def retain(config: RuntimeConfig) -> None:
    """Rounds of retention for ever."""
    directory = await asyncio.to_thread(RayDirectory, config, {})
    storage = await asyncio.to_thread(config.storage_factory)
    await retain_forever(
        directory.reader, directory.write, storage.payloads, config.retention, asyncio.Event(), storage.workspaces
    )
