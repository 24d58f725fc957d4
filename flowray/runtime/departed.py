"""How far executions had come here when they were let go of. Not who owns them: the database says that."""

from __future__ import annotations

from collections import OrderedDict

from flowray.runtime.live import LiveExecution

DEPARTED_KEPT = 20_000  # executions: many more than there are while a fold of one may still be on its way


class Departed:
    """Tells what was folded before an execution was driven here, and arrives after that, from what is to be driven.

    Folding and driving are not in step: the sweep may have read an execution just before it was begun, and it may
    have come to its end before the sweep is done. Its first commit would be taken for a repeated one (L2).
    """

    def __init__(self) -> None:
        self._reached: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def note(self, live: LiveExecution) -> None:
        """It is let go of: its epoch and the last number that is known to be durable."""
        self._reached[live.id] = (live.epoch, live.committed_seq)
        self._reached.move_to_end(live.id)
        if len(self._reached) > DEPARTED_KEPT:
            self._reached.popitem(last=False)

    def is_stale(self, live: LiveExecution) -> bool:
        """True if it has been further than this here. The sweep finds it again, if there is anything left of it."""
        return (live.epoch, live.committed_seq) < self._reached.get(live.id, (0, 0))
