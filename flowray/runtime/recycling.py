"""Ends a lane's process once it has grown too large and has nothing to do: a fresh one takes its place (R39)."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

logger = logging.getLogger(__name__)

MAX_BYTES = 2 * 1024**3
"""Resident memory above which a lane is recycled, unless the settings say otherwise."""

QUIET_S = 5.0
"""How long it must have had nothing to do: an answer that has just left needs its process a little longer."""


def resident_bytes() -> int:
    """Of this process; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


class Recycler:
    """Belongs to the lane's event loop. ``leave`` ends the process; whoever keeps the lanes starts it again."""

    def __init__(
        self,
        max_bytes: int,
        is_quiet: Callable[[], bool],
        leave: Callable[[], None],
        resident: Callable[[], int] = resident_bytes,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._max_bytes = max_bytes
        self._is_quiet = is_quiet
        self._leave = leave
        self._resident = resident
        self._sleep = sleep
        self._waiting: asyncio.Task[None] | None = None

    def look(self) -> None:
        """To be called after each piece of work; costs a look at a file of the system."""
        if self._resident() > self._max_bytes and (self._waiting is None or self._waiting.done()):
            self._waiting = asyncio.ensure_future(self._wait_for_quiet())

    async def _wait_for_quiet(self) -> None:
        quiet = False
        while self._resident() > self._max_bytes:
            if quiet and self._is_quiet():
                logger.warning("flowray: a lane of %d MB begins anew", self._resident() // 1024**2)
                self._leave()
                return
            quiet = self._is_quiet()
            await self._sleep(QUIET_S)
