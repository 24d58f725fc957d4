"""What can be written about queues, as data like all writes."""

from __future__ import annotations

from typing import Any

from flowray.persistence.records import DEFAULT_WORKSPACE
from flowray.persistence.writes.base import Write

CHANGEABLE = ("max_concurrent", "max_per_key", "paused", "overridden")


class ConfigureQueue(Write, tag="configure_queue", frozen=True):
    """Set limits of a queue, or pause it; one that is not there is made. ``changes``: columns of QueueRecord, of those
    in ``CHANGEABLE``.

    ``declared``: a definition says so, which changes nothing where somebody has overridden what definitions say.
    Result: Done.
    """

    name: str
    changes: dict[str, Any]
    ts: int
    declared: bool = False
    workspace_id: str = DEFAULT_WORKSPACE

    def values(self) -> dict[str, Any]:
        """``changes``. Raises ValueError for a name that is none of ``CHANGEABLE``."""
        for name in self.changes:
            if name not in CHANGEABLE:
                raise ValueError(f"ConfigureQueue cannot change {name!r}")
        return self.changes
