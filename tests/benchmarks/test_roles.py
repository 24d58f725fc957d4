"""Processes by their role: what works is counted, what has gone is not."""

from __future__ import annotations

import os

from benchmarks.roles import processor_seconds


def test_what_a_process_has_worked_only_grows() -> None:
    processes = {"this": [os.getpid()]}
    before = processor_seconds(processes)["this"]
    while processor_seconds(processes)["this"] == before:
        sum(range(10_000))
    assert processor_seconds(processes)["this"] > before


def test_a_process_that_has_gone_counts_as_nothing() -> None:
    assert processor_seconds({"gone": [2**22 + 1]}) == {"gone": 0.0}
