"""How times are written in schedules: cron expressions, intervals, time zones. Text in, checked text or number out."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

MIN_EVERY_MS = 1_000

_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_PART = re.compile(r"([0-9]+)(ms|s|m|h|d|w)")
_INTERVAL = re.compile(r"(?:[0-9]+(?:ms|s|m|h|d|w)\s*)+")


def parse_every(text: str) -> int:
    """ms of an interval such as ``90s``, ``1h30m`` or a plain number of ms. Raises ValueError."""
    stripped = text.strip().lower()
    if stripped.isascii() and stripped.isdigit():
        return int(stripped)
    if _INTERVAL.fullmatch(stripped) is None:
        raise ValueError(f"{text[:60]!r} is not an interval; write 90s, 15m, 1h30m or 2d")
    return sum(int(number) * _UNITS_MS[unit] for number, unit in _PART.findall(stripped))


_SHORTHANDS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip


def check_cron(text: str) -> str:
    """``text`` as five fields, or six with seconds first. Raises ValueError for what is no cron expression."""
    expression = _SHORTHANDS.get(text.strip().lower(), text.strip())
    try:
        CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError(f"{text[:100]!r} is not a cron expression: {error}") from None
    return expression


def check_timezone(name: str) -> str:
    """``name``, if it is an IANA time zone. Raises ValueError."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name[:60]!r}; use an IANA name such as Europe/Berlin") from None
    return name
