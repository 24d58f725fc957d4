"""What a log says about time: whether an execution went on although its time was up, or ended before it was (R14)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

FOR_EVER = 10**12
LATE_MS = 1_000
"""Clocks of owners and lanes differ by less than this."""

_RESTS = frozenset({"execution.waiting", "execution.paused"})
_MAY_BE_LATE = frozenset({"execution.recovered", "execution.started", "execution.resumed"})
"""Timers are set once these are durable; what starts together with them may be too late."""


class Clock:
    """The time of one execution, as its events tell it. ``deadline_at`` is absolute, ``timeout_ms`` of active time."""

    def __init__(self, deadline_at: int | None, timeout_ms: int | None) -> None:
        self._deadline_at = deadline_at
        self._timeout_ms = timeout_ms
        self._active_ms = 0
        self._since: int | None = None

    def note(self, events: Sequence[dict[str, Any]]) -> Iterator[str]:
        """Take the events of one commit; yields what is wrong with them."""
        kinds = {event["type"] for event in events}
        ended = any(kind.startswith("execution.") and kind.rpartition(".")[2] in _ENDS for kind in kinds)
        for event in events:
            kind, ts = event["type"], event["ts"]
            if kind in ("execution.started", "execution.resumed"):
                self._since = ts if self._since is None else self._since
            elif kind in _RESTS and self._since is not None:
                self._active_ms, self._since = self._active_ms + ts - self._since, None
            elif kind == "execution.timed_out" and self._over_by(ts) < 0:
                yield f"R14 it timed out {-self._over_by(ts)} ms early"
            elif kind == "node.started" and not ended and not kinds & _MAY_BE_LATE and self._over_by(ts) > LATE_MS:
                yield f"R14 {event['instance']} starts {self._over_by(ts)} ms after its time was up"

    def _over_by(self, now: int) -> int:
        """Milliseconds since the time was up, negative before."""
        over = -FOR_EVER if self._deadline_at is None else now - self._deadline_at
        if self._timeout_ms is None or self._since is None:
            return over  # While it rests its active time stands still.
        return max(over, self._active_ms + now - self._since - self._timeout_ms)


_ENDS = frozenset({"completed", "failed", "cancelled", "timed_out", "crashed"})
