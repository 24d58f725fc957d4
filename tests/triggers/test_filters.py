"""Conditions on events."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.triggers.filters import check_filter, holds

EVENT = {"name": "order", "key": "k", "data": {"total": 120, "tags": ["a"], "who": {"vip": True}}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, True), ("data.total > 100", True), ("{{data.total > 200}}", False), ("data.who.vip", True),
        ("data.missing", False), ("data.missing == null", True), ("!data.missing && name == 'order'", True),
        ("data.tags[0] == 'a'", True), ("key === 'other' || data.total >= 120", True),
    ],
)  # fmt: skip
def test_filters(text: str | None, expected: Any) -> None:
    assert holds(None if text is None else check_filter(text), EVENT) is expected


@pytest.mark.parametrize("text", ["", "data.total >", "data.tags.map(x => x)", "{{a}} and {{b}}"])
def test_what_is_no_filter(text: str) -> None:
    with pytest.raises(ValueError, match="filter"):
        check_filter(text)
