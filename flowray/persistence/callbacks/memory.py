"""Callbacks of a MemoryStore: the rows of ``callbacks.sql`` in a dictionary."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import msgspec

from flowray.errors import ErrorCode
from flowray.persistence.callbacks.records import DELIVERED, PENDING, CallbackRecord
from flowray.persistence.cursors import cut_page, decode_cursor
from flowray.persistence.records import DEFAULT_WORKSPACE, Page
from flowray.persistence.writes import AnyResult, Done, Fenced, Refused
from flowray.persistence.writes.callbacks import (
    ClaimCallbacks,
    ClaimedCallback,
    ClaimedCallbacks,
    RedeliverCallback,
    SettleCallback,
)


class MemoryCallbacks:
    """A CallbackReader, and what applies the writes."""

    def __init__(self, lock: AbstractContextManager[Any], clock_ms: Callable[[], int]) -> None:
        self._lock = lock
        self._clock_ms = clock_ms
        self._rows: dict[str, CallbackRecord] = {}

    # -- writes; the caller holds the lock ------------------------------------------------------------------------

    def insert(self, record: CallbackRecord | None, workspace_id: str) -> None:
        """A row that a commit leaves behind."""
        if record is not None:
            now = self._clock_ms()
            row = msgspec.structs.replace(record, workspace_id=workspace_id, created_at=now, next_at=now)
            self._rows.setdefault(record.id, row)

    def claim(self, write: ClaimCallbacks) -> AnyResult:
        """As ``ClaimCallbacks`` says."""
        now = self._clock_ms()
        repeated = [
            row for row in self._rows.values() if row.claim_id == write.claim_id and (row.leased_until or 0) > now
        ]
        if not repeated:
            for row in self._due(now)[: write.limit]:
                claimed = msgspec.structs.replace(
                    row, attempts=row.attempts + 1, leased_until=now + write.lease_ms, claim_id=write.claim_id
                )
                self._rows[row.id] = claimed
                repeated.append(claimed)
        repeated.sort(key=_due_order)
        return ClaimedCallbacks(
            claims=tuple(ClaimedCallback(row.id, row.execution_id, row.attempts) for row in repeated)
        )

    def settle(self, write: SettleCallback) -> AnyResult:
        """As ``SettleCallback`` says."""
        row = self._rows.get(write.id)
        if row is None or row.claim_id != write.claim_id:
            return Fenced()
        now = self._clock_ms()
        self._rows[write.id] = msgspec.structs.replace(
            row, status=write.status, next_at=now + write.retry_ms, leased_until=None, last_status=write.http_status,
            last_error=write.error, delivered_at=now if write.status == DELIVERED else None,
        )  # fmt: skip
        return Done()

    def redeliver(self, write: RedeliverCallback) -> AnyResult:
        """As ``RedeliverCallback`` says."""
        row = self._rows.get(write.id)
        if row is None or row.workspace_id != write.workspace_id:
            return Refused(code=ErrorCode.NOT_FOUND, detail=f"there is no callback {write.id!r}")
        self._rows[write.id] = msgspec.structs.replace(
            row, status=PENDING, attempts=0, next_at=self._clock_ms(), leased_until=None, claim_id=None,
            delivered_at=None,
        )  # fmt: skip
        return Done()

    def forget(self, execution_id: str) -> None:
        """The execution is deleted: nothing of it is told any more."""
        for its_id in [row.id for row in self._rows.values() if row.execution_id == execution_id]:
            del self._rows[its_id]

    def settled(self, before: int) -> list[str]:
        """Ids of those that were delivered or given up before then; the caller holds the lock."""
        return [row.id for row in self._rows.values() if row.status != PENDING and row.next_at < before]

    def of(self, execution_id: str) -> list[CallbackRecord]:
        """Those of an execution; the caller holds the lock."""
        return [row for row in self._rows.values() if row.execution_id == execution_id]

    def drop(self, callback_id: str) -> None:
        """Forget one; the caller holds the lock."""
        self._rows.pop(callback_id, None)

    def _due(self, now: int) -> list[CallbackRecord]:
        found = [
            row
            for row in self._rows.values()
            if row.status == PENDING and row.next_at <= now and (row.leased_until is None or row.leased_until <= now)
        ]
        return sorted(found, key=_due_order)

    # -- reading --------------------------------------------------------------------------------------------------

    def due(self) -> int:
        """How many ClaimCallbacks would find now."""
        with self._lock:
            return len(self._due(self._clock_ms()))

    def callback(self, callback_id: str, workspace_id: str = DEFAULT_WORKSPACE) -> CallbackRecord | None:
        """One."""
        with self._lock:
            row = self._rows.get(callback_id)
        return row if row is not None and row.workspace_id == workspace_id else None

    def callbacks(
        self,
        *,
        status: str | None = None,
        execution_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
        workspace_id: str = DEFAULT_WORKSPACE,
    ) -> Page:
        """Newest first. Raises FlowrayError INVALID_CURSOR."""
        before = decode_cursor("callbacks", cursor)
        with self._lock:
            found = [
                row
                for row in self._rows.values()
                if row.workspace_id == workspace_id
                and status in (None, row.status)
                and execution_id in (None, row.execution_id)
                and (before is None or (row.created_at, row.id) < before)
            ]
        found.sort(key=lambda row: (row.created_at, row.id), reverse=True)
        return cut_page("callbacks", found[: limit + 1], limit, lambda row: (row.created_at, row.id))


def _due_order(row: CallbackRecord) -> tuple[int, str]:
    return row.next_at, row.id
