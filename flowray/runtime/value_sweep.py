"""Values that executions leave behind although they stay: those of attempts that came to nothing. Finds, and collects.

An execution is looked through once after its end. Values of executions that are gone are ``retention``'s business.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.payloads.ids import may_be_collected, owner_name
from flowray.persistence.payloads.names import unnamed
from flowray.persistence.payloads.store import PayloadFiles, PayloadStore
from flowray.persistence.stores import Reader
from flowray.persistence.writes.spent import CollectValues

AT_ONCE = 50
"""Executions looked for at once."""

_OWNERS = 200


class Sweep(msgspec.Struct, frozen=True):
    """An ended execution whose values have been looked through: ``rows`` in the database and ``files`` that nothing
    names, by id, with their bytes."""

    execution_id: str
    rows: dict[str, int]
    files: dict[str, int]

    def write(self, before: int) -> CollectValues:
        """Removes the rows, and notes that it has been looked through. The files are to be gone by then."""
        return CollectValues(execution_id=self.execution_id, payload_ids=tuple(sorted(self.rows)), before=before)


def sweeps(reader: Reader, payloads: PayloadStore, before: int, limit: int = AT_ONCE) -> list[Sweep]:
    """Some that ended before ``before`` and have not been looked through since. Changes nothing."""
    values = reader.upkeep.values
    found = dict.fromkeys(values.unswept(before, limit))
    for owners in _chunks(payloads):
        if len(found) < limit:
            found |= dict.fromkeys(values.unswept(before, limit - len(found), owners))
    return [_sweep(reader, payloads, its_id, before) for its_id in found]


def _chunks(payloads: PayloadStore) -> Iterator[Sequence[str]]:
    """Who has files, some at a time."""
    if isinstance(payloads, PayloadFiles):
        owners = iter([owner for owner in payloads.owners() if may_be_collected(owner)])
        while some := list(islice(owners, _OWNERS)):
            yield some


def _sweep(reader: Reader, payloads: PayloadStore, execution_id: str, before: int) -> Sweep:
    values = reader.upkeep.values
    rows = values.stored(execution_id, before)
    owner = owner_name(execution_id)
    files = payloads.stored(owner, before) if isinstance(payloads, PayloadFiles) else {}
    if not rows and not files:
        return Sweep(execution_id, {}, {})
    try:
        spent = unnamed(execution_id, {**rows, **files}, values.named(execution_id), payloads.get)
    except FlowrayError as error:
        if error.code != ErrorCode.PAYLOAD_MISSING:
            raise
        spent = {}  # deleted meanwhile, or damaged: nothing of it is certain
    return Sweep(
        execution_id,
        {its_id: size for its_id, size in spent.items() if its_id in rows},
        {its_id: size for its_id, size in spent.items() if its_id in files},
    )
