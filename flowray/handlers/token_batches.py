"""Gathers the tokens of one attempt into batches no older than 20 ms (R33). Knows offsets, not transports.

What comes after a silence leaves at once, so that a slow stream is not late; a fast one sends a batch every 20 ms.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from flowray.engine.stimuli import TokensProduced

BATCH_S = 0.02


class TokenBatches:
    """Batches of one attempt's stream. ``add`` may be called from any thread; the rest from the loop of ``emit``.

    Without a loop nothing is handed over before ``flush``. ``offset``: of the first character, if the stream goes on.
    """

    def __init__(
        self,
        instance: str,
        attempt: int,
        stream_id: str,
        emit: Callable[[TokensProduced], None],
        now_ms: Callable[[], int],
        loop: asyncio.AbstractEventLoop | None,
        offset: int = 0,
    ) -> None:
        self._instance, self._attempt, self._stream_id = instance, attempt, stream_id
        self._emit, self._now_ms = emit, now_ms
        self._loop = loop
        self._pieces: list[str] = []
        self._tokens = 0
        self._begin = self._offset = offset
        self._timer: asyncio.TimerHandle | None = None
        self.heard_threads = False
        self._flushed_at = -math.inf

    @property
    def streamed(self) -> bool:
        """True once anything was added and handed over."""
        return self._offset > self._begin or bool(self._pieces)

    def add(self, text: str, tokens: int = 1) -> None:
        """Add a piece of text that stands for ``tokens`` tokens."""
        if self._loop is not None and self._is_foreign():
            self.heard_threads = True
            self._loop.call_soon_threadsafe(self._gather, text, tokens)
        else:
            self._gather(text, tokens)

    def _is_foreign(self) -> bool:
        try:
            return asyncio.get_running_loop() is not self._loop
        except RuntimeError:
            return True

    def _gather(self, text: str, tokens: int) -> None:
        if not text:
            return
        self._pieces.append(text)
        self._tokens += tokens
        if self._timer is None and self._loop is not None:
            # Never before the next turn of the loop: what comes along with it, goes along.
            self._timer = self._loop.call_at(max(self._flushed_at + BATCH_S, self._loop.time()), self.flush)

    def flush(self) -> None:
        """Hand over what has gathered; nothing if nothing has."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._pieces:
            return
        text, tokens = "".join(self._pieces), self._tokens
        self._pieces, self._tokens = [], 0
        self._emit(
            TokensProduced(
                ts=self._now_ms(), instance=self._instance, attempt=self._attempt, stream_id=self._stream_id,
                offset=self._offset, text=text, tokens=tokens,
            )
        )  # fmt: skip
        self._offset += len(text)
        if self._loop is not None:
            self._flushed_at = self._loop.time()
