"""Stored values as an attempt reads them: loaded before it begins, or, of lists in chunks, part by part (R16).

Takes descriptors of one execution's own, or its family's. Resolves no reference.
"""

from __future__ import annotations

import asyncio
from typing import Any

from flowray.engine.manifests import size_of
from flowray.errors import ErrorCode, FlowrayError
from flowray.expressions.stored_lists import PARTLY, NotLoadedError, PartlyStored, StoredList
from flowray.handlers.services import Payloads
from flowray.values import Json, StoredValue, Value, as_value, holds_descriptor, is_descriptor, payload_ids, to_wire

READ_LIMIT_BYTES = 256 * 1024 * 1024
"""Of stored values that one attempt reads, in JSON: they are all in memory at once, in a process that others share."""

WHOLE_LIMIT_BYTES = 64 * 1024 * 1024
"""Of a list that is read whole, as of every single value."""


class ValueLoader:
    """Loads the payloads that are named to it, once each. ``has_lists``: some of what it filled is a StoredList."""

    _DEPTH = 2
    """A slice maps names to values, and ``containers`` ids to such maps; descriptors lie no deeper."""

    def __init__(self, payloads: Payloads, owner: str) -> None:
        self._payloads = payloads
        self._prefix = f"{owner}."
        self._values: dict[str, Json] = {}
        self._bytes: dict[str, int] = {}
        self.has_any = False
        self.has_lists = False

    def note(self, part: Value, depth: int = _DEPTH) -> None:
        """Remember the payloads in ``part``, but for those of lists in chunks. ``has_any`` says if there is any: where
        there is none, every part is what it is.
        """
        if is_descriptor(part):
            self.has_any = True
            value = self._descriptor(part)
            if isinstance(value, StoredValue) and not value.is_manifest:
                self._bytes[value.payload_id] = value.bytes
        elif isinstance(part, dict) and depth:
            for item in part.values():
                if isinstance(item, dict | StoredValue):
                    self.note(item, depth - 1)

    def _descriptor(self, part: Value) -> Value:
        """A descriptor of this execution's own; one that imitates another's stays the JSON it is."""
        value = as_value(part)
        if isinstance(value, StoredValue):
            named = [value.payload_id] if not value.is_manifest else [chunk.payload_id for chunk in value.parts]
            if not all(name.startswith(self._prefix) for name in named):
                return to_wire(part)
        return value

    async def load(self) -> None:
        """Load what was noted, concurrently. Raises CONTEXT_LIMIT_EXCEEDED before it is more than the process bears."""
        self._check()
        await self.fetch(tuple(self._bytes))

    async def fetch(self, wanted: tuple[str, ...]) -> None:
        """Load payloads by id."""
        ids = [name for name in dict.fromkeys(wanted) if name not in self._values]
        if not ids:
            return
        loaded = await asyncio.gather(*(self._payloads.load(payload_id) for payload_id in ids))
        self._values.update(zip(ids, loaded, strict=True))

    def _check(self) -> None:
        total = sum(self._bytes.values())
        if total > READ_LIMIT_BYTES:
            raise FlowrayError(
                ErrorCode.CONTEXT_LIMIT_EXCEEDED,
                f"the node reads {len(self._bytes)} stored values of together {total} bytes; the limit is "
                f"{READ_LIMIT_BYTES} bytes ({READ_LIMIT_BYTES // 1024 // 1024} MiB)",
                details={"values": len(self._bytes), "bytes": total, "limit": READ_LIMIT_BYTES},
                hint="let a loop or parallel return less per round, or read parts of it",
            )

    def filled(self, part: Value, depth: int = _DEPTH) -> Any:
        """``part`` with payloads in place of their descriptors, and a StoredList for each list in chunks."""
        value = self._descriptor(part)
        if isinstance(value, StoredValue):
            return self.resolved(value)
        if isinstance(value, dict) and depth:
            return _object({key: self.filled(item, depth - 1) for key, item in value.items()})
        return value

    def listed(self, part: Value) -> Any:
        """The results or the collection of a loop or parallel: a list, read by index if entries of it are stored."""
        value = self._descriptor(part)
        if isinstance(value, list) and holds_descriptor(value):
            value = StoredValue("", sum(map(size_of, value)), len(value), chunks=(), tail=tuple(value))
        return self.resolved(value)

    # -- the source of stored lists -------------------------------------------------------------------------------

    def resolved(self, value: Value) -> Any:
        """What a descriptor means, and a value with descriptors inside. Raises NotLoadedError."""
        value = self._descriptor(value)
        if isinstance(value, StoredValue):
            if value.is_manifest:
                self.has_lists = True
                return StoredList(value, self)
            if value.payload_id not in self._values:
                raise NotLoadedError(self, (value.payload_id,))
            return value.part_of(self._values[value.payload_id])
        if not isinstance(value, dict | list) or not holds_descriptor(value):
            return value
        if isinstance(value, dict):
            return _object({key: self.resolved(member) for key, member in value.items()})
        return [self.resolved(member) for member in value]

    def require(self, manifest: StoredValue) -> None:
        """Raises NotLoadedError unless all of a list is in memory, and CONTEXT_LIMIT_EXCEEDED if it is too large."""
        if manifest.bytes > WHOLE_LIMIT_BYTES:
            raise FlowrayError(
                ErrorCode.CONTEXT_LIMIT_EXCEEDED,
                f"a list of {manifest.length} entries has {manifest.bytes} bytes; read whole it may have "
                f"{WHOLE_LIMIT_BYTES} bytes ({WHOLE_LIMIT_BYTES // 1024 // 1024} MiB)",
                details={"entries": manifest.length, "bytes": manifest.bytes, "limit": WHOLE_LIMIT_BYTES},
                hint="read single entries by index, or go through it with a loop or parallel",
            )
        named = [name for name in payload_ids(manifest) if name.startswith(self._prefix)]
        missing = tuple(name for name in named if name not in self._values)
        if missing:
            self._bytes[missing[0]] = manifest.bytes
            self._check()
            raise NotLoadedError(self, missing)


def _object(members: dict[str, Any]) -> dict[str, Any]:
    return PartlyStored(members) if any(type(member) in PARTLY for member in members.values()) else members
