"""Lists are read to their end."""

from __future__ import annotations

from typing import Any

from flowray import wire
from flowray.cli.pages import PAGE_ROWS, all_rows


def test_every_page_is_asked_for_with_the_cursor_of_the_one_before() -> None:
    asked: list[tuple[Any, ...]] = []

    def page_of(of: str, *, limit: int, cursor: str | None, kind: str) -> wire.QueuePage:
        asked.append((of, limit, cursor, kind))
        more = cursor is None
        return wire.QueuePage(data=[], next_cursor="c1" if more else None, has_more=more)

    assert list(all_rows(page_of, "x", kind="k")) == []
    assert asked == [("x", PAGE_ROWS, None, "k"), ("x", PAGE_ROWS, "c1", "k")]
