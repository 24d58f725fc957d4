"""Templates of requests, and paths into answers."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.handlers.integrations.declarative.templates import at, fill, used_by

GIVEN = {"a": 1, "b": None, "list": [1, 2], "kind": "page_id"}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("$a", 1),
        ("text with $a", "text with $a"),
        ({"x": "$a", "y": "$missing", "z": "as it is"}, {"x": 1, "z": "as it is"}),
        ({"x": "$b"}, {"x": None}),
        ({"x": {"y": "$missing"}, "z": ["$missing"]}, None),
        ({}, {}),
        ([], []),
        ({"$kind": "$a"}, {"page_id": 1}),
        ("$*", {"rest": True}),
        ({"$each": "list", "as": {"n": "$item"}}, [{"n": 1}, {"n": 2}]),
        ({"x": {"$each": "missing", "as": "$item"}, "y": 1}, {"y": 1}),
        ({"$join": "list"}, "1,2"),
        ({"$join": "kind"}, "page_id"),
        ([{"$with": "a", "v": "$a"}, {"$with": "b", "v": 1}, {"$with": "missing", "v": 1}], [{"v": 1}]),
    ],
    ids=str,
)
def test_templates_are_filled_and_what_is_not_given_is_left_out(template: Any, expected: Any) -> None:
    assert fill(template, GIVEN, {"rest": True}) == expected


def test_what_a_template_uses_is_not_sent_twice() -> None:
    template = {"$kind": "$a", "x": [{"$each": "list", "as": "$item"}], "y": {"$join": "c"}, "z": {"$with": "d"}}
    assert used_by(template) == {"kind", "a", "list", "item", "c", "d"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [("", {"a": [{"b": 1}]}), ("a.0.b", 1), ("a.5.b", None), ("a.b", None), ("a.0.b.c", None), ("x", None)],
)
def test_paths_into_documents(path: str, expected: Any) -> None:
    assert at({"a": [{"b": 1}]}, path) == expected
