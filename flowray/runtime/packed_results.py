"""Puts results that only the log of another execution has into chunks of their own (R16).

For what an execution takes over and reads; a container that runs has its results stored by lanes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from flowray.handlers.chunks import CHUNK_BYTES
from flowray.values import (
    INLINE_LIMIT_BYTES,
    Chunk,
    Json,
    StoredValue,
    Value,
    as_value,
    decode_json,
    encode_json,
    holds_descriptor,
    to_wire,
)

Load = Callable[[str], Awaitable[bytes]]
Keep = Callable[[bytes], Awaitable[str]]


async def packed(output: Value, prefix: str, load: Load, keep: Keep) -> Value:
    """``output``, of a container perhaps, with whatever of its results is in no chunk yet in chunks.

    ``prefix`` is that of the payloads that may be loaded. Raises PAYLOAD_MISSING.
    """
    value = as_value(output)
    if isinstance(value, dict) and value.keys() == {"results"}:
        return {"results": to_wire(await packed(value["results"], prefix, load, keep))}
    if not isinstance(value, StoredValue) or not value.is_manifest or not _is_large(value):
        return output
    return await _Packing(value, prefix, load, keep).run()


def _is_large(manifest: StoredValue) -> bool:
    entries = list(manifest.rest)
    return holds_descriptor(entries) or len(encode_json(entries)) > INLINE_LIMIT_BYTES


class _Packing:
    """The entries behind the chunks of one manifest, on their way into further chunks."""

    def __init__(self, manifest: StoredValue, prefix: str, load: Load, keep: Keep) -> None:
        self._manifest = manifest
        self._prefix, self._load, self._keep = prefix, load, keep
        self._chunks = list(manifest.parts)
        self._texts: list[bytes] = []
        self._bytes = 0

    async def run(self) -> StoredValue:
        """The manifest with everything in chunks."""
        for entry in self._manifest.rest:
            text = encode_json(await self._whole(entry))
            if self._texts and self._bytes + len(text) > CHUNK_BYTES:
                await self._flush()
            self._texts.append(text)
            self._bytes += len(text) + 1
        if self._texts:
            await self._flush()
        size = sum(chunk.bytes - 1 for chunk in self._chunks) + 1
        return StoredValue("", size, self._manifest.length, self._manifest.preview, chunks=tuple(self._chunks), tail=())

    async def _flush(self) -> None:
        encoded = b"[" + b",".join(self._texts) + b"]"
        end = (self._chunks[-1].end if self._chunks else 0) + len(self._texts)
        self._chunks.append(Chunk(await self._keep(encoded), len(encoded), end))
        self._texts, self._bytes = [], 0

    async def _whole(self, entry: Value) -> Json:
        value = as_value(entry)
        if isinstance(value, StoredValue) and value.is_manifest:
            chunks = [decode_json(await self._load(chunk.payload_id)) for chunk in value.parts if self._owns(chunk)]
            return [*(entry for chunk in chunks for entry in chunk), *[await self._whole(part) for part in value.rest]]
        if isinstance(value, StoredValue) and value.payload_id.startswith(self._prefix):
            return value.part_of(decode_json(await self._load(value.payload_id)))
        if isinstance(value, dict) and holds_descriptor(value):
            return {name: await self._whole(part) for name, part in value.items()}
        if isinstance(value, list) and holds_descriptor(value):
            return [await self._whole(part) for part in value]
        return to_wire(value)

    def _owns(self, chunk: Chunk) -> bool:
        return chunk.payload_id.startswith(self._prefix)
