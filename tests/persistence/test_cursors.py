"""Opaque cursors."""

from __future__ import annotations

import base64

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.cursors import cut_page, decode_cursor, encode_cursor


def test_a_cursor_survives_the_round_trip_and_is_safe_in_a_url() -> None:
    cursor = encode_cursor("executions", 1_700_000_000_000, "id/ü?&")
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert decode_cursor("executions", cursor) == (1_700_000_000_000, "id/ü?&")
    assert decode_cursor("executions", None) is None


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "!",
        "a",
        encode_cursor("workflows", 1, "x"),
        base64.urlsafe_b64encode(b'["executions", 1]').decode(),
        base64.urlsafe_b64encode(b'["executions", "1", "x"]').decode(),
        base64.urlsafe_b64encode(b'["executions", 9223372036854775808, "x"]').decode(),
    ],
)
def test_anything_else_is_an_invalid_cursor(cursor: str) -> None:
    with pytest.raises(FlowrayError) as caught:
        decode_cursor("executions", cursor)
    assert caught.value.code == ErrorCode.INVALID_CURSOR
    assert caught.value.hint is not None


def test_a_page_has_a_cursor_only_if_there_is_more() -> None:
    rows = [(3, "c"), (2, "b"), (1, "a")]
    assert cut_page("x", rows, 3, lambda row: row).next_cursor is None
    page = cut_page("x", rows, 2, lambda row: row)
    assert page.data == ((3, "c"), (2, "b"))
    assert page.has_more
    assert decode_cursor("x", page.next_cursor) == (2, "b")
