"""Keeps a server process up: when it dies, or says that Ray has, it is started again. Imports no Ray: outlives it.

What was acknowledged is in the database: the executions go on with the next start. Restarts are bounded, so that what
cannot be mended by them is seen.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

EXIT_RAY_DIED = 75
"""How a server process ends that has lost its Ray (``EX_TEMPFAIL``)."""

MAX_RESTARTS = 10
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 30.0
STEADY_S = 300.0
"""A server that was up for so long has its restarts back."""

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_PR_SET_PDEATHSIG = 1

Report = Callable[[str], None]


class Server(Protocol):
    """A server process."""

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        ...

    def was_up(self) -> bool:
        """Whether it has ever answered."""
        ...

    def stop(self) -> None:
        """Ask it to end."""
        ...


class Watchdog:
    """One server at a time. ``start(again)`` starts a process; ``again`` is False for the first one. ``wait(seconds)``
    between two is True if it was stopped meanwhile.
    """

    def __init__(
        self,
        start: Callable[[bool], Server],
        report: Report,
        wait: Callable[[float], bool] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._start = start
        self._report = report
        self._monotonic = monotonic
        self._server: Server | None = None
        self._stopping = threading.Event()
        self._wait: Callable[[float], bool] = wait or self._stopping.wait

    def run(self) -> int:
        """The exit code: 0 if it was stopped, the server's own if it never came up, 1 if it does not stay up."""
        restarts, again = 0, False
        while True:
            began = self._monotonic()
            self._server = self._start(again)
            if self._stopping.is_set():
                self._server.stop()
            code = self._server.wait()
            if code == 0 or self._stopping.is_set():
                return code
            if not again and not self._server.was_up():
                return code  # It said why; the next one would say the same.
            again = True
            restarts = 0 if self._monotonic() - began >= STEADY_S else restarts
            if restarts == MAX_RESTARTS:
                self._report(f"the server has died {restarts + 1} times in a row; it is not started again")
                return 1
            restarts += 1
            delay_s = min(FIRST_DELAY_S * 2 ** (restarts - 1), LONGEST_DELAY_S)
            what = "Ray has died" if code == EXIT_RAY_DIED else f"the server has died ({how(code)})"
            self._report(f"{what}; restart {restarts} of {MAX_RESTARTS} in {delay_s:.0f} s; executions go on then")
            if self._wait(delay_s):
                return 0

    def stop(self) -> None:
        """End the server, and start no other. To be called by a signal handler."""
        self._stopping.set()
        if self._server is not None:
            self._server.stop()


def how(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    return signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"


class ServerProcess:
    """``flowray serve --no-watchdog`` with ``arguments``, in a process of its own that ends with this one."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._reading, writing = os.pipe()
        os.set_blocking(self._reading, False)
        command = [sys.executable, "-m", "flowray.cli.main", "serve", "--no-watchdog", "--up-fd", str(writing)]
        try:
            self._process = subprocess.Popen([*command, *arguments], pass_fds=[writing])
        finally:
            os.close(writing)

    def wait(self) -> int:
        """Its exit code."""
        return self._process.wait()

    def was_up(self) -> bool:
        """It says so through a pipe, which nobody else reads."""
        try:
            return bool(os.read(self._reading, 1))
        except BlockingIOError:
            return False
        finally:
            os.close(self._reading)

    def stop(self) -> None:
        """SIGTERM; it may have had the terminal's SIGINT already, and takes the first of both."""
        if self._process.poll() is None:
            self._process.terminate()


def watch(arguments: Sequence[str], report: Report) -> int:
    """Keep a server up until a signal says otherwise. ``arguments`` are those of every start."""

    def start(again: bool) -> Server:
        return ServerProcess([*arguments, "--restarted"] if again else arguments)

    watchdog = Watchdog(start, report)
    before = {number: signal.signal(number, lambda *_: watchdog.stop()) for number in STOP_SIGNALS}
    try:
        return watchdog.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_with_parent() -> None:
    """Have the system send this process SIGTERM when its parent dies, however that dies, where it can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))


def tell_up(descriptor: int | None) -> None:
    """Tell the watchdog that requests are answered."""
    if descriptor is not None:
        os.write(descriptor, b"1")
        os.close(descriptor)
