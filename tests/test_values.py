"""JSON, its hash, and the descriptors that stand for large values."""

from __future__ import annotations

import tracemalloc

import pytest

from flowray.values import (
    StoredValue,
    as_value,
    canonical_json,
    decode_json,
    describe,
    encode_json,
    exactly,
    stable_hash,
    to_wire,
)


def test_equal_values_have_equal_bytes_and_hashes_whatever_the_order() -> None:
    assert canonical_json({"b": 1, "a": [2]}) == canonical_json({"a": [2], "b": 1}) == b'{"a":[2],"b":1}'
    assert stable_hash({"b": 1, "a": 2}) == stable_hash({"a": 2, "b": 1})
    assert stable_hash([1, 2]) != stable_hash([2, 1])


def test_json_round_trip_keeps_text_and_turns_nan_into_null() -> None:
    assert decode_json(encode_json({"ä": "ü", "n": None})) == {"ä": "ü", "n": None}
    assert encode_json(float("nan")) == b"null"


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError):
        encode_json({"a": object()})


@pytest.mark.parametrize(("value", "length"), [([1, 2, 3], 3), ({"a": 1}, 1), ("text", -1), (5, -1)])
def test_a_descriptor_knows_size_and_length(value: object, length: int) -> None:
    encoded = encode_json(value)
    stored = describe("p1", value, encoded)
    assert (stored.payload_id, stored.bytes, stored.length) == ("p1", len(encoded), length)
    assert stored.preview == encoded.decode()


def test_a_preview_is_short_and_never_cut_inside_a_character() -> None:
    value = "ä" * 1_000
    stored = describe("p1", value, encode_json(value))
    assert len(stored.preview) == 200
    assert "\ufffd" not in stored.preview


def test_descriptors_survive_the_wire_and_plain_values_stay() -> None:
    stored = StoredValue(payload_id="p1", bytes=9, length=2, preview="[1,2]")
    assert as_value(decode_json(encode_json(to_wire(stored)))) == stored
    assert to_wire({"a": 1}) == {"a": 1}
    assert as_value({"$flowray": "other"}) == {"$flowray": "other"}


def test_what_is_kept_holds_no_more_memory_than_it_shows() -> None:
    """The encoder leaves the buffer that it wrote into as it is."""
    encoded = encode_json("x" * 100_000)
    tracemalloc.start()
    try:
        kept = exactly(encoded)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept == encoded
    assert held < len(encoded) + 1_000
