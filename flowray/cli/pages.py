"""Lists of a server, page after page, as rows to print."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

PAGE_ROWS = 200


def all_rows(page_of: Callable[..., Any], *of: str, **filters: Any) -> Iterator[dict[str, Any]]:
    """Every item of a list as JSON. ``page_of(*of, limit=…, cursor=…, **filters)`` asks for one page."""
    cursor = None
    while True:
        page = page_of(*of, limit=PAGE_ROWS, cursor=cursor, **filters)
        yield from (item.model_dump(mode="json") for item in page.data)
        if not page.has_more:
            return
        cursor = page.next_cursor
