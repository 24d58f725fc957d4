"""Traps for tests that kill one process at one crash point: which points have such a test, and proof that it died."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from flowray.runtime.crash_points import CrashPoint
from tests.cluster import FlowrayServer, eventually, is_gone
from tests.hostile.on_ray import traps_of
from tests.hostile.traps import Traps

FULL = os.environ.get("FLOWRAY_ACCEPTANCE_FULL") == "1"
LONG_S = 120.0

WITH_TEST: set[CrashPoint] = set()
"""Points that tests with ``killed_at`` claim for themselves."""


class Trap:
    """One trap. The test sets it; a test that ends before somebody has died there fails."""

    def __init__(self, point: CrashPoint, where: str) -> None:
        self.point = point
        self._where = where
        self._traps: Traps | None = None
        self.pid: int | None = None

    def set(self, server: FlowrayServer) -> None:
        """Whoever of this server gets there next dies there."""
        self._traps = traps_of(server.settings)
        self._traps.clear()
        self._traps.set(self.point, self._where)

    def wait(self) -> int:
        """Return once somebody has died there: SIGKILL, and its process is gone."""
        assert self._traps is not None, "the trap was never set"
        traps = self._traps
        pid: int = eventually(lambda: traps.sprung(self.point), LONG_S)
        eventually(lambda: is_gone(pid), LONG_S)
        self.pid = pid
        return pid

    def clear(self) -> None:
        """Take it away."""
        if self._traps is not None:
            self._traps.clear()


def killed_at(where: str, *points: CrashPoint, also: tuple[CrashPoint, ...] = ()) -> pytest.MarkDecorator:
    """The test takes a ``trap``, and runs once for each point; for those of ``also`` only when everything is run.

    ``where``: how the name of the actor begins that is to die there, or ``replica``.
    """
    claimed = {*points, *also}
    assert not claimed & WITH_TEST, f"{claimed & WITH_TEST} have a test already"
    WITH_TEST.update(claimed)
    chosen = (*points, *also) if FULL else points
    return pytest.mark.parametrize("trap", [pytest.param((point, where), id=point) for point in chosen], indirect=True)


@pytest.fixture
def trap(request: pytest.FixtureRequest) -> Iterator[Trap]:
    """The trap of a test with ``killed_at``."""
    found = Trap(*request.param)
    failed_before = request.session.testsfailed
    yield found
    found.clear()
    if request.session.testsfailed == failed_before:
        assert found.pid is not None, f"nobody is known to have died at {found.point}"
