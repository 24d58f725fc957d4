"""What is known of the stores themselves: what executions take, what is left behind, what nothing can move."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from flowray.engine.statuses import TERMINAL_EXECUTION, ExecutionStatus
from flowray.persistence.records import Record

OVER_FOR_GOOD = frozenset(TERMINAL_EXECUTION - {ExecutionStatus.CRASHED})
"""What has crashed may be driven on, and would put again values that nothing names now."""


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
    """What nothing refers to (law L8). ``deleted``: executions that wait to be purged. ``limit_uses`` that nobody has,
    ``metadata_changes`` that nobody repeats; and beyond the time that history is kept ``callbacks`` that are settled,
    shared ``waitpoints`` that are closed or that nobody waits for, ``firings`` that are settled.
    """

    payloads: int = 0
    payload_bytes: int = 0
    plans: int = 0
    owners: int = 0
    deleted: int = 0
    limit_uses: int = 0
    metadata_changes: int = 0
    callbacks: int = 0
    waitpoints: int = 0
    firings: int = 0

    @property
    def spent(self) -> int:
        """Rows that are of no use any more although what they belong to may stay."""
        return self.limit_uses + self.metadata_changes + self.callbacks + self.waitpoints + self.firings


class RetentionTimes(Record, frozen=True):
    """Which executions are due: those whose own time has come by ``now``, and of those that have none, the completed
    ones that ended before ``completed_before``, the others that ended before ``failed_before``; None: none of them.
    """

    now: int
    completed_before: int | None = None
    failed_before: int | None = None


class ValueReader(Protocol):
    """Looks through the stored values of executions that have ended: those of attempts that came to nothing are named
    by nothing. All of a family are kept under the id of its first caller."""

    def unswept(self, before: int, limit: int, among: Collection[str] | None = None) -> list[str]:
        """First callers of families that all ended before ``before``, whose values CollectValues has not looked through
        since: those with such values in the database, or without looking there those ``among`` these ids.
        """
        ...

    def named(self, execution_id: str) -> set[str]:
        """Ids of the values that rows of its family name; what is stored may name more."""
        ...

    def stored(self, execution_id: str, before: int) -> dict[str, int]:
        """Ids and bytes of its values in the database that were put before ``before``."""
        ...


class UpkeepReader(Protocol):
    """Looks after the stores; sees all workspaces."""

    @property
    def values(self) -> ValueReader: ...

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

    def leftovers(self, before: int, history_before: int | None = None) -> Leftovers:
        """What nothing refers to, from before ``before``; of what is kept for history, from before that."""
        ...
