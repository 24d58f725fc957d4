"""Hears what other servers on one PostgreSQL have put into inboxes: LISTEN, as a wake-up only (R25, R41).

Apart from who notifies, so that only processes that listen load the driver on its own.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

import psycopg
from sqlalchemy import Engine

from flowray.persistence.inbox.wakeups import CHANNEL, MOST_WORDS

logger = logging.getLogger(__name__)

LOOK_S = 1.0
"""How long a stop may wait."""

RETRY_S = 2.0

Heard = Callable[[Sequence[str]], None]
"""Called on the listener's thread with ids of executions whose inboxes are worth a look."""


class InboxListener:
    """Listens on a connection of its own, in a thread of its own. A broken connection is opened again."""

    def __init__(self, engine: Engine, heard: Heard) -> None:
        # The driver's own words for where the database is; SQLAlchemy's pool is not for connections that wait.
        self._where = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._heard = heard
        self._stopped = threading.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flowray-wakeups", daemon=True)

    def start(self) -> None:
        """Begin to listen; returns at once."""
        self._thread.start()

    def wait_until_listening(self, timeout_s: float) -> bool:
        """Whether words are heard by now."""
        return self._listening.wait(timeout_s)

    def stop(self) -> None:
        """Listen no more."""
        self._stopped.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._listen()
            except psycopg.Error as error:
                self._listening.clear()
                logger.info("flowray: wake-ups from other servers are away (%s); sweeps go on", type(error).__name__)
                self._stopped.wait(RETRY_S)
            except Exception:
                logger.exception("flowray: a wake-up was lost")

    def _listen(self) -> None:
        with psycopg.connect(self._where, autocommit=True) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            self._listening.set()
            while not self._stopped.is_set():
                words = [word.payload for word in connection.notifies(timeout=LOOK_S, stop_after=MOST_WORDS)]
                if words:
                    self._heard(list(dict.fromkeys(words)))
