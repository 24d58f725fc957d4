"""How memory grows with size (R16): by what Python allocates, which is the same on every machine. No wall clock."""

from __future__ import annotations

from benchmarks.engine_core import loop, parallel, peak_bytes

BRANCHES = 2_000


def test_a_parallel_costs_memory_for_what_runs_and_for_what_was_returned() -> None:
    """The plan is not copied per branch, and a branch that has ended leaves only its result."""
    peak_bytes(parallel(10, 10), 10)  # what the first run of all allocates for good
    narrow = peak_bytes(parallel(BRANCHES, 10), BRANCHES)
    wide = peak_bytes(parallel(BRANCHES, BRANCHES), BRANCHES)
    half = peak_bytes(parallel(BRANCHES // 2, 10), BRANCHES // 2)
    assert (narrow - half) / (BRANCHES // 2) < 500, "bytes for a branch that has returned an object of one key"
    assert 500 < (wide - narrow) / BRANCHES < 4_000, "bytes for a branch that runs"


def test_a_loop_keeps_its_results_and_one_round() -> None:
    peak_bytes(loop(10), 10)
    half, whole = peak_bytes(loop(BRANCHES // 2), BRANCHES // 2), peak_bytes(loop(BRANCHES), BRANCHES)
    assert (whole - half) / (BRANCHES // 2) < 500
