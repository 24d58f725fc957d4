"""Answers about what executions take."""

from __future__ import annotations

from flowray.wire.base import Answer


class Storage(Answer):
    """Bytes of an execution as they are stored, indexes not counted.

    ``record``: its row; ``logs``: an entry for each attempt; ``payloads``: its large values. Those of what it has
    called are among them; their other figures are their own.
    """

    execution_id: str
    record: int
    events: int
    logs: int
    snapshots: int
    inbox: int
    payloads: int
    total: int
