"""What a process that runs for days asks of Python once it has loaded what it will need. No threads, no Ray."""

from __future__ import annotations

import gc

YOUNG = 10_000
"""New objects before the youngest are looked through for cycles. Python's 700 are those of ten attempts."""


def settle() -> None:
    """Leave what is loaded by now out of garbage collections: hundreds of thousands of objects that stay. To look
    through them takes 100 ms each time, in which no thread of the process goes on.
    """
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)
