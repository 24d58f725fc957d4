"""Operations on metadata, as plain data."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.persistence.writes.metadata import MAX_METADATA_BYTES, MetadataOperation, change_metadata, is_too_large


@pytest.mark.parametrize(
    ("before", "operation", "after"),
    [
        ({}, ("set", "k", None), {"k": None}),
        ({"k": 1}, ("delete", "k"), {}),
        ({}, ("delete", "k"), {}),
        ({}, ("append", "k", 1), {"k": [1]}),
        ({"k": "x"}, ("append", "k", 1), {"k": ["x", 1]}),
        ({"k": [1]}, ("append", "k", [2]), {"k": [1, [2]]}),
        ({}, ("increment", "k"), {"k": 1}),
        ({"k": 1.5}, ("increment", "k", -2), {"k": -0.5}),
        ({}, ("merge", "k", {"a": 1}), {"k": {"a": 1}}),
        ({"k": {"a": 1, "b": 1}}, ("merge", "k", {"b": 2}), {"k": {"a": 1, "b": 2}}),
    ],
)
def test_each_operation(before: dict[str, Any], operation: tuple[Any, ...], after: dict[str, Any]) -> None:
    kept = dict(before)
    assert change_metadata(before, [MetadataOperation(*operation)]) == after
    assert before == kept


MISFITS = [
    ("increment", "text", 1),
    ("increment", "n", "1"),
    ("increment", "flag"),
    ("merge", "n", {}),
    ("merge", "o", 1),
    ("x", "n"),
]


@pytest.mark.parametrize("operation", MISFITS)
def test_what_does_not_fit_is_an_error(operation: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match=operation[0]):
        change_metadata({"text": "x", "n": 1, "flag": True, "o": {}}, [MetadataOperation(*operation)])


def test_operations_apply_in_order() -> None:
    operations = [MetadataOperation("set", "k", 1), MetadataOperation("increment", "k", 1)]
    assert change_metadata({"k": "x"}, operations) == {"k": 2}


def test_the_limit_counts_all_of_it() -> None:
    frame = len('{"k":""}')
    assert not is_too_large({"k": "x" * (MAX_METADATA_BYTES - frame)})
    assert is_too_large({"k": "x" * (MAX_METADATA_BYTES - frame + 1)})
