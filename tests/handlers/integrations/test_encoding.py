"""Parameters as text."""

from __future__ import annotations

import pytest

from flowray.errors import FlowrayError
from flowray.handlers.integrations.encoding import form, query, segment, text


def test_scalars_and_lists() -> None:
    assert [text(value) for value in ("a", True, 1.5, [1])] == ["a", "true", "1.5", "[1]"]
    assert query({"a": [1, None, "x y"], "b": None, "c": False}) == [("a", "1"), ("a", "x y"), ("c", "false")]


def test_forms_nest_with_brackets() -> None:
    assert form({"a": {"b": [1, {"c": "x&y"}]}, "d": None, "e": True}) == (
        b"a%5Bb%5D%5B0%5D=1&a%5Bb%5D%5B1%5D%5Bc%5D=x%26y&e=true"
    )


def test_a_segment_stays_one() -> None:
    assert segment("a/b?c#d", "x") == "a%2Fb%3Fc%23d"
    for wrong in ("", ".", ".."):
        with pytest.raises(FlowrayError, match="the parameter 'x' cannot be"):
            segment(wrong, "x")
