"""Whether who dispatches an attempt still owns its execution: looked at where the attempt is to begin (R23).

An owner that was frozen between its commit and its dispatch may wake up when another one has taken over. It cannot
know; the lane can: by the epochs it has heard of, by the end of the lease that comes with the dispatch, and, where
neither decides, by the database.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import msgspec

from flowray.errors import FlowrayError
from flowray.handlers.node_task import NodeTask

logger = logging.getLogger(__name__)

EPOCHS_KEPT = 50_000

TRUST_MS = 2_000
"""How long a look into the database holds for the same execution and epoch: as long as an owner's own margin."""

EpochOf = Callable[[str], int | None]
"""The epoch of an execution by the database, None if there is none. Raises FlowrayError DATABASE_UNAVAILABLE."""


class DispatchLease(msgspec.Struct, frozen=True):
    """The lease of who dispatches: until ``until_ms`` by the monotonic clock of the machine ``host``."""

    host: str
    until_ms: int


@lru_cache(maxsize=1)
def host_id() -> str:
    """Names the machine as long as its monotonic clock runs on: processes of one boot share it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname()


def monotonic_ms() -> int:
    """This machine's monotonic clock."""
    return time.monotonic_ns() // 1_000_000


class StaleGuard:
    """Refuses attempts of former owners. Belongs to one event loop, or one thread."""

    def __init__(
        self, epoch_of: EpochOf | None = None, clock_ms: Callable[[], int] = monotonic_ms, host: str | None = None
    ) -> None:
        self._epoch_of = epoch_of
        self._clock_ms = clock_ms
        self._host = host or host_id()
        self._epochs: OrderedDict[str, int] = OrderedDict()
        self._looked: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def note(self, execution_id: str, epoch: int) -> None:
        """There is an owner of this epoch: who comes with a lower one is a former owner."""
        self._epochs[execution_id] = max(epoch, self._epochs.pop(execution_id, 0))
        if len(self._epochs) > EPOCHS_KEPT:
            self._epochs.popitem(last=False)

    async def is_stale(self, task: NodeTask, lease: DispatchLease | None) -> bool:
        """True for an attempt that must not begin."""
        if not self._is_open(task, lease):
            return self._is_former(task)
        try:
            found = await asyncio.to_thread(self._look, task.execution_id)
        except FlowrayError as error:
            logger.warning("flowray: an attempt of a lease that has ended does not begin: %s", error)
            return True
        return self._decide(task, found)

    def is_stale_here(self, task: NodeTask, lease: DispatchLease | None) -> bool:
        """As ``is_stale``, for a process that has nothing else to do meanwhile."""
        if not self._is_open(task, lease):
            return self._is_former(task)
        try:
            return self._decide(task, self._look(task.execution_id))
        except FlowrayError as error:
            logger.warning("flowray: an attempt of a lease that has ended does not begin: %s", error)
            return True

    def _is_former(self, task: NodeTask) -> bool:
        return task.epoch < self._epochs.get(task.execution_id, 0)

    def _is_open(self, task: NodeTask, lease: DispatchLease | None) -> bool:
        """Whether only the database can tell."""
        if lease is None or self._epoch_of is None or self._is_former(task):
            return False
        if lease.host == self._host:
            return self._clock_ms() >= lease.until_ms
        epoch, until_ms = self._looked.get(task.execution_id, (0, 0))
        return epoch != task.epoch or self._clock_ms() >= until_ms

    def _look(self, execution_id: str) -> int:
        assert self._epoch_of is not None
        return self._epoch_of(execution_id) or 0

    def _decide(self, task: NodeTask, epoch: int) -> bool:
        self.note(task.execution_id, epoch)
        if epoch != task.epoch or self._is_former(task):
            return True
        self._looked[task.execution_id] = (epoch, self._clock_ms() + TRUST_MS)
        if len(self._looked) > EPOCHS_KEPT:
            self._looked.popitem(last=False)
        return False
