"""Traps at crash points: a file that says where a process is to die. Whoever gets there first takes it and is killed.

Setting and springing are atomic, so that one trap kills one process, once, whichever actor it is and however often that
is started again.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from flowray.runtime.crash_points import CrashPoint, watch


class Traps:
    """The traps in a folder that the test and the actors share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def set(self, point: CrashPoint, where: str) -> None:
        """The next watching process that reaches ``point``, in an actor whose name begins so, dies there."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"{point.value}.{where}").touch()

    def sprung(self, point: CrashPoint) -> int | None:
        """The process that died there, or None."""
        found = next(self._folder.glob(f"{point.value}.killed-*"), None)
        return int(found.name.rpartition("-")[2]) if found is not None else None

    def clear(self) -> None:
        """Take all traps away."""
        if self._folder.exists():
            for trap in self._folder.iterdir():
                trap.unlink(missing_ok=True)

    def watch(self, name: str) -> None:
        """From now on this process, the actor ``name``, dies where there is a trap for it."""
        where = name.partition("-")[0]
        watch(lambda point: self._reached(point, where))

    def _reached(self, point: CrashPoint, where: str) -> None:
        try:
            (self._folder / f"{point.value}.{where}").rename(self._folder / f"{point.value}.killed-{os.getpid()}")
        except FileNotFoundError:
            return  # There is no trap, or another process has just taken it.
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)  # The signal is on its way: nothing after this point may happen.
