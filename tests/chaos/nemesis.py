"""What goes wrong in a chaos run: processes are killed, or stand still for a while, one after the other, at random."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable

from tests.chaos.target import Instance, Postgres

WEIGHTS = {
    "orchestrator": 6, "io-lane": 5, "hub": 4, "task-broker": 2, "replica": 3, "proxy": 1, "controller": 1,
    "raylet": 1, "gcs": 1, "server": 1, "watchdog": 1, "all": 1, "postgres": 4,
}  # fmt: skip
HEAVY = {"raylet", "gcs", "server", "watchdog", "all"}
"""After one of these nothing else is done for a while: the whole instance has to come up again."""

HEAVY_PAUSE_S = 45.0
LONGEST_START_S = 300.0
"""And until it answers again, but for no longer: a machine under load would else see nothing but starts."""

MAY_STAND_STILL = {"orchestrator", "io-lane", "task-broker", "hub", "replica", "proxy", "raylet", "gcs", "postgres"}
STILL_S = (2.0, 25.0)
"""How long a process stands still: shorter and much longer than a lease (10 s)."""


class Nemesis:
    """Acts in a thread of its own. ``done`` counts by what was done to whom."""

    def __init__(
        self,
        instance: Instance,
        postgres: Postgres | None,
        seed: int,
        every_s: float,
        say: Callable[[str], None],
        victims: frozenset[str] = frozenset(WEIGHTS),
    ) -> None:
        self._instance = instance
        self._postgres = postgres
        self._chance = random.Random(f"{seed} nemesis")
        self._every_s = every_s
        self._say = say
        self._victims = [name for name in WEIGHTS if name in victims and (name != "postgres" or postgres)]
        self._calm = threading.Event()
        self._stopped = threading.Event()
        self._frozen: dict[int, float] = {}
        self._quiet_until = 0.0
        self._starting_until = 0.0
        self._broken: Exception | None = None
        self.done: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def calm(self) -> None:
        """Do nothing more but heal. Raises what it has failed with, if it has."""
        self._calm.set()
        if self._broken is not None:
            raise self._broken

    def stop(self) -> None:
        """End the thread; what stands still goes on."""
        self._stopped.set()
        self._thread.join()
        for pid in list(self._frozen):
            self._thaw(pid)

    def _run(self) -> None:
        next_at = time.monotonic() + self._every_s
        try:
            while not self._stopped.wait(0.25):
                now = time.monotonic()
                calm = self._calm.is_set()
                for pid in [pid for pid, until in self._frozen.items() if calm or until <= now]:
                    self._thaw(pid)
                self._heal()
                if not calm and now >= max(next_at, self._quiet_until) and not self._is_starting(now):
                    self._act()
                    next_at = now + self._chance.uniform(0.5, 1.5) * self._every_s
        except Exception as error:
            self._broken = error

    def _is_starting(self, now: float) -> bool:
        """After a heavy fault, until it answers again."""
        if now < self._starting_until and not self._instance.is_ready():
            return True
        self._starting_until = 0.0
        return False

    def _heal(self) -> None:
        """The watchdogs outside of flowray: a database is restarted by its host, ``flowray serve`` by its init."""
        if self._postgres is not None:
            self._postgres.ensure()
        self._instance.ensure()

    def _act(self) -> None:
        weights = [WEIGHTS[name] for name in self._victims]
        victim = self._chance.choices(self._victims, weights)[0]
        still = victim in MAY_STAND_STILL and self._chance.random() < 0.4
        pids = self._pids(victim)
        if not pids:
            return
        if victim not in ("all", "postgres"):
            pids = [self._chance.choice(pids)]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP if still else signal.SIGKILL)
        if still:
            until = time.monotonic() + self._chance.uniform(*(STILL_S if victim != "postgres" else (1.0, 8.0)))
            self._frozen.update(dict.fromkeys(pids, until))
        word = f"{'stop' if still else 'kill'} {victim}"
        self.done[word] += 1
        self._say(f"{word} {pids if len(pids) < 5 else len(pids)}")
        if victim in HEAVY and not still:
            self._quiet_until = time.monotonic() + HEAVY_PAUSE_S
            self._starting_until = time.monotonic() + LONGEST_START_S

    def _pids(self, victim: str) -> list[int]:
        if victim == "postgres":
            return self._postgres.pids() if self._postgres is not None else []
        return self._instance.pids(victim)

    def _thaw(self, pid: int) -> None:
        self._frozen.pop(pid, None)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
