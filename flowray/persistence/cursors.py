"""Opaque cursors of listings: the sort key of the last row of a page, bound to what is listed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.records import Page

_decoder = msgspec.json.Decoder(tuple[str, int, str])


def encode_cursor(listing: str, number: int, row_id: str) -> str:
    """The cursor after the row with this sort key."""
    return base64.urlsafe_b64encode(msgspec.json.encode((listing, number, row_id))).rstrip(b"=").decode()


def decode_cursor(listing: str, cursor: str | None) -> tuple[int, str] | None:
    """The sort key, or None without a cursor. Raises FlowrayError INVALID_CURSOR, also for another listing's cursor."""
    if cursor is None:
        return None
    try:
        found, number, row_id = _decoder.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise _invalid(cursor) from error
    if found != listing or not -(2**63) <= number < 2**63:
        raise _invalid(cursor)
    return number, row_id


def _invalid(cursor: str) -> FlowrayError:
    return FlowrayError(
        ErrorCode.INVALID_CURSOR,
        f"{cursor[:60]!r} is not a cursor of this listing",
        hint="pass next_cursor of the page before unchanged, or start without a cursor",
    )


def cut_page(listing: str, rows: Sequence[Any], limit: int, key: Callable[[Any], tuple[int, str]]) -> Page:
    """A page of at most ``limit`` rows; ``rows`` holds one more if there is a next page."""
    if len(rows) <= limit:
        return Page(data=tuple(rows))
    return Page(data=tuple(rows[:limit]), next_cursor=encode_cursor(listing, *key(rows[limit - 1])))
