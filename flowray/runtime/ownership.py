"""The lease of one owner process: registered, renewed, and trusted only for a part of its length (R23, R27).

Lease times are the database's; this process measures with its own monotonic clock from before each renewal, so it
never believes in a lease longer than the database does.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.stores import Journal, Reader
from flowray.persistence.writes import Fenced, Leased, RegisterOwner, ReleaseOwner, RenewLease

logger = logging.getLogger(__name__)

LEASE_MS = 10_000
MARGIN_MS = 2_000
"""An owner stops dispatching this long before its lease ends: clocks differ in rate, and a dispatch takes time."""


@dataclass(frozen=True)
class OwnerIdentity:
    """Who an owner is, for the owners table and for links into the Ray dashboard."""

    id: str
    kind: str
    generation: str
    actor_name: str | None = None
    actor_id: str | None = None
    log_location: str | None = None


class Lease:
    """Keeps one owner's lease alive in a thread of its own. ``on_lost`` is called once if the lease has ended."""

    def __init__(
        self,
        identity: OwnerIdentity,
        journal: Journal,
        reader: Reader,
        monotonic_ms: Callable[[], int],
        on_lost: Callable[[], None],
        lease_ms: int = LEASE_MS,
    ) -> None:
        self.identity = identity
        self._journal = journal
        self._reader = reader
        self._monotonic_ms = monotonic_ms
        self._on_lost = on_lost
        self._lease_ms = lease_ms
        self._valid_until = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="flowray-lease", daemon=True)

    def start(self) -> None:
        """Register and begin to renew."""
        self.register()
        self._thread.start()

    def register(self) -> None:
        """Announce the owner. Ends the leases of dead predecessors with the same actor name on this host."""
        asked_at = self._monotonic_ms()
        identity = self.identity
        (result,) = self._journal.commit(
            [
                RegisterOwner(
                    id=identity.id, kind=identity.kind, generation=identity.generation, lease_ms=self._lease_ms,
                    actor_name=identity.actor_name, actor_id=identity.actor_id, host=socket.gethostname(),
                    pid=os.getpid(), log_location=identity.log_location, supersedes=self._dead_predecessors(),
                )
            ]
        )  # fmt: skip
        if not isinstance(result, Leased):
            raise FlowrayError(ErrorCode.INTERNAL, f"the owner {identity.id} was not registered: {result}")
        self._valid_until = asked_at + self._lease_ms

    def _dead_predecessors(self) -> tuple[str, ...]:
        """Pids under which this actor name was known on this host and under which no process runs any more.

        An owner without an actor name is nobody's successor: several may live in one process.
        """
        if self.identity.actor_name is None:
            return ()
        try:
            owners = self._reader.owners()
        except FlowrayError as error:
            logger.warning("flowray: leases of predecessors run out by themselves: %s", error)
            return ()
        host = socket.gethostname()
        return tuple(
            str(owner.pid)
            for owner in owners
            if owner.host == host and owner.actor_name == self.identity.actor_name and not _is_alive(owner.pid)
        )

    def is_trusted(self) -> bool:
        """True while effects may start: the lease has more than the margin left."""
        return self._monotonic_ms() < self._valid_until - MARGIN_MS

    @property
    def valid_until(self) -> int:
        """When the lease ends at the latest, ms of this process's monotonic clock."""
        return self._valid_until

    def stop(self) -> None:
        """End the lease now, so that others may take over at once."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        try:
            self._journal.commit([ReleaseOwner(id=self.identity.id)])
        except FlowrayError as error:
            logger.warning("flowray: the lease of %s runs out by itself: %s", self.identity.id, error)

    def _keep(self) -> None:
        while not self._stopped.wait(self._lease_ms / 3000):
            if not self.renew():
                logger.error("flowray: the lease of %s has ended", self.identity.id)
                self._on_lost()
                return

    def renew(self) -> bool:
        """Extend the lease. False if it has ended: it is lost for good.

        Trouble with the journal is not yet a loss: trust runs out by itself if it lasts.
        """
        asked_at = self._monotonic_ms()
        try:
            (result,) = self._journal.commit([RenewLease(id=self.identity.id, lease_ms=self._lease_ms)])
        except Exception as error:
            logger.warning("flowray: renewing the lease failed, trying again: %s", error)
            return True
        if isinstance(result, Leased):
            self._valid_until = asked_at + self._lease_ms
        elif isinstance(result, Fenced):
            self._valid_until = 0
            return False
        return True


def _is_alive(pid: int) -> bool:
    if pid <= 0 or pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
