"""The runtime in a world of faults: fresh seeds each run, and proof that they reach what they are there to reach."""

from __future__ import annotations

import secrets
import time

import pytest

from tests.simulation.coverage import CONSTRUCTS
from tests.simulation.outside import FAULTS
from tests.simulation.world import Report, World, simulate

FRESH_SEEDS = 2_000
BOX_S = 50.0
MOST_SEEDS = 2_000
"""In which everything must be reached; 500 nearly always are enough."""


def test_fresh_seeds_break_no_law(capsys: pytest.CaptureFixture[str]) -> None:
    """L1, L2, L3, L7, L8: 2,000 seeds that nobody has seen, or as many as the time box holds on a busy machine."""
    start = secrets.randbelow(10**12)
    began, played, steps, compared = time.perf_counter(), 0, 0, 0
    broken: list[Report] = []
    for seed in range(start, start + FRESH_SEEDS):
        report = simulate(seed)
        played, steps, compared = played + 1, steps + report.steps, compared + report.compared
        if report.violations:
            broken.append(report)
        if time.perf_counter() - began > BOX_S:
            break
    took = time.perf_counter() - began
    with capsys.disabled():
        print(f"\nsimulation: {played} seeds from {start}, {steps / took:.0f} steps/s, {len(broken)} with violations")
    replay = "python -m tests.simulation --seeds 1 --tell --start"
    assert not broken, "\n".join(f"{replay} {report.seed}: {report.violations[:3]}" for report in broken)
    assert compared > played / 2, "most executions are held against the reference"


@pytest.mark.parametrize(
    "seed",
    [90046402, 90041622, 90027759, 180001016, 180004093, 180009374, 616268269953, 86208726269, 901008434,
     1010031682, 1010015883, 1020045003],
    ids=[
        "claim overtaken", "adopted unheard", "left behind", "adopted twice", "claim repeated", "pruned first result",
        "lane lost unheard", "number given again", "cancelled twice", "folded before it began",
        "pruned what it ends with", "pruned what it ends with, deeper",
    ],
)  # fmt: skip
def test_seeds_that_found_something_stay_clean(seed: int) -> None:
    """Each broke a law once."""
    assert simulate(seed, computes=False).violations == []


@pytest.mark.parametrize("seed", range(12))
def test_the_same_seed_gives_the_same_log(seed: int) -> None:
    first, second = simulate(seed), simulate(seed)
    assert (first.digest, first.steps, first.statuses) == (second.digest, second.steps, second.statuses)
    assert first.digest != simulate(seed + 1_000).digest


def test_every_fault_and_every_construct_is_really_reached() -> None:
    """Without these, a clean run would say nothing."""
    seen: set[str] = set()
    wanted = {*FAULTS, *CONSTRUCTS, "lost its lease", "two owners", "attempt again", "cancelled"}
    for seed in range(MOST_SEEDS):
        world = World(seed, tell=True)
        seen |= world.play().reached
        story = "\n".join(world.story or [])
        seen |= {word for word in (*FAULTS, "lost its lease") if word in story}
        for run in world.runs:
            known = world.ledger.of(run.id)
            seen |= {"two owners"} if known.epoch > 1 else set()
            seen |= {"attempt again"} if any(attempt > 1 for _, attempt in known.started) else set()
            seen |= {"cancelled"} if run.cancelled else set()
        if seen >= wanted:
            return
    assert not wanted - seen, f"never reached: {sorted(wanted - seen)}"


def test_a_dead_process_does_nothing_more() -> None:
    world = World(0)
    process = world.slots[0]
    process.die()
    done: list[int] = []
    world.later(0, process, lambda: done.append(1))
    world.run_nested(world.now + 10)
    assert done == []
