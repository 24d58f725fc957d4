"""Processor time of one piece of work in a process that ten thousand tests have used: theirs must not count."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def cpu_seconds(work: Callable[[], T], rounds: int = 1) -> tuple[float, T]:
    """``(seconds, result)``: the least of so many rounds, of this thread alone.

    Without collections: what other tests have left behind would be searched through in this one's time.
    """
    took: list[float] = []
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            began = time.thread_time()
            result = work()
            took.append(time.thread_time() - began)
    finally:
        if was_enabled:
            gc.enable()
    return min(took), result
