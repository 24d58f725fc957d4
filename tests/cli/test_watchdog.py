"""The watchdog with servers and a clock of the test's own: what is started again, how often, and what never is."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

import pytest

from flowray.cli import watchdog as module
from flowray.cli.watchdog import (
    EXIT_RAY_DIED,
    LONGEST_DELAY_S,
    MAX_RESTARTS,
    STEADY_S,
    ServerProcess,
    Watchdog,
    how,
    tell_up,
    watch,
)


class Life:
    """A server that lives for ``seconds`` and ends with ``code``."""

    def __init__(
        self, code: int, seconds: float = 10, up: bool = True, stopped: Callable[[], None] | None = None
    ) -> None:
        self.code, self.seconds, self.up = code, seconds, up
        self.when_waited = stopped
        self.stops = 0

    def wait(self) -> int:
        Nature.now += self.seconds
        if self.when_waited is not None:
            self.when_waited()
        return self.code

    def was_up(self) -> bool:
        return self.up

    def stop(self) -> None:
        self.stops += 1


class Nature:
    """The clock, and what has been said and waited."""

    now = 0.0

    def __init__(self, *lives: Life) -> None:
        Nature.now = 0.0
        self.lives = list(lives)
        self.again: list[bool] = []
        self.said: list[str] = []
        self.waits: list[float] = []
        self.watchdog = Watchdog(self._start, self.said.append, self._wait, lambda: Nature.now)

    def _start(self, again: bool) -> Life:
        self.again.append(again)
        return self.lives.pop(0)

    def _wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return self.watchdog._stopping.is_set()


def test_what_is_stopped_in_order_is_not_started_again() -> None:
    nature = Nature(Life(0))
    assert (nature.watchdog.run(), nature.again, nature.said) == (0, [False], [])


def test_what_never_came_up_is_not_started_again() -> None:
    """A wrong database URL does not get better."""
    nature = Nature(Life(1, up=False))
    assert (nature.watchdog.run(), nature.again, nature.said) == (1, [False], [])


def test_a_dead_ray_is_started_again_under_the_same_address() -> None:
    nature = Nature(Life(EXIT_RAY_DIED), Life(-signal.SIGABRT), Life(0))
    assert nature.watchdog.run() == 0
    assert (nature.again, nature.waits) == ([False, True, True], [1, 2])
    assert nature.said == [
        "Ray has died; restart 1 of 10 in 1 s; executions go on then",
        "the server has died (SIGABRT); restart 2 of 10 in 2 s; executions go on then",
    ]


def test_a_restart_may_fail_and_is_tried_again() -> None:
    """The database, or the port of the Ray that died, may be away for a while."""
    nature = Nature(Life(EXIT_RAY_DIED), Life(1, up=False), Life(0))
    assert (nature.watchdog.run(), nature.again) == (0, [False, True, True])


def test_restarts_are_bounded() -> None:
    nature = Nature(*(Life(EXIT_RAY_DIED) for _ in range(MAX_RESTARTS + 1)))
    assert nature.watchdog.run() == 1
    assert nature.said[-1] == "the server has died 11 times in a row; it is not started again"
    assert nature.waits == [1, 2, 4, 8, 16, *[LONGEST_DELAY_S] * 5]


def test_a_steady_server_has_its_restarts_back() -> None:
    lives = [Life(EXIT_RAY_DIED, STEADY_S) for _ in range(3 * MAX_RESTARTS)]
    nature = Nature(*lives, Life(0))
    assert nature.watchdog.run() == 0
    assert set(nature.waits) == {1}


def test_a_stop_ends_the_server_and_all_restarts() -> None:
    nature = Nature()
    life = Life(-signal.SIGTERM, stopped=lambda: nature.watchdog.stop())
    nature.lives = [life]
    assert (nature.watchdog.run(), life.stops) == (-signal.SIGTERM, 1)
    nature = Nature(Life(EXIT_RAY_DIED))
    nature.watchdog._wait = lambda seconds: True
    assert nature.watchdog.run() == 0


def test_exit_codes_in_words() -> None:
    assert [how(3), how(-9), how(-250)] == ["exit code 3", "SIGKILL", "signal 250"]


def test_a_process_tells_that_it_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import os,sys; os.write(int(sys.argv[sys.argv.index('--up-fd')+1]), b'1') if '--good' in sys.argv else 0"
    real = module.subprocess.Popen

    def popen(command: list[str], **options: object) -> object:
        return real([sys.executable, "-c", program, *command[3:]], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(module.subprocess, "Popen", popen)
    good, bad = ServerProcess(["--good"]), ServerProcess([])
    assert (good.wait(), good.was_up(), bad.wait(), bad.was_up()) == (0, True, 0, False)
    good.stop()
    assert watch([], lambda text: None) == 0
    tell_up(None)
