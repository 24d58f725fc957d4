"""Writes that collect what nothing refers to any more although its execution stays, or what was never one's, and the
results. What goes with an execution is in ``writes.retention``."""

from __future__ import annotations

from flowray.persistence.writes.base import Result, Write
from flowray.persistence.writes.retention import RETENTION
from flowray.persistence.writes.waitpoints import SHARED_WAITPOINTS


class CollectSpent(Write, tag="collect_spent", frozen=True):
    """Remove up to ``limit`` each of what is spent.

    From before ``before`` (ms since the epoch): uses of limits whose owner is dead or whose execution has ended, and
    notes of which changes of metadata were made. From before ``history_before``, None being never: callbacks that were
    delivered or given up, shared waitpoints that were answered or timed out, and those that stand only because somebody
    waited for them, if nobody does. Result: Spent.
    """

    before: int
    history_before: int | None = None
    limit: int = 200

    def touches(self) -> tuple[str, ...]:
        """Everything that it may remove."""
        return (*RETENTION, "limits", "owners", "callbacks", SHARED_WAITPOINTS)


class CollectValues(Write, tag="collect_values", frozen=True):
    """Remove these payloads of an ended family, if they were put before ``before`` (ms since the epoch), and note that
    all from before then have been looked at. ``execution_id``: the first caller, under whose id they are kept.

    Nothing happens if the family has not ended. Result: Collected.
    """

    execution_id: str
    payload_ids: tuple[str, ...]
    before: int

    def touches(self) -> tuple[str, ...]:
        """The execution; a payload that is put in the same group is young."""
        return (*RETENTION, f"execution {self.execution_id}")


SPENT_WRITES = (CollectSpent, CollectValues)


class Spent(Result, tag="spent", frozen=True):
    """How many rows are gone; ``more``: there may be more of some of them."""

    limit_uses: int = 0
    metadata_changes: int = 0
    callbacks: int = 0
    waitpoints: int = 0
    more: bool = False
