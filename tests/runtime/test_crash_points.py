"""An owner dies each time it gets to any of the crash points: nothing is lost, what is committed runs once (L1, L2).

On the real runtime, with SIGKILL: tests/integration/test_crash_points.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from flowray.runtime.crash_points import CrashPoint, reached, watch
from tests.rules.source import PACKAGE
from tests.runtime.harness import Killed
from tests.runtime.test_crashes import Simulation

_POINT = re.compile(r"CrashPoint\.([A-Z_]+)")

DRIVING = {
    CrashPoint.START_ASKED, CrashPoint.START_DURABLE, CrashPoint.DISPATCH, CrashPoint.COMMIT_SENT,
    CrashPoint.COMMIT_DURABLE, CrashPoint.COMMIT_TOLD, CrashPoint.END_DURABLE, CrashPoint.TIMER_DUE,
}  # fmt: skip
"""Where a quiet run gets: the others are in lanes, in roles of their own, or need an answer or a death first."""


@contextmanager
def killed_at(hit: int | None = None) -> Iterator[list[CrashPoint]]:
    """Yields the points in the order in which they are reached; at the ``hit``-th, the owner dies."""
    passed: list[CrashPoint] = []

    def watcher(point: CrashPoint) -> None:
        passed.append(point)
        if len(passed) == hit:
            raise Killed

    end = watch(watcher)
    try:
        yield passed
    finally:
        end()


def points_of_a_quiet_run() -> list[CrashPoint]:
    with killed_at() as passed:
        Simulation().run(None)
    return passed


PASSED = points_of_a_quiet_run()


def test_a_quiet_run_passes_all_points_of_an_owner_that_drives() -> None:
    assert set(PASSED) == DRIVING
    assert PASSED[:2] == [CrashPoint.START_ASKED, CrashPoint.START_DURABLE]
    assert PASSED.count(CrashPoint.END_DURABLE) == 1


@pytest.mark.parametrize("hit", range(3, len(PASSED) + 1), ids=lambda hit: f"{hit}-{PASSED[hit - 1].value}")
def test_l1_l2_killed_where_it_is(hit: int) -> None:
    """From the first commit on: before it there is no execution yet, and its caller asks again."""
    simulation = Simulation()
    with killed_at(hit) as passed:
        simulation.run(None)
    assert passed[hit - 1] is PASSED[hit - 1]
    simulation.check()
    for key in simulation.committed_at_kill:
        assert simulation.effects[key] <= 1, f"{key} ran again although its result was committed"


def test_the_code_gets_to_every_point_that_has_a_name() -> None:
    calls = [call for path in PACKAGE.rglob("*.py") for call in re.findall(r"reached\(([^()]*)\)", path.read_text())]
    named = {name for call in calls for name in _POINT.findall(call)}
    assert named == {point.name for point in CrashPoint}


def test_nothing_happens_at_a_point_that_nobody_watches() -> None:
    with killed_at() as passed:
        reached(CrashPoint.DISPATCH)
    reached(CrashPoint.DISPATCH)
    assert passed == [CrashPoint.DISPATCH]
