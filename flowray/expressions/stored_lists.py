"""Lists of which only the parts that are read are in memory (R16). Reading one that is not there says what to load.

Expressions step into them by index and ask for their length; whatever else wants one gets it whole. Loads nothing.
"""

from __future__ import annotations

from typing import Any, Protocol

from flowray.values import Json, StoredValue, Value

MISSES = 8
"""Parts of one list that are loaded one after the other; who reads more of it reads all of it."""


class Source(Protocol):
    """Where the values come from that a list refers to."""

    def resolved(self, value: Value) -> Any:
        """What a descriptor means, and a value with descriptors inside. Raises NotLoadedError."""
        ...

    def require(self, manifest: StoredValue) -> None:
        """Raises NotLoadedError unless all of a list is in memory, and CONTEXT_LIMIT_EXCEEDED if it is too large."""
        ...

    async def fetch(self, payload_ids: tuple[str, ...]) -> None:
        """Bring them into memory. Raises PAYLOAD_MISSING, or CONTEXT_LIMIT_EXCEEDED if it is too much."""
        ...


class NotLoadedError(Exception):
    """Something is needed that is not in memory: ``load`` it, and read again."""

    def __init__(self, source: Source, payload_ids: tuple[str, ...]) -> None:
        super().__init__(f"{len(payload_ids)} payloads are not loaded")
        self.payload_ids = payload_ids
        self._source = source

    async def load(self) -> None:
        """Bring it into memory."""
        await self._source.fetch(self.payload_ids)


class StoredList:
    """A list in chunks. Is no list to anybody who does not ask for its entries or for the whole."""

    def __init__(self, manifest: StoredValue, source: Source) -> None:
        self.manifest = manifest
        self._source = source
        self._misses = 0

    def __len__(self) -> int:
        return self.manifest.length

    def entry(self, index: int) -> Any:
        """Entry ``index``, from 0 to the length. Raises NotLoadedError."""
        try:
            return self._source.resolved(self.manifest.entry(index))
        except NotLoadedError:
            self._misses += 1
            if self._misses > MISSES:
                self._source.require(self.manifest)
            raise

    def whole(self) -> list[Json]:
        """All of it, as a list that is the reader's own. Raises NotLoadedError and CONTEXT_LIMIT_EXCEEDED."""
        self._source.require(self.manifest)
        entries: list[Json] = []
        for chunk in self.manifest.parts:
            entries += self._source.resolved(StoredValue(chunk.payload_id, chunk.bytes))
        return entries + [whole(self._source.resolved(entry)) for entry in self.manifest.rest]

    def shown(self) -> Json:
        """As a log shows it."""
        shown = self.manifest
        return {"__truncated": True, "__originalSize": shown.bytes, "__preview": shown.preview}


class PartlyStored(dict[str, Any]):
    """An object with such lists among its members."""


PARTLY = frozenset({StoredList, PartlyStored})
"""The types of values that are not plain JSON."""


def whole(value: Any) -> Any:
    """A value as plain JSON. Raises NotLoadedError, and CONTEXT_LIMIT_EXCEEDED for a list too large to be whole."""
    if type(value) is StoredList:
        return value.whole()
    if type(value) is PartlyStored:
        return {key: whole(member) for key, member in value.items()}
    return value
