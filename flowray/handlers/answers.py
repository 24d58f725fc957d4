"""Answers that models gave before, for nodes that ask for a cache: what a lane keeps, and where."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Protocol

MAX_ANSWERS = 1_000
"""Of a cache in memory."""


class Answers(Protocol):
    """By key: JSON that stays until its time is over. A cache: it never raises, and may forget."""

    async def get(self, key: str, now_ms: int) -> Any:
        """What was kept under ``key``; None if there is nothing, or its time is over."""
        ...

    async def put(self, key: str, answer: Any, now_ms: int, ttl_ms: int) -> None:
        """Keep ``answer`` for ``ttl_ms``."""
        ...


class MemoryAnswers:
    """In this process alone, the latest MAX_ANSWERS."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[int, Any]] = OrderedDict()

    async def get(self, key: str, now_ms: int) -> Any:
        expires_at, answer = self._kept.get(key, (0, None))
        return answer if expires_at > now_ms else None

    async def put(self, key: str, answer: Any, now_ms: int, ttl_ms: int) -> None:
        self._kept[key] = (now_ms + ttl_ms, answer)
        self._kept.move_to_end(key)
        while len(self._kept) > MAX_ANSWERS:
            self._kept.popitem(last=False)
