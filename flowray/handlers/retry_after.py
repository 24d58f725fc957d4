"""The ``Retry-After`` header (RFC 9110, 10.2.3) as milliseconds. Shared by all that talk HTTP."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER_MS = 24 * 3_600_000
"""A day: nobody means more, and a broken clock on the other side must not park a node for years."""


def retry_after_ms(header: str | None, now_ms: int) -> int | None:
    """How long the other side asks to wait, at least 0; None without a header or for an unreadable one."""
    if not header:
        return None
    try:
        delay = round(float(header) * 1000)
    except ValueError:
        try:
            delay = round(parsedate_to_datetime(header).timestamp() * 1000) - now_ms
        except ValueError:
            return None
    return max(0, min(delay, MAX_RETRY_AFTER_MS))
