"""Large lists in chunks, read by index: what belongs into which chunk (R16)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine.manifests import (
    LEAST_BYTES,
    MOST_BYTES,
    add_chunk,
    collection_of,
    item_at,
    plan_chunk,
    results_of,
    size_of,
)
from flowray.engine.signals import NodeError
from flowray.engine.state import ContainerState
from flowray.values import Chunk, StoredValue, as_value, encode_json, to_wire

MANIFEST = StoredValue("", 190, 5, "[", chunks=(Chunk("e.1", 100, 2), Chunk("e.2", 90, 5)), tail=())


def test_what_a_container_keeps_of_an_answer() -> None:
    assert collection_of({"items": [1]}) == [1]
    assert collection_of({"items": to_wire(MANIFEST)}) == MANIFEST
    assert collection_of({"total": 5}) is None
    assert collection_of({"items": to_wire(StoredValue("e.1", 9))}) is None


def test_r16_an_item_is_found_in_its_chunk() -> None:
    found = [item_at(MANIFEST, index) for index in range(6)]
    assert [(item.payload_id, item.index) for item in found[:5]] == [
        ("e.1", 0), ("e.1", 1), ("e.2", 0), ("e.2", 1), ("e.2", 2),
    ]  # fmt: skip
    assert found[5] is None
    assert as_value(to_wire(found[4])) == found[4]
    assert found[4].part_of(["a", "b", "c"]) == "c"


def test_a_list_is_read_as_it_is() -> None:
    assert [item_at(["a"], 0), item_at(["a"], 1), item_at(None, 0)] == ["a", None, None]


def test_a_whole_value_has_neither_index_nor_chunks_on_the_wire() -> None:
    assert to_wire(StoredValue("p", 1)).keys() == {"$flowray", "payload_id", "bytes", "length", "preview"}


def container(*results: Any, **fields: Any) -> ContainerState:
    return ContainerState(next_index=len(results), results=dict(enumerate(results)), **fields)


def test_results_have_an_entry_per_started_round_and_before_one_those_that_have_ended() -> None:
    found = ContainerState(next_index=4, results={2: "c", 0: StoredValue("p", 1)})
    assert results_of(found) == [to_wire(StoredValue("p", 1)), None, "c", None]
    assert results_of(found, before=3) == [to_wire(StoredValue("p", 1)), "c"]
    assert results_of(ContainerState(in_log=True, result_bytes=70_000, next_index=3)) == StoredValue("", 70_000, 3)


def test_the_rest_follows_the_chunks_and_the_size_is_that_of_the_text() -> None:
    found = ContainerState(
        next_index=4, results={2: "c", 3: 4}, chunks=[Chunk("e.1", len(b"[1,2]"), 2)], preview="[1,2]"
    )
    manifest = results_of(found)
    assert manifest == StoredValue("", len(b'[1,2,"c",4]'), 4, "[1,2]", chunks=(Chunk("e.1", 5, 2),), tail=("c", 4))
    assert [manifest.entry(index) for index in (2, 3)] == ["c", 4]


def test_the_size_of_a_value_counts_what_is_stored_in_it() -> None:
    stored = to_wire(StoredValue("p", 1_000))
    assert [size_of(value) for value in ("abc", stored, {"a": stored, "b": 1}, [[stored]])] == [5, 1_000, 1_003, 1_002]


def test_a_chunk_is_full_when_the_next_result_does_not_fit() -> None:
    found = container("x" * 100_000, "x" * 30_000, "x" * 30_000)
    plan_chunk(found, LEAST_BYTES)
    assert (found.gathered, found.collecting) == (2, 2)
    gone = add_chunk(found, Chunk("e.1", 130_007, 2), "[")
    assert ([len(result) for result in gone], list(found.results)) == ([100_000, 30_000], [2])
    plan_chunk(found, LEAST_BYTES)
    assert found.collecting == 0
    found.closing = True
    plan_chunk(found, LEAST_BYTES)
    assert found.collecting == 3


def test_a_gap_waits_and_one_result_may_be_larger_than_a_chunk() -> None:
    found = ContainerState(next_index=3, results={0: StoredValue("p", 5 * MOST_BYTES), 2: "c"})
    plan_chunk(found, LEAST_BYTES)
    assert found.collecting == 0
    found.results[1] = "b"
    plan_chunk(found, LEAST_BYTES)
    assert found.collecting == 1


@pytest.mark.parametrize("fields", [{"failed": NodeError(message="no", code="X")}, {"in_log": True}])
def test_what_has_failed_or_is_left_to_the_log_is_not_stored(fields: dict[str, Any]) -> None:
    found = container("x" * 200_000, "y", closing=True, **fields)
    plan_chunk(found, LEAST_BYTES)
    assert found.collecting == 0


def test_r16_chunks_grow_with_the_whole_so_that_neither_they_nor_their_number_gets_large() -> None:
    found = ContainerState()
    sizes: list[int] = []
    for number in range(40_000):
        found.results[number], found.next_index = StoredValue(f"p.{number}", 32_000), number + 1
        plan_chunk(found, LEAST_BYTES)
        if found.collecting:
            size = sum(32_001 for _ in range(found.collected, found.collecting))
            add_chunk(found, Chunk("c", size, found.collecting), "")
            sizes.append(size)
            plan_chunk(found, LEAST_BYTES)
    assert found.chunk_bytes > 1_200_000_000
    assert min(sizes) > LEAST_BYTES - 40_000
    assert max(sizes) < MOST_BYTES
    assert len(encode_json(results_of(found))) < 300_000
