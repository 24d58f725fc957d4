"""Lists that are written chunk by chunk: collections, and the results of containers (R16)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.errors import ErrorCode
from flowray.handlers.chunks import CHUNK_BYTES, chunks_of, store_list
from flowray.handlers.value_loader import WHOLE_LIMIT_BYTES
from flowray.values import Chunk, StoredValue, decode_json, encode_json, to_wire
from tests.fakes.services import MemoryPayloads, fake_services
from tests.handlers.running import attempt, fail, succeed


@pytest.mark.parametrize(
    "sizes", [[], [1], [10] * 50_000, [CHUNK_BYTES * 2, 1, CHUNK_BYTES * 2], [CHUNK_BYTES // 2] * 5]
)
def test_r16_chunks_hold_all_items_in_order(sizes: list[int]) -> None:
    rows = ["x" * size for size in sizes]
    chunks = list(chunks_of(rows))
    assert [item for chunk, _ in chunks for item in chunk] == rows
    assert [decode_json(text) for _, text in chunks] == [list(chunk) for chunk, _ in chunks]
    assert all(len(text) <= CHUNK_BYTES + 2 or len(chunk) == 1 for chunk, text in chunks)


async def test_r16_a_manifest_says_where_each_entry_is_and_how_long_the_text_would_be() -> None:
    payloads = MemoryPayloads()
    rows = [{"n": number, "text": "x" * 50_000} for number in range(6)]
    manifest = await store_list(rows, "e", "k", payloads)
    assert [chunk.end for chunk in manifest.parts] == [2, 4, 6]
    assert (manifest.length, manifest.bytes, manifest.preview[:7]) == (6, len(encode_json(rows)), '[{"n":0')
    last = manifest.entry(5)
    assert last.part_of(decode_json(payloads.blobs[last.payload_id])) == rows[5]
    empty = await store_list([], "e", "k", payloads)
    assert (empty.length, empty.parts) == (0, ())


async def test_r16_results_become_one_chunk_with_everything_that_is_stored_in_them() -> None:
    """A chunk is plain JSON: whoever reads an entry of it loads nothing else."""
    payloads = MemoryPayloads()
    big = encode_json({"text": "y" * 50_000})
    stored = to_wire(StoredValue(await payloads.store("e1", "k", big), len(big)))
    inner = StoredValue("", 9, 2, chunks=(Chunk(await payloads.store("e1", "c", b"[1]"), 3, 1),), tail=(stored,))
    entries = (stored, 2, [{"x": stored}], None, to_wire(inner))
    services = fake_services(payloads=payloads)
    result = await succeed("loop", {}, services=services, sentinel="collect", round=7, attempt=-8, entries=entries)
    text = {"text": "y" * 50_000}
    assert isinstance(result.output, StoredValue)
    assert (result.output.length, result.attempt) == (5, -8)
    whole = decode_json(payloads.blobs[result.output.payload_id])
    assert whole == [text, 2, [{"x": text}], None, [1, text]]
    assert result.output.bytes == len(encode_json(whole))


async def test_one_result_above_the_limit_of_a_value_fails_and_says_which() -> None:
    """Several terminals, each within the limit, may exceed it together."""
    payloads = MemoryPayloads()
    half = encode_json("x" * (WHOLE_LIMIT_BYTES // 2))
    stored = to_wire(StoredValue(await payloads.store("e1", "k", half), len(half)))
    services = fake_services(payloads=payloads)
    entries: tuple[Any, ...] = (1, {"a": stored, "b": stored})
    error = await fail("parallel", {}, services=services, sentinel="collect", round=4, entries=entries)
    assert (error.code, error.details["index"]) == (ErrorCode.OUTPUT_TOO_LARGE, 5)
    assert "(64 MiB)" in error.message


async def test_a_lost_payload_fails_the_chunk() -> None:
    gone = to_wire(StoredValue("e1.gone", 9))
    result = await attempt("loop", {}, sentinel="collect", entries=(gone,))
    assert getattr(result, "error", None) is not None
    assert result.error.code == ErrorCode.PAYLOAD_MISSING  # type: ignore[union-attr]
