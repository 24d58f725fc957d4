"""Writes of triggers and firings, and their result."""

from __future__ import annotations

from typing import TypeAlias

from flowray.persistence.records import DEFAULT_WORKSPACE
from flowray.persistence.records.triggers import FiringRecord, TriggerRecord
from flowray.persistence.writes.base import Result, Write

RETRY_AFTER_MS = 10_000
"""How long whoever has recorded a firing may take to start it, before others do as well."""


class SaveTrigger(Write, tag="save_trigger", frozen=True):
    """Insert a trigger of a stored workflow, or replace the one of ``expected_revision``.

    A replacement has the next revision, and keeps ``next_fire_at`` as it stands unless ``reschedule``. Result: Inserted
    or Done, or Refused(NOT_FOUND, CONFLICT).
    """

    record: TriggerRecord
    expected_revision: int | None = None
    reschedule: bool = False


class RegisterTriggers(Write, tag="register_triggers", frozen=True):
    """Bring the triggers of a workflow's nodes in line with its definition, if that still has this ``hash``.

    A new one is inserted as it is given, disabled. A known one keeps its id, its secret and whether it is enabled;
    ``next_fire_at`` counts only if it is. One whose node is gone is removed; its history stays. Result: Done.
    """

    workflow_id: str
    hash: str
    triggers: tuple[TriggerRecord, ...]
    ts: int
    workspace_id: str = DEFAULT_WORKSPACE

    def touches(self) -> tuple[str, ...]:
        """The workflow, beside all triggers."""
        return (f"workflow {self.workspace_id} {self.workflow_id}",)


class DeleteTrigger(Write, tag="delete_trigger", frozen=True):
    """Remove a trigger. Its history stays; what is queued is skipped by the next round.

    Result: Done, or Refused(NOT_FOUND).
    """

    id: str
    workspace_id: str = DEFAULT_WORKSPACE


class FireTrigger(Write, tag="fire_trigger", frozen=True):
    """Record firings, in order; those whose key is known stay as they are.

    ``expected_at``: of a schedule, the tick that it waited for. Unless the trigger of this ``revision`` is enabled,
    still waits for it, and it has come by the database's clock, nothing is written and the result is Fenced; if so, the
    trigger waits for ``next_at`` from now on. So each tick is recorded once, whoever looks. ``overlap`` and
    ``max_queued`` decide what becomes of a firing while an earlier execution has not ended. ``test`` fires a disabled
    trigger too. Result: Fired, Fenced, or Refused(NOT_FOUND, or CONFLICT if it is disabled).
    """

    trigger_id: str
    firings: tuple[FiringRecord, ...]
    revision: int | None = None
    expected_at: int | None = None
    next_at: int | None = None
    overlap: str = "allow"
    max_queued: int = 100
    test: bool = False
    workspace_id: str = DEFAULT_WORKSPACE


class PromoteFiring(Write, tag="promote_firing", frozen=True):
    """If no earlier execution of the trigger is left, let the first queued firing start. Result: Fired.

    Those of a trigger that is gone or disabled are skipped.
    """

    trigger_id: str


class SettleFiring(Write, tag="settle_firing", frozen=True):
    """A firing that was starting has been ``started``, or has ``failed`` for a ``reason``. Result: Done."""

    trigger_id: str
    fire_key: str
    status: str
    reason: str | None = None


class PruneFirings(Write, tag="prune_firings", frozen=True):
    """Remove up to ``limit`` firings from before ``before`` that are settled, and whose execution has ended where a
    policy of overlap may look at it. Result: Pruned."""

    before: int
    limit: int = 1_000


class Fired(Result, tag="fired", frozen=True):
    """The firings as they stand now. Those that are ``starting`` are to be started. ``known``: keys seen before."""

    firings: tuple[FiringRecord, ...] = ()
    known: tuple[str, ...] = ()


class Pruned(Result, tag="pruned", frozen=True):
    """How many rows are gone."""

    count: int


AnyTriggerWrite: TypeAlias = (
    SaveTrigger | RegisterTriggers | DeleteTrigger | FireTrigger | PromoteFiring | SettleFiring | PruneFirings
)

TRIGGER_WRITES: tuple[type[AnyTriggerWrite], ...] = (
    RegisterTriggers, SaveTrigger, DeleteTrigger, FireTrigger, PromoteFiring, SettleFiring, PruneFirings,
)  # fmt: skip
