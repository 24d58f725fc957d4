"""Looks for what should not be: executions that nothing can move (law L7), and what nothing refers to (law L8)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from flowray.eventlog.sse import iso_time
from flowray.persistence.payloads.ids import may_be_collected
from flowray.persistence.payloads.store import PayloadFiles, PayloadStore
from flowray.persistence.retention.upkeep import UnquietRecord
from flowray.persistence.stores import Reader
from flowray.runtime.value_sweep import sweeps

SETTLE_MS = 60_000
"""So long an execution may be between two commits that each have a reason to go on."""


MOST_SWEEPS = 1_000
"""Executions whose values one look goes through: each means reading its log."""


class Problem(msgspec.Struct, frozen=True):
    """One thing that should not be. ``law``: L7 or L8."""

    law: str
    message: str
    hint: str = ""
    execution_id: str | None = None


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. ``unquiet``: executions that have not ended and that nothing can move. ``orphan_*``: stored
    values whose execution is gone, in the database or in files; ``unnamed_*`` those of executions that are there, have
    ended, and name them nowhere. ``dangling_owners`` are processes that are long gone and own nothing. ``limit_uses``,
    ``metadata_changes``, ``callbacks``, ``waitpoints`` and ``firings``: rows that are spent (``Leftovers``).
    ``claimable``: executions that wait for an owner, and ``owners``: how many there are. ``deleted`` wait to be purged.
    """

    unquiet: tuple[UnquietRecord, ...] = ()
    orphan_payloads: int = 0
    orphan_bytes: int = 0
    orphan_plans: int = 0
    unnamed_values: int = 0
    unnamed_bytes: int = 0
    dangling_owners: int = 0
    limit_uses: int = 0
    metadata_changes: int = 0
    callbacks: int = 0
    waitpoints: int = 0
    firings: int = 0
    deleted: int = 0
    claimable: int = 0
    owners: int = 0
    problems: tuple[Problem, ...] = ()

    @property
    def is_well(self) -> bool:
        """Nothing is wrong."""
        return not self.problems


def examine(
    reader: Reader,
    payloads: PayloadStore,
    *,
    older_than_ms: int,
    settle_ms: int = SETTLE_MS,
    history_ms: int | None = None,
) -> Diagnosis:
    """Read everything once. What nothing refers to counts from an age of ``older_than_ms``: younger ones may belong to
    something that is being committed, and rounds of retention come now and then. What is kept for history counts from
    an age of ``history_ms``; None: never. Changes nothing.
    """
    now = reader.now_ms()
    before = now - older_than_ms
    unquiet = tuple(reader.upkeep.unquiet(now - settle_ms))
    left = reader.upkeep.leftovers(before, None if history_ms is None else now - history_ms)
    unnamed = [{**sweep.rows, **sweep.files} for sweep in sweeps(reader, payloads, before, MOST_SWEEPS)]
    files, file_bytes = _orphan_files(reader, payloads, before)
    found = Diagnosis(
        unquiet=unquiet,
        orphan_payloads=left.payloads + files,
        orphan_bytes=left.payload_bytes + file_bytes,
        orphan_plans=left.plans,
        unnamed_values=sum(len(sizes) for sizes in unnamed),
        unnamed_bytes=sum(sum(sizes.values()) for sizes in unnamed),
        dangling_owners=left.owners,
        limit_uses=left.limit_uses,
        metadata_changes=left.metadata_changes,
        callbacks=left.callbacks,
        waitpoints=left.waitpoints,
        firings=left.firings,
        deleted=left.deleted,
        claimable=reader.claimable(),
        owners=len(reader.owners()),
    )
    return msgspec.structs.replace(found, problems=tuple(_problems(found)))


def _orphan_files(reader: Reader, payloads: PayloadStore, before: int) -> tuple[int, int]:
    if not isinstance(payloads, PayloadFiles):
        return 0, 0
    owners = [owner for owner in payloads.owners() if may_be_collected(owner)]
    known = reader.upkeep.present(owners)
    found = [payloads.orphans(owner, before) for owner in owners if owner not in known]
    return sum(removed.blobs for removed in found), sum(removed.bytes for removed in found)


def _problems(found: Diagnosis) -> Iterator[Problem]:
    for record in found.unquiet:
        yield Problem(
            "L7",
            f"execution {record.id} is {record.status} since {iso_time(record.updated_at)}, and nothing will move it",
            "cancel it, or rerun it; this is a fault of flowray's worth a report",
            record.id,
        )
    counted = (
        (found.orphan_payloads, f"stored values of no execution, {found.orphan_bytes} bytes"),
        (found.unnamed_values, f"stored values that their ended executions name nowhere, {found.unnamed_bytes} bytes"),
        (found.orphan_plans, "plans that no execution runs"),
        (found.dangling_owners, "owners that are long gone"),
        (found.limit_uses, "uses of limits that nobody has"),
        (found.metadata_changes, "notes of old changes of metadata"),
        (found.callbacks, "callbacks that were settled long ago"),
        (found.waitpoints, "shared waitpoints that are long closed, or that nobody waits for"),
        (found.firings, "firings that were settled long ago"),
    )
    for count, what in counted:
        if count:
            yield Problem("L8", f"{count} {what}", "flowray gc removes them; a running server does so by itself")
