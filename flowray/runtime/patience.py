"""What an attempt reads and keeps while the database is away: it is tried again, for a minute, and delays the attempt.

Not for the API, whose clients are told at once, and not the journal, which has its own queue to be patient with.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

from flowray.errors import ErrorCode, FlowrayError

logger = logging.getLogger(__name__)

PATIENCE_S = 60.0
"""How long a database may be away before an attempt fails for it."""

FIRST_RETRY_S = 0.02
LONGEST_RETRY_S = 1.0

_T = TypeVar("_T")


async def patiently(what: Callable[[], _T], patience_s: float = PATIENCE_S) -> _T:
    """The result of ``what``, called in a thread, again for as long as the database is away; it must bear repetition.

    Raises what it raises: DATABASE_UNAVAILABLE only after ``patience_s`` seconds.
    """
    loop = asyncio.get_running_loop()
    deadline, delay_s = loop.time() + patience_s, FIRST_RETRY_S
    while True:
        try:
            return await asyncio.to_thread(what)
        except FlowrayError as error:
            if error.code != ErrorCode.DATABASE_UNAVAILABLE or loop.time() >= deadline:
                raise
            logger.warning("flowray: %s; an attempt waits for it", error)
        await asyncio.sleep(delay_s)
        delay_s = min(delay_s * 2, LONGEST_RETRY_S)
