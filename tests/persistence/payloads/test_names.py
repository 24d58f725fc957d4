"""Names of stored values, found in whatever holds them."""

from __future__ import annotations

import pytest

from flowray.persistence.payloads.ids import payload_id
from flowray.persistence.payloads.names import Names, unnamed


def test_names_of_one_execution_are_found_in_texts_and_bytes() -> None:
    mine, theirs = payload_id("e1", b"a"), payload_id("e2", b"a")
    names = Names("e1")
    assert names.within(f'{{"payload_id":"{mine}","other":"{theirs}"}}') == {mine}
    assert names.within(b"\x00\xff" + mine.encode() + mine.encode()) == {mine}
    assert names.within(None) == names.within("") == names.within("e1.abc \udc00") == set()


@pytest.mark.parametrize("execution_id", ["e.1", "a/b", "x" * 200])
def test_unusual_ids_are_kept_under_their_hash(execution_id: str) -> None:
    name = payload_id(execution_id, b"a")
    assert Names(execution_id).within(name) == {name}


def test_what_named_values_name_is_named_too() -> None:
    ids = {letter: payload_id("e", letter.encode()) for letter in "abcde"}
    texts = {ids["a"]: ids["b"], ids["b"]: ids["c"] + ids["a"], ids["c"]: "", ids["d"]: ids["e"], ids["e"]: ""}
    stored = dict.fromkeys(ids.values(), 1)
    found = unnamed("e", stored, {ids["a"], payload_id("e", b"gone")}, lambda name: texts[name].encode())
    assert found == {ids["d"]: 1, ids["e"]: 1}


def test_nothing_is_read_where_all_is_named() -> None:
    name = payload_id("e", b"a")
    assert unnamed("e", {name: 1}, {name}, lambda _: pytest.fail("read")) == {}
