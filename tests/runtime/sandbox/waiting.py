"""Waits for what the operating system does, such as ending a process. Shared by the tests of sandboxes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(holds: Callable[[], object]) -> None:
    """Return once it holds. Bounded, for what never does."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - nobody tells of processes
            await asyncio.sleep(0)
