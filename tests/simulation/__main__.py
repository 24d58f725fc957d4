"""``python -m tests.simulation --seeds N [--start S]``: plays seeds, prints what broke and the seed that replays it."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections import Counter

from tests.simulation.coverage import CONSTRUCTS
from tests.simulation.world import simulate


def main() -> int:
    """Play the seeds; 1 if any law was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000, help="how many")
    parser.add_argument("--start", type=int, default=None, help="the first seed; a fresh one if left out")
    parser.add_argument("--tell", action="store_true", help="print what happened, for replaying one seed")
    options = parser.parse_args()
    start = secrets.randbelow(10**12) if options.start is None else options.start
    steps, broken, compared = 0, 0, 0
    began, used = time.perf_counter(), time.process_time()
    statuses: Counter[str] = Counter()
    reached: Counter[str] = Counter()
    for seed in range(start, start + options.seeds):
        report = simulate(seed, options.tell)
        steps += report.steps
        compared += report.compared
        statuses.update(report.statuses)
        reached.update(report.reached)
        if options.tell:
            print(*report.story, sep="\n")
        if report.violations:
            broken += 1
            print(f"seed {seed} breaks {len(report.violations)} laws; replay: python -m tests.simulation "
                  f"--seeds 1 --start {seed} --tell", *report.violations[:5], sep="\n  ", flush=True)  # fmt: skip
    took, used = max(time.perf_counter() - began, 1e-9), max(time.process_time() - used, 1e-9)
    print(
        f"seeds {start} to {start + options.seeds - 1}: {broken} with violations; "
        f"{options.seeds / took:.0f} seeds/s and {steps / took:.0f} steps/s "
        f"({options.seeds / used:.0f} and {steps / used:.0f} per CPU second); "
        f"{compared} executions held against the reference; ended {dict(sorted(statuses.items()))}"
    )
    print("reached by so many seeds:", ", ".join(f"{what} {reached[what]}" for what in sorted(CONSTRUCTS)))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
