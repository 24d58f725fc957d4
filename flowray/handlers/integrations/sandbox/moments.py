"""Placeholders of recorded replies that stand for what is new in each: a time, an id. Pure."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from uuid import UUID

from flowray.values import Json

_PLACEHOLDER = re.compile(r"\{\{(iso|uuid|timestamp)\}\}")


def filled(value: Json, now_ms: int, key: str) -> Json:
    """``value`` with ``{{iso}}`` as the time, ``{{timestamp}}`` as seconds since the epoch, and ``{{uuid}}`` as an id
    that is the same for the same ``key``: an attempt that runs again is answered as before.
    """
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda found: _moment(found[1], now_ms, key), value) if "{{" in value else value
    if isinstance(value, list):
        return [filled(item, now_ms, f"{key}/{index}") for index, item in enumerate(value)]
    if isinstance(value, dict):
        return {name: filled(item, now_ms, f"{key}/{name}") for name, item in value.items()}
    return value


def _moment(kind: str, now_ms: int, key: str) -> str:
    if kind == "iso":
        return datetime.fromtimestamp(now_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if kind == "timestamp":
        return str(now_ms // 1_000)
    return str(UUID(bytes=hashlib.sha256(key.encode()).digest()[:16], version=4))
