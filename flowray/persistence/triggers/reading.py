"""The interface of what can be read about triggers. No database here."""

from __future__ import annotations

from typing import Protocol

from flowray.persistence.records import DEFAULT_WORKSPACE, Page
from flowray.persistence.records.triggers import FiringRecord, TriggerRecord


class TriggerReader(Protocol):
    """Synchronous and thread-safe, as the Reader that it is a part of."""

    def get(self, trigger_id: str, workspace_id: str | None = None) -> TriggerRecord | None:
        """One trigger; without a workspace in whatever one: for hooks and schedulers."""
        ...

    def page(
        self,
        *,
        workflow_id: str | None = None,
        kind: str | None = None,
        enabled: bool | None = None,
        limit: int = 50,
        cursor: str | None = None,
        workspace_id: str = DEFAULT_WORKSPACE,
    ) -> Page:
        """Newest first. Raises FlowrayError INVALID_CURSOR."""
        ...

    def of_nodes(self, workflow_id: str, workspace_id: str = DEFAULT_WORKSPACE) -> list[TriggerRecord]:
        """The triggers that belong to nodes of a workflow."""
        ...

    def hearing(self, topic: str, workspace_id: str = DEFAULT_WORKSPACE) -> list[TriggerRecord]:
        """Enabled event triggers for events of this name."""
        ...

    def due(self, limit: int = 100) -> list[TriggerRecord]:
        """Schedules whose tick has come by the database's clock, longest due first; in every workspace."""
        ...

    def next_at(self) -> int | None:
        """When the next schedule ticks, ms since the epoch; it may have passed. None without any."""
        ...

    def firing(self, trigger_id: str, fire_key: str) -> FiringRecord | None:
        """One firing."""
        ...

    def history(
        self,
        trigger_id: str,
        *,
        limit: int = 50,
        cursor: str | None = None,
        workspace_id: str = DEFAULT_WORKSPACE,
    ) -> Page:
        """The firings of a trigger, newest first, also of one that is gone. Raises FlowrayError INVALID_CURSOR."""
        ...

    def forgotten(self, limit: int = 100) -> list[FiringRecord]:
        """Firings that are still starting after their time for it: whoever was to start them may be dead."""
        ...

    def with_queue(self) -> list[str]:
        """Ids of triggers that have queued firings."""
        ...

    def running(self, trigger_id: str) -> list[str]:
        """Ids of the trigger's executions that policies of overlap count, have started and have not ended."""
        ...
