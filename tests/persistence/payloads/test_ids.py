"""Ids of payloads: what they are kept under, and what is none."""

from __future__ import annotations

import hashlib

import pytest

from flowray.persistence.payloads.ids import may_be_collected, owner_name, owner_of, payload_id

HASHED = hashlib.sha256(b"a/b").hexdigest()


@pytest.mark.parametrize(("execution_id", "owner"), [("e1", "e1"), ("a/b", HASHED), ("x" * 101, None)])
def test_the_owner_is_the_execution_or_its_hash(execution_id: str, owner: str | None) -> None:
    owner = owner or hashlib.sha256(execution_id.encode()).hexdigest()
    assert owner_name(execution_id) == owner_of(payload_id(execution_id, b"data")) == owner


def test_equal_bytes_of_an_execution_have_one_id() -> None:
    assert payload_id("e1", b"data") == payload_id("e1", b"data") == f"e1.{hashlib.sha256(b'data').hexdigest()}"
    assert len({payload_id("e1", b"data"), payload_id("e2", b"data"), payload_id("e1", b"other")}) == 3


@pytest.mark.parametrize("text", ["", "e1", "e1.", "../e1." + HASHED, "e1." + HASHED[:-1], "e1." + HASHED + "0"])
def test_what_is_no_id_has_no_owner(text: str) -> None:
    assert owner_of(text) == ""


def test_what_may_be_a_hash_is_not_collected() -> None:
    assert (may_be_collected("e1"), may_be_collected(HASHED)) == (True, False)
