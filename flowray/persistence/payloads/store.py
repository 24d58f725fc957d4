"""Where large values live, as interfaces. No files here, and no database."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple, Protocol, runtime_checkable

from flowray.persistence.payloads.ids import owner_name


def file_bytes(payloads: PayloadStore, execution_id: str) -> int:
    """What an execution has in a store outside of the database; 0 for one inside, which the database measures."""
    if not isinstance(payloads, PayloadFiles):
        return 0
    return payloads.bytes_of(owner_name(execution_id))


class Removed(NamedTuple):
    """So many blobs with so many bytes."""

    blobs: int
    bytes: int


class OwnedFiles(Protocol):
    """Files outside of the database that belong to an execution, or to the first caller of a family, and go with it.

    Ages are ms since the epoch; what was removed is ``(files, bytes)``.
    """

    def owners(self) -> Iterator[str]:
        """All that have files."""
        ...

    def orphans(self, owner: str, before_ms: int) -> tuple[int, int]:
        """What ``remove`` would remove."""
        ...

    def remove(self, owner: str, before_ms: int) -> tuple[int, int]:
        """Remove what an owner that is gone has left, as far as it was put before ``before_ms``."""
        ...

    def remove_temporary(self, before_ms: int) -> int:
        """Remove what writers left half written before ``before_ms``; returns how many."""
        ...


@runtime_checkable
class PayloadFiles(Protocol):
    """A PayloadStore outside of the database, which cannot see what refers to its blobs: they are looked after here.

    An owner is the execution, or first caller of a family, under whose id blobs are kept. Ages are ms since the epoch.
    """

    def owners(self) -> Iterator[str]:
        """All that have blobs."""
        ...

    def bytes_of(self, owner: str) -> int:
        """What an owner has here."""
        ...

    def orphans(self, owner: str, before_ms: int) -> Removed:
        """What ``remove`` would remove."""
        ...

    def remove(self, owner: str, before_ms: int) -> Removed:
        """Remove the blobs of an owner that were put before ``before_ms``."""
        ...

    def stored(self, owner: str, before_ms: int) -> dict[str, int]:
        """Ids and bytes of the blobs of an owner that were put before ``before_ms``."""
        ...

    def drop(self, payload_ids: Collection[str], before_ms: int) -> Removed:
        """Remove those of these blobs of one owner that were put before ``before_ms``."""
        ...

    def remove_temporary(self, before_ms: int) -> int:
        """Remove what writers left half written before ``before_ms``; returns how many."""
        ...


class PayloadStore(Protocol):
    """Blobs by id, durable before ``put`` returns (R34). Synchronous and thread-safe."""

    def put(self, execution_id: str, key: str, data: bytes) -> str:
        """Keep ``data``; returns its payload id, which is the same for the same execution, key and bytes."""
        ...

    def get(self, payload_id: str) -> bytes:
        """Raises FlowrayError PAYLOAD_MISSING."""
        ...
