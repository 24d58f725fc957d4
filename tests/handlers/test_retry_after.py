"""Retry-After in both its forms."""

from __future__ import annotations

import pytest

from flowray.handlers.retry_after import retry_after_ms


@pytest.mark.parametrize(
    ("header", "ms"),
    [
        (None, None), ("", None), ("soon", None), ("7", 7_000), ("0.5", 500), ("-3", 0), ("999999999", 86_400_000),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 9_000), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
    ],
)  # fmt: skip
def test_delay(header: str | None, ms: int | None) -> None:
    assert retry_after_ms(header, 1_000) == ms
