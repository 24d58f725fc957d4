"""The values that travel between nodes: plain JSON, or a descriptor of JSON kept in the payload store.

Knows sizes and encodings. Not a store: who reads or writes payloads is the business of the lanes (R36).
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, TypeAlias

import msgspec

Json: TypeAlias = Any
"""None, bool, int, float, str, list of Json, or dict from str to Json. Not expressible to mypy without noise."""

INLINE_LIMIT_BYTES = 32 * 1024
"""Values up to this many bytes of JSON ride inside dispatches and event rows; larger ones travel by reference."""


class Chunk(msgspec.Struct, frozen=True, array_like=True):
    """A stored part of a list: the payload, the bytes of its JSON text, and the index behind its last entry."""

    payload_id: str
    bytes: int
    end: int


class StoredValue(msgspec.Struct, frozen=True, tag="stored", tag_field="$flowray"):
    """Points at a value in the payload store.

    ``bytes`` is the length of its UTF-8 JSON text; ``length`` the number of items of a list or keys of an object, -1
    for anything else; ``preview`` the first characters of the text, for events and pages. With ``index`` it means that
    item of the stored list, not the list.

    With ``chunks`` it is a manifest (R16): a list in several payloads, in order, each a list of plain JSON, and then
    the entries of ``tail``, in their wire form, which ride along. It has no ``payload_id`` of its own. With neither it
    is a list that nobody put together: its entries stand in the log, as the results of a container's scopes.
    """

    payload_id: str
    bytes: int
    length: int = -1
    preview: str = ""
    index: int | msgspec.UnsetType = msgspec.UNSET
    chunks: tuple[Chunk, ...] | msgspec.UnsetType = msgspec.UNSET
    tail: tuple[Json, ...] | msgspec.UnsetType = msgspec.UNSET

    def part_of(self, stored: Json) -> Json:
        """What this means of the stored value: all of it, or one item."""
        return stored if self.index is msgspec.UNSET else stored[self.index]

    @property
    def is_manifest(self) -> bool:
        """Whether it is a list in parts, to be read by index."""
        return self.chunks is not msgspec.UNSET

    @property
    def is_in_log(self) -> bool:
        """Whether only the log has its entries."""
        return not self.payload_id and not self.is_manifest

    @property
    def parts(self) -> tuple[Chunk, ...]:
        """The chunks of a manifest."""
        return () if self.chunks is msgspec.UNSET else self.chunks

    @property
    def rest(self) -> tuple[Json, ...]:
        """The entries of a manifest behind its chunks."""
        return () if self.tail is msgspec.UNSET else self.tail

    def entry(self, index: int) -> Value:
        """Entry ``index`` of a manifest: the value, or a descriptor of its chunk that says where in it."""
        parts = self.parts
        found = bisect_right(parts, index, key=_end_of)
        start = parts[found - 1].end if found else 0
        if found == len(parts):
            return as_value(self.rest[index - start])
        chunk = parts[found]
        return StoredValue(chunk.payload_id, chunk.bytes // (chunk.end - start), index=index - start)


def _end_of(chunk: Chunk) -> int:
    return chunk.end


Value: TypeAlias = Any
"""``Json`` or ``StoredValue``."""

_MARK = b'"$flowray"'

_encoder = msgspec.json.Encoder()
_canonical = msgspec.json.Encoder(order="sorted")


def encode_json(value: Json) -> bytes:
    """Compact UTF-8 JSON. Raises TypeError for what is not JSON (sets, arbitrary objects); NaN becomes null."""
    return _encoder.encode(value)


def exactly(encoded: bytes) -> bytes:
    """A copy that holds no more memory than it shows: an encoder's buffer has up to half as much again behind it."""
    return bytes(memoryview(encoded))


def canonical_json(value: Json) -> bytes:
    """Compact UTF-8 JSON with sorted keys: equal values give equal bytes."""
    return _canonical.encode(value)


def decode_json(data: bytes | str) -> Json:
    """JSON text to values. Raises msgspec.DecodeError for malformed text."""
    return msgspec.json.decode(data)


def stable_hash(value: Json) -> str:
    """Hex SHA-256 over the canonical JSON of ``value``."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def describe(payload_id: str, value: Json, encoded: bytes) -> StoredValue:
    """The descriptor of ``value``, whose JSON text is ``encoded``."""
    length = len(value) if isinstance(value, list | dict) else -1
    preview = encoded[:512].decode("utf-8", errors="ignore")[:200]
    return StoredValue(payload_id=payload_id, bytes=len(encoded), length=length, preview=preview)


def is_descriptor(value: Value) -> bool:
    """Whether a value may be a descriptor itself, in either form."""
    return isinstance(value, StoredValue) or (isinstance(value, dict) and value.get("$flowray") == "stored")


def as_value(decoded: Json) -> Value:
    """Undo ``to_wire``: a descriptor's JSON form becomes a StoredValue, anything else stays."""
    if isinstance(decoded, dict) and decoded.get("$flowray") == "stored":
        try:
            return msgspec.convert(decoded, StoredValue)
        except msgspec.ValidationError:
            # A user's value that only looks like a descriptor: refusing it here would make its log unreadable.
            return decoded
    return decoded


def holds_descriptor(value: Value) -> bool:
    """Whether a value is, or has anywhere inside, a descriptor of a stored one."""
    return next(payload_ids(value), None) is not None


def payload_ids(value: Value) -> Iterator[str]:
    """The payloads that a value names: as a descriptor, or in descriptors at any depth. As often as it names them."""
    # Nearly all values name none, and searching their text is a hundred times faster than walking through them.
    if isinstance(value, StoredValue) or (isinstance(value, dict | list) and _MARK in encode_json(value)):
        yield from _payload_ids(value)


def _payload_ids(value: Value) -> Iterator[str]:
    value = as_value(value)
    if isinstance(value, StoredValue):
        if value.payload_id:
            yield value.payload_id
        yield from (chunk.payload_id for chunk in value.parts)
        value = list(value.rest)
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _payload_ids(part)


def to_wire(value: Value) -> Json:
    """The JSON form in which a value stands in events and snapshots."""
    return msgspec.to_builtins(value) if isinstance(value, StoredValue) else value
