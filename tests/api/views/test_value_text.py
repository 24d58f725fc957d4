"""The text of values of any size, piece by piece (R16)."""

from __future__ import annotations

import pytest

from flowray.api.views.value_text import ValueText, is_owned, value_text
from flowray.values import Chunk, Json, StoredValue, Value, encode_json, to_wire


class Store:
    """Payloads by id; ``loads`` counts reads."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.loads: list[str] = []

    async def load(self, payload_id: str) -> bytes:
        self.loads.append(payload_id)
        return self.blobs[payload_id]

    def put(self, name: str, value: Json) -> StoredValue:
        self.blobs[name] = encode_json(value)
        return StoredValue(name, len(self.blobs[name]))

    def manifest(self) -> StoredValue:
        """``[0, 1, 2, 3, 4, 5, "big", {"k": "big"}]``: three chunks, and a rest of what is stored."""
        chunks = []
        for number in range(3):
            stored = self.put(f"e.{number}", [2 * number, 2 * number + 1])
            chunks.append(Chunk(stored.payload_id, stored.bytes, 2 * number + 2))
        big = to_wire(self.put("e.big", "big"))
        return StoredValue("", 1, 8, chunks=tuple(chunks), tail=(big, {"k": big}))


WHOLE = [0, 1, 2, 3, 4, 5, "big", {"k": "big"}]


async def text(store: Store, value: Value) -> ValueText:
    return await value_text(value, "e", store.load)


async def test_the_size_is_known_before_anything_is_loaded() -> None:
    store = Store()
    found = await text(store, store.manifest())
    assert (found.size, store.loads) == (len(encode_json(WHOLE)), [])
    assert await found.whole() == encode_json(WHOLE)


@pytest.mark.parametrize("shape", ["plain", "member", "entry", "item", "small"])
async def test_descriptors_anywhere_in_a_value_are_resolved(shape: str) -> None:
    store = Store()
    manifest = store.manifest()
    value, whole = {
        "plain": (store.put("e.p", {"a": 1}), {"a": 1}),
        "member": ({"results": to_wire(manifest), "n": 1}, {"results": WHOLE, "n": 1}),
        "entry": ([to_wire(manifest), [], 2], [WHOLE, [], 2]),
        "item": (manifest.entry(3), 3),
        "small": ({"a": [None, "ü"]}, {"a": [None, "ü"]}),
    }[shape]
    assert await (await text(store, value)).whole() == encode_json(whole)


async def test_a_part_loads_only_what_it_lies_in() -> None:
    store = Store()
    found, whole = await text(store, store.manifest()), encode_json(WHOLE)
    for start, end, loads in ((0, 1, []), (5, 8, ["e.1"]), (3, 6, ["e.0", "e.1"]), (0, len(whole), None)):
        store.loads.clear()
        assert b"".join([piece async for piece in found.pieces(start, end)]) == whole[start:end]
        assert loads is None or store.loads == loads


async def test_values_of_others_stay_descriptors() -> None:
    store = Store()
    for foreign in (StoredValue("other.1", 9), StoredValue("", 9, 1, chunks=(Chunk("other.1", 9, 1),), tail=())):
        assert not is_owned(foreign, "e")
        assert await (await text(store, to_wire(foreign))).whole() == encode_json(to_wire(foreign))
    assert is_owned(store.manifest(), "e")
    assert is_owned(StoredValue("e.1", 9), "e")
    assert not is_owned(StoredValue("", 9, 3), "e"), "only the log has it"
