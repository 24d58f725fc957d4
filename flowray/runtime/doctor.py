"""Looks for what should not be: executions that nothing can move (law L7), and what nothing refers to (law L8)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from flowray.eventlog.sse import iso_time
from flowray.persistence.payloads import may_be_collected
from flowray.persistence.stores import PayloadFiles, PayloadStore, Reader
from flowray.persistence.upkeep_records import UnquietRecord

SETTLE_MS = 60_000
"""So long an execution may be between two commits that each have a reason to go on."""


class Problem(msgspec.Struct, frozen=True):
    """One thing that should not be. ``law``: L7 or L8."""

    law: str
    message: str
    hint: str = ""
    execution_id: str | None = None


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. ``unquiet``: executions that have not ended and that nothing can move. ``orphan_*``: stored
    values whose execution is gone, in the database or in files. ``dangling_owners`` are processes that are long gone
    and own nothing. ``claimable``: executions that wait for an owner, and ``owners``: how many there are. ``deleted``
    wait to be purged.
    """

    unquiet: tuple[UnquietRecord, ...] = ()
    orphan_payloads: int = 0
    orphan_bytes: int = 0
    orphan_plans: int = 0
    dangling_owners: int = 0
    deleted: int = 0
    claimable: int = 0
    owners: int = 0
    problems: tuple[Problem, ...] = ()

    @property
    def is_well(self) -> bool:
        """Nothing is wrong."""
        return not self.problems


def examine(reader: Reader, payloads: PayloadStore, *, older_than_ms: int, settle_ms: int = SETTLE_MS) -> Diagnosis:
    """Read everything once. What nothing refers to counts from an age of ``older_than_ms``: younger ones may belong to
    something that is being committed, and rounds of retention come now and then. Changes nothing.
    """
    now = reader.now_ms()
    before = now - older_than_ms
    unquiet = tuple(reader.upkeep.unquiet(now - settle_ms))
    left = reader.upkeep.leftovers(before)
    files, file_bytes = _orphan_files(reader, payloads, before)
    found = Diagnosis(
        unquiet=unquiet,
        orphan_payloads=left.payloads + files,
        orphan_bytes=left.payload_bytes + file_bytes,
        orphan_plans=left.plans,
        dangling_owners=left.owners,
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
        (found.orphan_plans, "plans that no execution runs"),
        (found.dangling_owners, "owners that are long gone"),
    )
    for count, what in counted:
        if count:
            yield Problem("L8", f"{count} {what}", "flowray gc removes them; a running server does so by itself")
