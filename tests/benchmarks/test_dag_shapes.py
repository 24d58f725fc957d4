"""What the benchmark says of its runs: ratios against the list schedule, INVALID where something is wrong."""

from __future__ import annotations

from benchmarks.dag_shapes import Case, cases, figures_of, run_once
from benchmarks.dag_workflows import TimedTask
from benchmarks.list_schedule import Task
from benchmarks.local import local_runtime
from benchmarks.measuring import Goal
from benchmarks.threads import ThreadTimes

SPENT = ThreadTimes(worked_ms=600, starved_ms=200)
CHAIN = Case("chain", [Task("a", 600), Task("b", 400, ("a",)), Task("c", 200)], 2)


def test_figures_name_the_ideal_and_the_bound() -> None:
    seconds, ratio = figures_of(CHAIN, [1.0, 1.02], "", SPENT)
    assert seconds.note == "list schedule 1.00 s, max(critical path, work/slots) 1.00 s"
    assert list(ratio.samples) == [1.0, 1.02]
    assert (ratio.valid, ratio.note) == (True, "worked 0.30 s, kept from a processor 0.10 s")


def test_the_ratio_has_the_goal() -> None:
    ratio = figures_of(CHAIN, [1.0, 1.05, 1.06], "", SPENT)[1]
    assert ratio.goal == Goal(1.03)
    assert not ratio.goal.met_by(ratio.median)


def test_a_run_that_does_not_count_is_no_figure() -> None:
    assert all("INVALID  2 rows" in figure.line() for figure in figures_of(CHAIN, [0.5], "2 rows", SPENT))


def test_each_case_takes_ten_to_twenty_five_seconds_at_best() -> None:
    found = list(cases())
    assert len(found) == 16
    assert all(9_900 <= case.ideal_ms <= 25_250 for case in found)


async def test_a_run_on_sqlite_counts_its_events_and_rows() -> None:
    """It can take longer than the ideal on any machine, but never less."""
    quick = Case("quick", [Task("a", 1), Task("b", 30, ("a",))], 1)
    with local_runtime(types=[TimedTask()]) as local:
        seconds, problem = await run_once(local, quick)
        wrong = await run_once(local, Case("quick", [Task("a", 1, ()), Task("b", 1, ("a",))], 1))
    assert problem == wrong[1] == ""
    assert seconds >= quick.ideal_ms / 1_000
