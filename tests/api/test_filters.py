"""Filters of executions: read from a query. The pages that they fit are tested with the routes that give them."""

from __future__ import annotations

import pytest

from flowray.api.filters import filter_of_query, read_labels
from flowray.errors import ErrorCode, FlowrayError


def test_a_query_becomes_a_filter() -> None:
    found = filter_of_query(status=["failed, crashed", "failed"], labels=["a=1", "b=x=y"], ids=["e1,e2", "e3"])
    assert found.model_dump(exclude_defaults=True) == {
        "status": ["failed", "crashed", "failed"],
        "labels": {"a": "1", "b": "x=y"},
        "ids": ["e1", "e2", "e3"],
    }
    assert filter_of_query().model_dump(exclude_defaults=True) == {}


@pytest.mark.parametrize(
    ("parameter", "given", "words"),
    [
        ("status", ["gone"], "'gone' is not a status"),
        ("labels", ["team"], "'team' is not a label"),
        ("labels", ["a=1", "a=2"], "'a' cannot have two values"),
        ("labels", [f"l{number}=1" for number in range(65)], "at most 64 labels"),
        ("ids", [",".join(map(str, range(1_001)))], "at most 1,000 ids"),
    ],
)
def test_what_is_no_filter_is_refused_by_its_name(parameter: str, given: list[str], words: str) -> None:
    with pytest.raises(FlowrayError, match=words) as caught:
        filter_of_query(**{parameter: given})  # type: ignore[arg-type]
    assert caught.value.code == ErrorCode.INVALID_REQUEST


def test_a_label_may_be_empty_but_not_nameless() -> None:
    assert read_labels(["a="]) == {"a": ""}
    with pytest.raises(FlowrayError):
        read_labels(["=a"])
