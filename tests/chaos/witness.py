"""L1 at the moment of each effect of a chaos run: what caused it is durable, as the database says right then."""

from __future__ import annotations

import threading
from collections import Counter

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from flowray.errors import FlowrayError
from flowray.persistence.sql.reader import SqlReader
from tests.durability.effects import Effect


class Witness:
    """Called by the receiver before it answers. ``uncaused`` are the violations; ``looked`` counts its looks, and
    ``blind`` those for which the database was away.

    That a result is durable already is no violation here: a lane that stood still between taking an attempt and calling
    cannot know that somebody else has run it meanwhile (at least once). That it had no start of its own would be one.
    """

    def __init__(self, engine: Engine) -> None:
        self._reader = SqlReader(engine)
        self._lock = threading.Lock()
        self._calls: Counter[tuple[str, str]] = Counter()
        self.uncaused: list[str] = []
        self.looked = 0
        self.blind = 0

    def __call__(self, effect: Effect) -> None:
        """Compare the calls of this instance with its durable starts."""
        which = (effect.execution_id, effect.instance)
        with self._lock:
            self._calls[which] += 1
            calls = self._calls[which]
        try:
            log = self._reader.events.read(effect.execution_id, 0, 100_000)
        except (FlowrayError, SQLAlchemyError):
            with self._lock:
                self.blind += 1
            return
        starts = sum(event.type == "node.started" and event.body["instance"] == effect.instance for event in log)
        with self._lock:
            self.looked += 1
            if starts < calls:
                self.uncaused.append(f"L1: {effect.key} has its effect {calls} times with {starts} durable starts")
