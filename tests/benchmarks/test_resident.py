"""Memory of processes, by this one."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.resident import Peak, actors, family, peak, proportional_mib, resident_mib


def test_a_family_is_a_process_and_what_it_has_started() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert {os.getpid(), child.pid} <= set(family(os.getpid()))
        assert child.stdin is not None
        child.stdin.close()


def test_what_is_shared_counts_once_or_for_each() -> None:
    me = [os.getpid()]
    assert 1 < proportional_mib(me) <= resident_mib(me)


def test_a_process_that_has_ended_has_no_memory() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert resident_mib([gone.pid]) == proportional_mib([gone.pid]) == 0


def test_no_actors_without_ray() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert actors(child.pid) == 0
        assert child.stdin is not None
        child.stdin.close()


def test_growth_is_of_the_most_that_was_seen() -> None:
    with peak(os.getpid()) as seen:
        kept = bytearray(64 * 1024 * 1024)
        kept[::4_096] = b"x" * len(kept[::4_096])
        Peak.look(seen)
        del kept
    assert seen.growth > 32
