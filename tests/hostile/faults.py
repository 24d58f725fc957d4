"""A store that fails now and then, as databases do: before a commit, after it (its answer lost), late, deadlocked.

Decorators around a Committer and a Reader, for whole suites of tests. What fails is drawn from a seed.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Literal, NoReturn

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.database.engine import WRITES
from flowray.persistence.stores import Committer, Reader
from flowray.persistence.writes import AnyResult, AnyWrite

Fault = Literal["before", "after", "delay", "deadlock"]

DELAY_S = 0.02


class Faults:
    """Draws faults at a ``rate`` between 0 and 1. Thread-safe. ``drawn`` counts them."""

    def __init__(self, rate: float, seed: int) -> None:
        self._rate = rate
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self.drawn: Counter[Fault] = Counter()

    def draw(self, *kinds: Fault) -> Fault | None:
        """One of ``kinds``, or None most of the time."""
        with self._lock:
            if self._chance.random() >= self._rate:
                return None
            kind = self._chance.choice(kinds)
            self.drawn[kind] += 1
            return kind


class FaultyCommitter:
    """A Committer whose commits fail before or after they are durable, or take their time."""

    def __init__(self, committer: Committer, faults: Faults) -> None:
        self._committer = committer
        self._faults = faults

    def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        """As the Committer says: raises DATABASE_UNAVAILABLE if nothing was, or may have been, written."""
        fault = self._faults.draw("before", "after", "delay")
        if fault == "before":
            _unavailable("commit: the connection failed before it")
        if fault == "delay":
            time.sleep(DELAY_S)
        results = self._committer.commit(writes)
        if fault == "after":
            _unavailable("commit: the connection failed after it, and its answer is lost")
        return results


_PARTS = frozenset(name for name, what in vars(Reader).items() if isinstance(what, property))
"""What a Reader has beside its own reads: each a reader too."""


class FaultyReader:
    """A Reader, a part of one or a PayloadStore, of which any call may fail or take its time."""

    def __init__(self, reader: Any, faults: Faults) -> None:
        self._reader = reader
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._reader, name)
        if name in _PARTS:
            return FaultyReader(found, self._faults)
        return self._failing(found) if callable(found) else found

    def _failing(self, read: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(read)
        def call(*arguments: Any, **named: Any) -> Any:
            fault = self._faults.draw("before", "delay")
            if fault == "before":
                _unavailable(f"read {read.__name__}")
            if fault == "delay":
                time.sleep(DELAY_S)
            return read(*arguments, **named)

        return call


class DeadlockError(Exception):
    """What a driver raises when transactions met: the database has rolled this one back."""

    sqlstate = "40P01"


def deadlock_commits(engine: Engine, faults: Faults) -> None:
    """Let transactions that write end in a deadlock, as seen by SQLAlchemy, instead of a commit."""

    def commit(connection: Connection) -> None:
        if connection.get_execution_options().get(WRITES) and faults.draw("deadlock"):
            raise OperationalError("COMMIT", None, DeadlockError("deadlock detected"))

    event.listen(engine, "commit", commit)


def _unavailable(what: str) -> NoReturn:
    raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, f"could not {what} (an injected fault)", retryable=True)
