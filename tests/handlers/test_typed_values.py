"""Values as the type that their author names."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.handlers.typed_values import typed


@pytest.mark.parametrize(
    ("value", "kind", "read"),
    [
        (7, "string", "7"), (None, "text", ""), ("4.5", "number", 4.5), (3, "Number", 3), ("TRUE", "boolean", True),
        (0, "boolean", False), ("[1]", "json", [1]), ('{"a": 1}', "object", {"a": 1}), ([2], "array", [2]),
        ("5", "auto", "5"), ("5", "plain", "5"),
    ],
)  # fmt: skip
def test_read(value: Any, kind: str, read: Any) -> None:
    found = typed(value, kind)
    assert (found, type(found)) == (read, type(read))


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ("x", "number", "'x' is not a number"), (True, "number", "not a number"), ("maybe", "boolean", "true or false"),
        ("[1]", "object", "not an object"), ({}, "array", "not an array"), ("{", "json", "truncated"),
    ],
)  # fmt: skip
def test_what_does_not_fit(value: Any, kind: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        typed(value, kind)
