"""What the threads of this process did with their time, by the kernel's account: worked, or waited for a processor."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ThreadTimes:
    """Milliseconds on a processor, and milliseconds ready to run without one: what other work on the machine took."""

    worked_ms: float
    starved_ms: float

    def since(self, before: ThreadTimes) -> ThreadTimes:
        """What was added."""
        return ThreadTimes(self.worked_ms - before.worked_ms, self.starved_ms - before.starved_ms)


def thread_times() -> Mapping[str, ThreadTimes]:
    """Thread name to times, of the living. Threads of one name count together."""
    found: dict[str, ThreadTimes] = {}
    for thread in threading.enumerate():
        worked, starved, _ = Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text().split()
        known = found.get(thread.name, ThreadTimes(0.0, 0.0))
        found[thread.name] = ThreadTimes(
            known.worked_ms + int(worked) / 1e6, known.starved_ms + int(starved) / 1e6
        )  # fmt: skip
    return found
