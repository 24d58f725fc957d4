"""Reads graphs of tasks from WfFormat, the JSON of the WfCommons project (schema 1.5 and 1.6). Its files, of real runs
(WfInstances) or made by the recipes of the package ``wfcommons``, are no part of this project.
"""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import TopologicalSorter
from typing import Any

from benchmarks.list_schedule import Dag, Task


def read_instance(document: Mapping[str, Any]) -> Dag:
    """Its tasks, each after those that it waits for. Raises ValueError for a file that has no tasks or no times."""
    workflow = document.get("workflow", {})
    specified = workflow.get("specification", {}).get("tasks")
    if not specified:
        raise ValueError("no workflow.specification.tasks: not WfFormat 1.5 or later")
    seconds = {task["id"]: task["runtimeInSeconds"] for task in workflow.get("execution", {}).get("tasks", ())}
    parents = {task["id"]: tuple(sorted(task.get("parents", ()))) for task in specified}
    untimed = parents.keys() - seconds.keys()
    if untimed:
        raise ValueError(f"{len(untimed)} tasks have no runtimeInSeconds, {min(untimed)} among them")
    order = TopologicalSorter(parents).static_order()
    return [Task(task_id, max(round(seconds[task_id] * 1_000), 1), parents[task_id]) for task_id in order]
