"""Traps at crash points: a file that says where a process is to die. Whoever gets there first takes it and is killed.
A trap for an acknowledgement loses, once, the word that a commit is durable.

Setting and springing are atomic, so that one trap kills one process, once, whichever actor it is and however often that
is started again.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.stores import Committer
from flowray.persistence.writes import AnyResult, AnyWrite, AppendEvents
from flowray.runtime.crash_points import CrashPoint, watch


class Traps:
    """The traps in a folder that the test and the actors share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def set(self, point: CrashPoint, where: str) -> None:
        """The next watching process that reaches ``point``, in an actor whose name begins so, dies there."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"{point.value}.{where}").touch()

    def hold(self, point: CrashPoint, where: str) -> None:
        """As ``set``, but whoever gets there waits, on the thread that got there, until ``release``."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"hold-{point.value}.{where}").touch()

    def held(self, point: CrashPoint) -> bool:
        """Whether somebody waits there."""
        return any(self._folder.glob(f"held-{point.value}.*"))

    def release(self) -> None:
        """Let everybody go on, and hold nobody any more."""
        for trap in (*self._folder.glob("hold-*"), *self._folder.glob("held-*")):
            trap.unlink(missing_ok=True)

    def freeze(self, point: CrashPoint, where: str) -> None:
        """As ``set``, but the process is stopped there (SIGSTOP), until somebody continues it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"{point.value}.freeze.{where}").touch()

    def frozen(self, point: CrashPoint) -> int | None:
        """The process that was stopped there, or None."""
        found = next(self._folder.glob(f"{point.value}.frozen-*"), None)
        return int(found.name.rpartition("-")[2]) if found is not None else None

    def sprung(self, point: CrashPoint) -> int | None:
        """The process that died there, or None."""
        found = next(self._folder.glob(f"{point.value}.killed-*"), None)
        return int(found.name.rpartition("-")[2]) if found is not None else None

    def lose_acknowledgement(self, of: str) -> None:
        """The next commit is durable and reported as failed that has a write of this kind, or an event of this type."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"acknowledgement.{of}").touch()

    def lost_acknowledgement(self, of: str) -> bool:
        """Whether that has happened."""
        return (self._folder / f"lost.{of}").exists()

    def hold_commit(self, of: str) -> None:
        """The next commit that has a write of this kind, or an event of this type, waits before it is made until
        ``release``; and with it all that its process is to commit afterwards.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"hold-commit.{of}").touch()

    def holds_commit(self) -> bool:
        """Whether a commit waits."""
        return any(self._folder.glob("held-commit.*"))

    def wait_with(self, writes: Sequence[AnyWrite]) -> None:
        """Wait, if these writes are to."""
        for trap in self._folder.glob("hold-commit.*"):
            if any(_is_a(write, trap.name.partition(".")[2]) for write in writes):
                _wait_while_held(trap, self._folder / f"held-commit.{os.getpid()}")

    def take_acknowledgement(self, writes: Sequence[AnyWrite]) -> str | None:
        """What these writes are, if a trap waits for their acknowledgement; it is gone then."""
        for trap in self._folder.glob("acknowledgement.*"):
            wanted = trap.name.partition(".")[2]
            if any(_is_a(write, wanted) for write in writes):
                with contextlib.suppress(FileNotFoundError):  # Another process has just taken it.
                    trap.rename(self._folder / f"lost.{wanted}")
                    return wanted
        return None

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
        with contextlib.suppress(FileNotFoundError):
            frozen = self._folder / f"{point.value}.frozen-{os.getpid()}"
            (self._folder / f"{point.value}.freeze.{where}").rename(frozen)
            os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(0.2)  # Any thread may take the signal first: this one must not get further meanwhile.
        self._wait_there(point, where)
        try:
            (self._folder / f"{point.value}.{where}").rename(self._folder / f"{point.value}.killed-{os.getpid()}")
        except FileNotFoundError:
            return  # There is no trap, or another process has just taken it.
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)  # The signal is on its way: nothing after this point may happen.

    def _wait_there(self, point: CrashPoint, where: str) -> None:
        _wait_while_held(
            self._folder / f"hold-{point.value}.{where}", self._folder / f"held-{point.value}.{os.getpid()}"
        )


def _wait_while_held(trap: Path, held: Path) -> None:
    """Go into a trap, if nobody was faster, and stay there until it is taken away."""
    try:
        trap.rename(held)
    except FileNotFoundError:
        return
    while held.exists():
        time.sleep(0.005)


def _is_a(write: AnyWrite, wanted: str) -> bool:
    if isinstance(write, AppendEvents):
        return f'"type":"{wanted}"'.encode() in write.events
    return type(write).__name__ == wanted


class TrappedCommitter:
    """A Committer that waits with the commits and loses the acknowledgements for which there are traps."""

    def __init__(self, committer: Committer, traps: Traps) -> None:
        self._committer = committer
        self._traps = traps

    def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        """As the Committer says."""
        self._traps.wait_with(writes)
        lost = self._traps.take_acknowledgement(writes)
        results = self._committer.commit(writes)
        if lost is not None:
            raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, f"the acknowledgement of {lost} is lost", retryable=True)
        return results
