"""What all records share, and pages of them. Times are ms since 1970, UTC."""

from __future__ import annotations

from typing import Any

import msgspec

DEFAULT_WORKSPACE = "default"


class Record(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Base of all records: frozen, crosses process borders as msgpack or JSON."""


class Page(Record, frozen=True):
    """One page of a listing; ``next_cursor`` is None on the last."""

    data: tuple[Any, ...]
    next_cursor: str | None = None

    @property
    def has_more(self) -> bool:
        """True if another page follows."""
        return self.next_cursor is not None
