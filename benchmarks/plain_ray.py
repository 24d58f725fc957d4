"""Plain Ray tasks that do nothing, as a process: for each number that it reads it runs so many at once, and prints how
many seconds that took. What flowray's fan-outs are compared with; there is no flowray in it.
"""

from __future__ import annotations

import logging
import sys
import time

import ray


@ray.remote
def add_one(number: int) -> int:
    """Does as much as a node of the fan-out."""
    return number + 1


def main() -> None:
    """A Ray of its own with its defaults; ends with its standard input."""
    ray.init(include_dashboard=False, logging_level=logging.WARNING, log_to_driver=False)
    try:
        print("ready", flush=True)
        for line in sys.stdin:
            count = int(line)
            began = time.perf_counter()
            done = ray.get([add_one.remote(number) for number in range(count)])
            took = time.perf_counter() - began
            print(took if done == list(range(1, count + 1)) else "wrong", flush=True)
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
