"""Instances in the JSON of WfCommons."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.list_schedule import Task
from benchmarks.wf_format import read_instance

SPECIFIED = [
    {"name": "join", "id": "join_3", "parents": ["part_2", "part_1"], "children": []},
    {"name": "part", "id": "part_1", "parents": [], "children": ["join_3"]},
    {"name": "part", "id": "part_2", "parents": [], "children": ["join_3"]},
]


def document(specified: Any = SPECIFIED, **seconds: float) -> dict[str, Any]:
    timed = [{"id": task_id, "runtimeInSeconds": value} for task_id, value in seconds.items()]
    return {"schemaVersion": "1.5", "workflow": {"specification": {"tasks": specified}, "execution": {"tasks": timed}}}


def test_tasks_come_after_those_they_wait_for() -> None:
    found = read_instance(document(join_3=0.0001, part_1=1.25, part_2=2))
    assert sorted(found[:2], key=lambda task: task.id) == [Task("part_1", 1_250), Task("part_2", 2_000)]
    assert found[2] == Task("join_3", 1, ("part_1", "part_2"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (document(part_1=1), "2 tasks have no runtimeInSeconds, join_3 among them"),
        ({"workflow": {"jobs": []}}, "not WfFormat 1.5 or later"),
    ],
)
def test_a_file_that_does_not_say_it_all_is_refused(given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_instance(given)
