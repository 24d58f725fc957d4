"""The JSON text of a value of any size, piece by piece: nothing is joined that lies in several payloads (R16).

Loads only payloads of one owner: data of a workflow could look like a descriptor of somebody else's.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import NamedTuple

from flowray.values import StoredValue, Value, as_value, decode_json, encode_json, holds_descriptor
from flowray.values import payload_ids as ids_of

Load = Callable[[str], Awaitable[bytes]]


class _Piece(NamedTuple):
    """Text that is at hand, or ``size`` bytes of that of a payload, from ``skip`` on."""

    size: int
    text: bytes = b""
    payload_id: str = ""
    skip: int = 0


class ValueText:
    """The text of one value. ``size`` in bytes is known before anything large is loaded."""

    def __init__(self, pieces: Sequence[_Piece], load: Load) -> None:
        self._pieces = pieces
        self._load = load
        self.size = sum(piece.size for piece in pieces)

    async def pieces(self, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes from ``start`` up to ``end``, payload by payload. Raises PAYLOAD_MISSING."""
        at, stop = 0, self.size if end is None else end
        for piece in self._pieces:
            first, last = max(start - at, 0), min(stop - at, piece.size)
            at += piece.size
            if first < last:
                text = piece.text or (await self._load(piece.payload_id))[piece.skip :]
                yield text[first:last]

    async def whole(self) -> bytes:
        """All of it."""
        return b"".join([piece async for piece in self.pieces()])


async def value_text(value: Value, owner: str, load: Load) -> ValueText:
    """The text of ``value``, whose payloads are kept under the id of ``owner``."""
    return ValueText(await _Pieces(f"{owner}.", load).of(value), load)


def is_owned(value: StoredValue, owner: str) -> bool:
    """Whether everything that a descriptor names is kept under the id of ``owner``, and it names something."""
    named = list(ids_of(value))
    return (bool(named) or value.is_manifest) and all(name.startswith(f"{owner}.") for name in named)


class _Pieces:
    def __init__(self, prefix: str, load: Load) -> None:
        self._prefix = prefix
        self._load = load

    async def of(self, value: Value) -> list[_Piece]:
        value = as_value(value)
        if isinstance(value, StoredValue):
            return await self._stored(value)
        if isinstance(value, dict) and holds_descriptor(value):
            members = [[_at_hand(encode_json(key) + b":"), *await self.of(part)] for key, part in value.items()]
            return _joined(b"{", members, b"}")
        if isinstance(value, list) and holds_descriptor(value):
            return _joined(b"[", [await self.of(part) for part in value], b"]")
        return [_at_hand(encode_json(value))]

    async def _stored(self, value: StoredValue) -> list[_Piece]:
        if value.is_manifest and all(chunk.payload_id.startswith(self._prefix) for chunk in value.parts):
            chunks = [[_Piece(chunk.bytes - 2, payload_id=chunk.payload_id, skip=1)] for chunk in value.parts]
            return _joined(b"[", [*chunks, *[await self.of(entry) for entry in value.rest]], b"]")
        if not value.payload_id.startswith(self._prefix):
            return [_at_hand(encode_json(value))]
        if not isinstance(value.index, int):
            return [_Piece(value.bytes, payload_id=value.payload_id)]
        return [_at_hand(encode_json(value.part_of(decode_json(await self._load(value.payload_id)))))]


def _at_hand(text: bytes) -> _Piece:
    return _Piece(len(text), text)


def _joined(opening: bytes, members: Sequence[Sequence[_Piece]], closing: bytes) -> list[_Piece]:
    found = [_at_hand(opening)]
    for number, member in enumerate(members):
        if number:
            found.append(_at_hand(b","))
        found += member
    return [*found, _at_hand(closing)]
