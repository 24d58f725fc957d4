"""Compares a value with an expected one that leaves some of it open. Asserts nothing itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

OPEN = "..."
"""As a key of an expected object: other keys may be there as well."""


def mismatch(expected: Any, actual: Any, path: str = "") -> str | None:
    """Where and how the two differ, or None. ``"<time>"`` stands for any ISO 8601 time, ``"<text>"`` for any text."""
    if expected == "<time>":
        return None if _is_time(actual) else f"{path or '/'}: {actual!r} is no time"
    if expected == "<text>":
        return None if isinstance(actual, str) and actual else f"{path or '/'}: {actual!r} is no text"
    if isinstance(expected, dict) and isinstance(actual, dict):
        wanted = {key for key in expected if key != OPEN}
        missing, extra = wanted - actual.keys(), actual.keys() - wanted
        if missing or (extra and OPEN not in expected):
            return f"{path or '/'}: missing {sorted(missing)}, unexpected {sorted(extra)}"
        found = (mismatch(expected[key], actual[key], f"{path}/{key}") for key in sorted(wanted))
        return next((item for item in found if item), None)
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return next((bad for i, (e, a) in pairs if (bad := mismatch(e, a, f"{path}/{i}"))), None)
    same = expected == actual and isinstance(expected, bool) == isinstance(actual, bool)
    return None if same else f"{path or '/'}: expected {expected!r}, got {actual!r}"


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
