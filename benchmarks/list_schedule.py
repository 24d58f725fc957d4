"""What a graph of tasks takes on so many slots if nothing but the tasks takes time: a list schedule. Runs nothing.

The list is flowray's ready queue: whatever became ready first starts first, in any free slot (rule R13). Tasks that
become ready at once do so in the order of the graph.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """``ms`` is how long it takes, on one slot; ``after``: the ids of the tasks that it waits for, all of them."""

    id: str
    ms: int
    after: tuple[str, ...] = ()


Dag = Sequence[Task]
"""Tasks after those that they wait for. Their order decides ties."""


@dataclass(frozen=True)
class Schedule:
    """When each task starts, ms from the start of the whole, in the order in which they start; when the last ends."""

    starts: Mapping[str, int]
    makespan_ms: int


def list_schedule(dag: Dag, slots: int) -> Schedule:
    """Run it on a clock of its own. Raises ValueError without a slot, and if a task waits for itself or for none."""
    if slots < 1:
        raise ValueError(f"{slots} slots run nothing")
    lengths = {task.id: task.ms for task in dag}
    missing = {task.id: len(task.after) for task in dag}
    followers: dict[str, list[str]] = {task.id: [] for task in dag}
    for task in dag:
        for feeder in task.after:
            if feeder not in followers:
                raise ValueError(f"{task.id} waits for {feeder}, which is none of the tasks")
            followers[feeder].append(task.id)

    ready = deque(task.id for task in dag if not task.after)
    running: list[tuple[int, int, str]] = []
    starts: dict[str, int] = {}
    now = 0
    while True:
        while ready and len(running) < slots:
            started = ready.popleft()
            # Of two that end at the same time, the one that started first is heard first.
            heapq.heappush(running, (now + lengths[started], len(starts), started))
            starts[started] = now
        if not running:
            break
        now, _, ended = heapq.heappop(running)
        for follower in followers[ended]:
            missing[follower] -= 1
            if not missing[follower]:
                ready.append(follower)
    if len(starts) < len(dag):
        raise ValueError(f"{len(dag) - len(starts)} tasks wait for themselves")
    return Schedule(starts, now)


def work_ms(dag: Dag) -> int:
    """What all tasks take on one slot."""
    return sum(task.ms for task in dag)


def critical_path_ms(dag: Dag) -> int:
    """What they take on as many slots as there are tasks: the longest way through the graph."""
    ends: dict[str, int] = {}
    for task in dag:
        ends[task.id] = task.ms + max((ends[feeder] for feeder in task.after), default=0)
    return max(ends.values(), default=0)


def lower_bound_ms(dag: Dag, slots: int) -> float:
    """No schedule whatever is shorter than this."""
    return max(critical_path_ms(dag), work_ms(dag) / slots)


def depths(dag: Dag) -> dict[str, int]:
    """How many tasks lie on the longest way to each, itself included."""
    found: dict[str, int] = {}
    for task in dag:
        found[task.id] = 1 + max((found[feeder] for feeder in task.after), default=0)
    return found
