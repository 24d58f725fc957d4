"""List schedules computed by hand, and the bounds that hold for all."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from benchmarks.list_schedule import (
    Dag,
    Schedule,
    Task,
    critical_path_ms,
    depths,
    list_schedule,
    lower_bound_ms,
    work_ms,
)

DIAMOND = [Task("a", 2), Task("b", 3, ("a",)), Task("c", 5, ("a",)), Task("d", 1, ("b", "c"))]


@pytest.mark.parametrize(
    ("slots", "starts", "makespan"),
    [(1, {"a": 0, "b": 2, "c": 5, "d": 10}, 11), (2, {"a": 0, "b": 2, "c": 2, "d": 7}, 8)],
)
def test_a_diamond(slots: int, starts: dict[str, int], makespan: int) -> None:
    assert list_schedule(DIAMOND, slots) == Schedule(starts, makespan)


def test_r13_what_became_ready_first_starts_first_however_long_it_is() -> None:
    """The long one at the end makes it 4 + 6, although 6 would do with another order."""
    dag = [Task("x", 4), Task("y", 4), Task("long", 6)]
    assert list_schedule(dag, 2) == Schedule({"x": 0, "y": 0, "long": 4}, 10)


def test_one_that_becomes_ready_later_waits_behind_those_that_wait_already() -> None:
    dag = [Task("a", 1), Task("b", 5), Task("c", 5), Task("after_a", 1, ("a",))]
    assert list_schedule(dag, 1).starts == {"a": 0, "b": 1, "c": 6, "after_a": 11}


def test_of_two_that_end_at_once_the_one_that_started_first_is_heard_first() -> None:
    """``late`` starts at 1 and ends with ``early`` at 4: what follows on ``early`` takes the first free slot."""
    dag = [
        Task("early", 4), Task("short", 1), Task("late", 3),
        Task("after_late", 1, ("late",)), Task("after_early", 1, ("early",)),
    ]  # fmt: skip
    assert list(list_schedule(dag, 2).starts) == ["early", "short", "late", "after_early", "after_late"]


def test_a_task_of_no_length_takes_a_slot_for_no_time() -> None:
    assert list_schedule([Task("a", 0), Task("b", 0, ("a",)), Task("c", 7, ("b",))], 1).makespan_ms == 7


def test_figures_of_the_diamond() -> None:
    assert (work_ms(DIAMOND), critical_path_ms(DIAMOND)) == (11, 8)
    assert [lower_bound_ms(DIAMOND, slots) for slots in (1, 2)] == [11, 8]
    assert depths(DIAMOND) == {"a": 1, "b": 2, "c": 2, "d": 3}


def test_nothing_takes_no_time() -> None:
    assert (list_schedule([], 1), critical_path_ms([])) == (Schedule({}, 0), 0)


@pytest.mark.parametrize(
    ("dag", "slots", "message"),
    [
        ([Task("a", 1)], 0, "0 slots run nothing"),
        ([Task("a", 1, ("b",))], 1, "a waits for b, which is none of the tasks"),
        ([Task("a", 1, ("b",)), Task("b", 1, ("a",))], 1, "2 tasks wait for themselves"),
    ],
)
def test_what_cannot_be_scheduled_is_said(dag: Dag, slots: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list_schedule(dag, slots)


@some.composite
def dags(draw: some.DrawFn) -> Dag:
    """Any graph of up to twelve tasks."""
    tasks: list[Task] = []
    for number in range(draw(some.integers(1, 12))):
        after = draw(some.sets(some.sampled_from([task.id for task in tasks]))) if tasks else set()
        tasks.append(Task(f"t{number}", draw(some.integers(0, 9)), tuple(sorted(after))))
    return tasks


@given(dag=dags(), slots=some.integers(1, 5))
def test_no_schedule_is_below_its_bound_or_above_all_the_work(dag: Dag, slots: int) -> None:
    """Nor above Graham's bound for list schedules: work/slots + (1 - 1/slots) of the critical path."""
    found = list_schedule(dag, slots)
    work, path = work_ms(dag), critical_path_ms(dag)
    assert lower_bound_ms(dag, slots) <= found.makespan_ms <= work
    assert found.makespan_ms <= work / slots + (1 - 1 / slots) * path + 1e-9
    assert list_schedule(dag, 1).makespan_ms == work
    assert list_schedule(dag, len(dag)).makespan_ms == path


@given(dag=dags(), slots=some.integers(1, 5))
def test_every_task_starts_once_after_its_feeders_and_never_too_many_run(dag: Dag, slots: int) -> None:
    starts = list_schedule(dag, slots).starts
    ends = {task.id: starts[task.id] + task.ms for task in dag}
    assert len(starts) == len(dag)
    assert all(starts[task.id] >= ends[feeder] for task in dag for feeder in task.after)
    assert all(one <= other for one, other in pairwise(starts.values()))
    for moment in starts.values():
        assert sum(starts[task.id] <= moment < ends[task.id] for task in dag) <= slots
