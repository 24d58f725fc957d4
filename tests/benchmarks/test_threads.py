"""The kernel's account of threads."""

from __future__ import annotations

import threading

from benchmarks.threads import ThreadTimes, thread_times


def test_what_was_added() -> None:
    assert ThreadTimes(5, 3).since(ThreadTimes(2, 1)) == ThreadTimes(3, 2)


def test_this_thread_has_worked() -> None:
    name = threading.current_thread().name
    before = thread_times()[name]
    sum(range(2_000_000))
    assert thread_times()[name].since(before).worked_ms > 1
