"""The values that travel between nodes: plain JSON, or a descriptor of JSON kept in the payload store.

Knows sizes and encodings. Not a store: who reads or writes payloads is the business of the lanes (R36).
"""

from __future__ import annotations

import hashlib
from typing import Any, TypeAlias

import msgspec

Json: TypeAlias = Any
"""None, bool, int, float, str, list of Json, or dict from str to Json. Not expressible to mypy without noise."""

INLINE_LIMIT_BYTES = 32 * 1024
"""Values up to this many bytes of JSON ride inside dispatches and event rows; larger ones travel by reference."""


class StoredValue(msgspec.Struct, frozen=True, tag="stored", tag_field="$flowray"):
    """Points at a value in the payload store.

    ``bytes`` is the length of its UTF-8 JSON text; ``length`` the number of items of a list or keys of an object, -1
    for anything else; ``preview`` the first characters of the text, for events and pages. With ``index`` it means that
    item of the stored list, not the list.
    """

    payload_id: str
    bytes: int
    length: int = -1
    preview: str = ""
    index: int | msgspec.UnsetType = msgspec.UNSET

    def part_of(self, stored: Json) -> Json:
        """What this means of the stored value: all of it, or one item."""
        return stored if self.index is msgspec.UNSET else stored[self.index]


Value: TypeAlias = Any
"""``Json`` or ``StoredValue``."""

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


def as_value(decoded: Json) -> Value:
    """Undo ``to_wire``: a descriptor's JSON form becomes a StoredValue, anything else stays."""
    if isinstance(decoded, dict) and decoded.get("$flowray") == "stored":
        try:
            return msgspec.convert(decoded, StoredValue)
        except msgspec.ValidationError:
            # A user's value that only looks like a descriptor: refusing it here would make its log unreadable.
            return decoded
    return decoded


def to_wire(value: Value) -> Json:
    """The JSON form in which a value stands in events and snapshots."""
    return msgspec.to_builtins(value) if isinstance(value, StoredValue) else value
