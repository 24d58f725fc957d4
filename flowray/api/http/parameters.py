"""Query and header parameters that several routes share, with their words in the OpenAPI document."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Header, Query

Strict = Annotated[bool, Query(description="Unknown node types are errors, not warnings.")]
Limit = Annotated[int, Query(ge=1, le=200, description="Longest page.")]
LongLimit = Annotated[int, Query(ge=1, le=1_000, description="Longest page.")]
Cursor = Annotated[str | None, Query(description="next_cursor of the page before.")]
Token = Annotated[str | None, Query(description="A public token of this execution.")]
After = Annotated[int, Query(ge=0, lt=2**63, description="Begin after the event with this seq.")]
LastEventId = Annotated[str | None, Header(description="Begin after the event with this id; wins over after.")]
Wait = Annotated[
    float | None,
    Query(
        description="Seconds (at most 60) to hold the answer back: 200 with the whole execution once it ends or pauses."
    ),
]
IdempotencyKey = Annotated[
    str | None, Header(description="Repeats with the same key and body answer what the first has started.")
]


def split_names(given: list[str] | None) -> tuple[str, ...]:
    """The names of a list parameter, which may be repeated, hold commas, or both."""
    return tuple(name.strip() for part in given or () for name in part.split(",") if name.strip())


def as_ms(moment: datetime | None) -> int | None:
    """ms since the epoch; a time that names no offset is in UTC."""
    if moment is None:
        return None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000)
