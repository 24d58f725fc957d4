"""Commands are plain values that compare by content."""

from __future__ import annotations

from flowray.engine.commands import RunNode, StartTimer
from tests.engine.harness import START_MS, Run
from tests.engine.plans import PlanMaker


def test_a_start_asks_to_run_the_start_nodes_and_sets_the_clock() -> None:
    played = Run(PlanMaker(timeout_ms=9_000).node("a").node("b").build()).start()
    assert played.commands == [
        StartTimer("execution", START_MS + 9_000),
        RunNode("a", "a", attempt=1, tries=1),
        RunNode("b", "b", attempt=1, tries=1),
    ]
