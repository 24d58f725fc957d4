"""What is known of the stores themselves: what executions take, what is left behind, what nothing can move."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from flowray.persistence.records import Record


class StorageFigures(Record, frozen=True):
    """Bytes that an execution takes, as they are stored, indexes not counted.

    ``record``: its row; ``logs``: one entry per attempt; ``payloads``: large values under its id, which of a family are
    all its first caller's.
    """

    record: int = 0
    events: int = 0
    logs: int = 0
    snapshots: int = 0
    inbox: int = 0
    payloads: int = 0

    @property
    def total(self) -> int:
        """All together."""
        return self.record + self.events + self.logs + self.snapshots + self.inbox + self.payloads


class UnquietRecord(Record, frozen=True):
    """An execution that has not ended although nothing can move it (law L7)."""

    id: str
    status: str
    workspace_id: str
    owner_id: str | None = None
    updated_at: int = 0


class Leftovers(Record, frozen=True):
    """What nothing refers to (law L8). ``deleted``: executions that wait to be purged."""

    payloads: int = 0
    payload_bytes: int = 0
    plans: int = 0
    owners: int = 0
    deleted: int = 0


class RetentionTimes(Record, frozen=True):
    """Which executions are due: those whose own time has come by ``now``, and of those that have none, the completed
    ones that ended before ``completed_before``, the others that ended before ``failed_before``; None: none of them.
    """

    now: int
    completed_before: int | None = None
    failed_before: int | None = None


class UpkeepReader(Protocol):
    """Looks after the stores; sees all workspaces."""

    def past_retention(self, times: RetentionTimes, limit: int) -> list[str]:
        """Executions that are due and that DeleteExecutions would delete, those that ended first in front."""
        ...

    def present(self, execution_ids: Collection[str]) -> set[str]:
        """Those of them that are there, or that have called something that is; also if it is deleted but not purged."""
        ...

    def storage(self, execution_id: str) -> StorageFigures:
        """What an execution takes, payloads in the database included."""
        ...

    def unquiet(self, before: int, limit: int = 100) -> list[UnquietRecord]:
        """Executions that law L7 forbids and that have not changed since ``before``, oldest first."""
        ...

    def leftovers(self, before: int) -> Leftovers:
        """What nothing refers to, from before ``before``."""
        ...
