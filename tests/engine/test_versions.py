"""Documents of earlier versions are brought to the present one; those of later ones are refused."""

from __future__ import annotations

import pytest

from flowray.engine.versions import Document, brought_up, version_of
from flowray.errors import ErrorCode, FlowrayError


def renamed(document: Document) -> Document:
    return {**document, "b": document["a"]}


def doubled(document: Document) -> Document:
    return {**document, "b": document["b"] * 2}


def test_l10_each_step_is_taken_once_in_order() -> None:
    steps = {1: renamed, 2: doubled}
    assert brought_up({"a": 2}, "thing", 3, steps) == {"a": 2, "b": 4, "version": 3}
    assert brought_up({"b": 2, "version": 2}, "thing", 3, steps) == {"b": 4, "version": 3}
    present = {"b": 2, "version": 3}
    assert brought_up(present, "thing", 3, steps) is present


def test_what_has_no_version_is_of_the_first() -> None:
    assert [version_of(document) for document in ({}, {"version": 4}, {"version": "x"})] == [1, 4, 1]


def test_a_later_version_is_refused_with_both_numbers() -> None:
    with pytest.raises(FlowrayError) as caught:
        brought_up({"version": 9}, "thing", 3, {})
    assert (caught.value.code, caught.value.details) == (
        ErrorCode.UNSUPPORTED_VERSION,
        {"version": 9, "reads_up_to": 3},
    )
    assert "The thing has version 9; this flowray reads 1 to 3" in caught.value.message
