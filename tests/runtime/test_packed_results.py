"""Results of another execution's log, put into chunks where they are taken over (R16)."""

from __future__ import annotations

from flowray.handlers.chunks import CHUNK_BYTES
from flowray.runtime.packed_results import packed
from flowray.values import Chunk, Json, StoredValue, Value, decode_json, encode_json, to_wire


class Store:
    """Payloads by id."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    async def load(self, payload_id: str) -> bytes:
        return self.blobs[payload_id]

    async def keep(self, data: bytes) -> str:
        self.blobs[name := f"new.{len(self.blobs)}"] = data
        return name

    def stored(self, name: str, value: Json) -> StoredValue:
        self.blobs[name] = encode_json(value)
        return StoredValue(name, len(self.blobs[name]))

    def whole(self, manifest: StoredValue) -> list[Json]:
        return [entry for chunk in manifest.parts for entry in decode_json(self.blobs[chunk.payload_id])]


def manifest(*entries: Value, chunks: tuple[Chunk, ...] = ()) -> StoredValue:
    end = chunks[-1].end if chunks else 0
    return StoredValue("", 1, end + len(entries), "[", chunks=chunks, tail=tuple(map(to_wire, entries)))


async def run(store: Store, output: Value) -> Value:
    return await packed(output, "old.", store.load, store.keep)


async def test_large_results_and_what_is_stored_in_them_become_chunks_behind_those_there_are() -> None:
    store = Store()
    big, first = store.stored("old.big", "x" * 90_000), store.stored("old.first", [0])
    inner = manifest(big, chunks=(Chunk("old.first", first.bytes, 1),))
    given = manifest({"a": to_wire(big)}, [to_wire(big)], inner, 4, chunks=(Chunk("old.first", first.bytes, 1),))
    found = await run(store, given)
    text = "x" * 90_000
    assert store.whole(found) == [0, {"a": text}, [text], [0, text], 4]
    assert (found.length, found.rest, found.parts[0]) == (5, (), Chunk("old.first", first.bytes, 1))
    assert found.bytes == len(encode_json(store.whole(found)))
    assert all(chunk.bytes < CHUNK_BYTES for chunk in found.parts)


async def test_what_is_small_or_no_list_in_parts_stays_as_it_is() -> None:
    store = Store()
    foreign = {"$flowray": "stored", "payload_id": "other.1", "bytes": 9}
    for output in (1, None, ["a"], manifest(1, 2), StoredValue("old.1", 9), {"results": [1]}, foreign):
        assert await run(store, output) == output
    assert store.blobs == {}


async def test_whole_bodies_as_results_and_anothers_values_in_them() -> None:
    store = Store()
    foreign = {"$flowray": "stored", "payload_id": "other.1", "bytes": 9, "length": -1, "preview": ""}
    found = await run(store, {"results": to_wire(manifest("y" * 40_000, foreign))})
    (chunk,) = found["results"]["chunks"]
    assert decode_json(store.blobs[chunk[0]]) == ["y" * 40_000, foreign]
