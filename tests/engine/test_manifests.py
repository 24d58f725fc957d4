"""Collections in chunks, read by index (R16)."""

from __future__ import annotations

from flowray.engine.manifests import collection_of, item_at
from flowray.values import StoredValue, as_value, to_wire

CHUNKS = [to_wire(StoredValue("e.1", 100, 2)), to_wire(StoredValue("e.2", 90, 3))]


def test_what_a_container_keeps_of_an_answer() -> None:
    assert collection_of({"items": [1]}) == [1]
    assert collection_of({"total": 5, "chunks": CHUNKS}) == {"chunks": CHUNKS}
    assert collection_of({"total": 5}) is None


def test_r16_an_item_is_found_in_its_chunk() -> None:
    items = collection_of({"total": 5, "chunks": CHUNKS})
    found = [item_at(items, index) for index in range(6)]
    assert [(item.payload_id, item.index) for item in found[:5]] == [
        ("e.1", 0), ("e.1", 1), ("e.2", 0), ("e.2", 1), ("e.2", 2),
    ]  # fmt: skip
    assert found[5] is None
    assert as_value(to_wire(found[4])) == found[4]
    assert found[4].part_of(["a", "b", "c"]) == "c"


def test_a_list_is_read_as_it_is() -> None:
    assert [item_at(["a"], 0), item_at(["a"], 1), item_at(None, 0)] == ["a", None, None]


def test_a_whole_value_has_no_index_on_the_wire() -> None:
    assert "index" not in to_wire(StoredValue("p", 1))
