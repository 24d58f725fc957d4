"""The scheduler on top of the API's way of starting: for the app of one process, and for the hub on Ray."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from flowray.api.context import ApiContext
from flowray.api.triggers.firing import start_firing
from flowray.persistence.records.triggers import FiringRecord
from flowray.runtime.scheduler import Scheduler


def scheduler_of(context: ApiContext) -> Scheduler:
    """A scheduler that starts executions as calls of the API do."""

    async def start(firing: FiringRecord) -> None:
        await start_firing(context, firing)

    directory = context.directory
    return Scheduler(directory.reader, directory.write, start, context.services.new_id)


@asynccontextmanager
async def scheduling(context: ApiContext) -> AsyncIterator[None]:
    """Schedules tick in here, if the app is to let them."""
    if not context.services.runs_schedules:
        yield
        return
    task = asyncio.create_task(scheduler_of(context).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
