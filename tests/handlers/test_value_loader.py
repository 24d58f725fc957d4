"""Stored values as an attempt reads them: at once, or part by part (R16)."""

from __future__ import annotations

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.expressions.stored_lists import NotLoadedError, PartlyStored, StoredList, whole
from flowray.handlers.chunks import store_list
from flowray.handlers.value_loader import READ_LIMIT_BYTES, WHOLE_LIMIT_BYTES, ValueLoader
from flowray.values import Chunk, StoredValue, encode_json, to_wire
from tests.fakes.services import MemoryPayloads


async def test_values_are_loaded_at_once_and_lists_in_chunks_when_they_are_read() -> None:
    payloads = MemoryPayloads()
    manifest = await store_list(["x" * 90_000, "y" * 90_000], "e", "k", payloads)
    plain = StoredValue(await payloads.store("e", "k", encode_json([1])), 3)
    loader = ValueLoader(payloads, "e")
    given = {"a": plain, "b": {"results": to_wire(manifest)}, "c": manifest}
    loader.note(given)
    await loader.load()
    assert payloads.loads == [plain.payload_id]
    filled = loader.filled(given)
    assert (filled["a"], loader.has_lists) == ([1], True)
    assert (type(filled["b"]), type(filled["c"])) == (PartlyStored, StoredList)
    with pytest.raises(NotLoadedError) as missing:
        filled["c"].entry(1)
    await missing.value.load()
    assert filled["b"]["results"].entry(1) == "y" * 90_000
    assert payloads.loads == [plain.payload_id, manifest.parts[1].payload_id]


async def test_a_list_of_results_is_read_by_index_if_some_are_stored() -> None:
    payloads = MemoryPayloads()
    stored = to_wire(StoredValue(await payloads.store("e", "k", encode_json("big")), 100))
    loader = ValueLoader(payloads, "e")
    assert loader.listed([1, {"a": 2}]) == [1, {"a": 2}]
    found = loader.listed([1, {"a": stored, "b": [stored]}])
    assert (len(found), found.entry(0), found.manifest.bytes > 200) == (2, 1, True)
    with pytest.raises(NotLoadedError) as missing:
        whole(found)
    await missing.value.load()
    assert whole(found) == [1, {"a": "big", "b": ["big"]}]


async def test_what_imitates_anothers_descriptor_stays_the_json_it_is() -> None:
    payloads = MemoryPayloads()
    loader = ValueLoader(payloads, "e")
    foreign = [
        to_wire(StoredValue("other.1", 9)),
        to_wire(StoredValue("", 9, 1, chunks=(Chunk("other.1", 9, 1),), tail=())),
        to_wire(StoredValue("", 9, 1)),
    ]
    for value in foreign:
        loader.note({"v": value})
        assert loader.filled({"v": value}) == {"v": value}
    await loader.load()
    assert payloads.loads == []


async def test_a_list_that_is_too_large_to_be_whole_is_still_read_by_index() -> None:
    payloads = MemoryPayloads()
    parts = (await store_list([1, 2], "e", "k", payloads)).parts
    found = ValueLoader(payloads, "e").filled(StoredValue("", WHOLE_LIMIT_BYTES + 1, 2, chunks=parts, tail=()))
    with pytest.raises(FlowrayError, match=r"a list of 2 entries has 67108865 bytes; .*\(64 MiB\)") as refused:
        found.whole()
    assert refused.value.code == ErrorCode.CONTEXT_LIMIT_EXCEEDED
    with pytest.raises(NotLoadedError) as missing:
        found.entry(1)
    await missing.value.load()
    assert found.entry(1) == 2


async def test_lists_that_are_read_whole_count_together_with_everything_else() -> None:
    payloads = MemoryPayloads()
    loader = ValueLoader(payloads, "e")
    size = WHOLE_LIMIT_BYTES
    lists = [StoredValue("", size, 1, chunks=(Chunk(f"e.{number}", size, 1),), tail=()) for number in range(5)]
    for manifest in lists[: READ_LIMIT_BYTES // size]:
        with pytest.raises(NotLoadedError):
            loader.filled(manifest).whole()
    with pytest.raises(FlowrayError, match="the node reads 5 stored values"):
        loader.filled(lists[-1]).whole()
