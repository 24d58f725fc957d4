"""Writes that forget what has ended, in pieces that may each be repeated, and their results."""

from __future__ import annotations

from flowray.persistence.records import DEFAULT_WORKSPACE
from flowray.persistence.writes.base import Result, Write

DELETED = "#deleted"
"""The workspace of executions that are deleted but not yet purged: nobody looks there, so nobody finds them."""

RETENTION = ("retention",)


class DeleteExecutions(Write, tag="delete_executions", frozen=True):
    """Take ended executions, with all that they have called, out of everybody's sight; what they have is purged later.

    Left alone are: one that has not ended or has descendants that have not, one whose first caller is there, one of
    which a rerun has not ended, and one of a firing that is not settled. ``workspace_id`` None deletes in whatever
    workspace. Result: Deleted, with those that are deleted now, whether by this write or before it.
    """

    ids: tuple[str, ...]
    workspace_id: str | None = DEFAULT_WORKSPACE

    def touches(self) -> tuple[str, ...]:
        """The executions; their descendants are locked in the transaction."""
        return (*RETENTION, *(f"execution {execution_id}" for execution_id in self.ids))


class PurgeExecutions(Write, tag="purge_executions", frozen=True):
    """Remove up to ``limit`` rows of deleted executions: their events, logs and payloads, at last they themselves.

    Result: Purged.
    """

    limit: int = 2_000

    def touches(self) -> tuple[str, ...]:
        """What is deleted is purged after it."""
        return RETENTION


class CollectOrphans(Write, tag="collect_orphans", frozen=True):
    """Remove up to ``limit`` each of: payloads in the database whose execution is not there, plans that no execution
    runs, and owners that own nothing and whose lease has ended; all from before ``before`` (ms since the epoch).

    What refers to them is looked up in the transaction that removes them (R34). Result: Collected.
    """

    before: int
    limit: int = 200

    def touches(self) -> tuple[str, ...]:
        """After what frees plans and payloads."""
        return (*RETENTION, "owners")


RETENTION_WRITES = (DeleteExecutions, PurgeExecutions, CollectOrphans)


class Deleted(Result, tag="deleted", frozen=True):
    """Ids of executions that are deleted; ``descendants``: how many others went with them in this write."""

    ids: tuple[str, ...] = ()
    descendants: int = 0


class Purged(Result, tag="purged", frozen=True):
    """``rows`` of which ``executions`` were executions; ``more``: there is more to purge."""

    rows: int = 0
    executions: int = 0
    more: bool = False


class Collected(Result, tag="collected", frozen=True):
    """What was removed; ``bytes`` of payloads; ``more``: there may be more to remove."""

    payloads: int = 0
    bytes: int = 0
    plans: int = 0
    owners: int = 0
    more: bool = False
