"""Callbacks as rows: what an execution's starter is to be told, and how far the telling is. Sends nothing."""

from __future__ import annotations

from typing import Any, Protocol

from flowray.engine.statuses import TERMINAL_EXECUTION, ExecutionStatus
from flowray.persistence.records import DEFAULT_WORKSPACE, Page, Record
from flowray.persistence.writes import AppendEvents

PENDING = "pending"
DELIVERED = "delivered"
GIVEN_UP = "given_up"

CALLABLE = (*sorted(TERMINAL_EXECUTION), ExecutionStatus.PAUSED.value)
"""Statuses that can be told: the ends, and a pause."""


class CallbackRecord(Record, frozen=True):
    """One thing to tell a receiver. ``id`` goes with every delivery, so that receivers can tell repeats.

    ``seq`` is the event of the execution that is told, ``data`` what the row said then of status, error and waiting.
    ``attempts`` counts deliveries begun. ``next_at``: not before. While ``leased_until`` lies ahead, the process of
    ``claim_id`` is delivering. ``last_error`` says why the last delivery failed, and of one given up why.
    """

    id: str
    execution_id: str
    event: str
    seq: int
    url: str
    status: str = PENDING
    data: dict[str, Any] = {}
    attempts: int = 0
    next_at: int = 0
    leased_until: int | None = None
    claim_id: str | None = None
    last_status: int | None = None
    last_error: str | None = None
    created_at: int = 0
    delivered_at: int | None = None
    workspace_id: str = DEFAULT_WORKSPACE


class CallbackReader(Protocol):
    """Callbacks as they stand."""

    def due(self) -> int:
        """How many ClaimCallbacks would find now."""
        ...

    def callback(self, callback_id: str, workspace_id: str = DEFAULT_WORKSPACE) -> CallbackRecord | None: ...

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
        ...


def callback_of(write: AppendEvents, before: str, callback: dict[str, Any] | None) -> CallbackRecord | None:
    """What a commit makes known to the execution's starter, who asked for ``callback``: ``{url, events, secret?}``.

    ``before`` is the status that the commit finds. The id follows from what is told, so a repeat tells nothing new.
    """
    status = write.changes.get("status")
    if callback is None or status is None or status == before or status not in callback["events"]:
        return None
    known = ("error", "partial", "waiting_for", "crash_reason", "cancel_reason")
    data = {name: write.changes[name] for name in known if name in write.changes}
    return CallbackRecord(
        id=f"cb_{write.execution_id}_{write.last_seq}", execution_id=write.execution_id, event=f"execution.{status}",
        seq=write.last_seq, url=callback["url"], data={"status": status, "at": write.ts, **data},
    )  # fmt: skip
