"""R39: suspects run apart, the culprit's type for good; who merely was there goes back to the lanes."""

from __future__ import annotations

import logging

import pytest

from flowray.handlers.node_task import NodeTask
from flowray.runtime import lane_blame
from flowray.runtime.lane_blame import DEATHS, KILLS, LaneBlame


def task(instance: str, node_type: str = "http", attempt: int = 1) -> NodeTask:
    return NodeTask(execution_id="e1", instance=instance, node_id=instance, node_type=node_type, attempt=attempt)


def test_r39_what_was_there_when_a_second_lane_died_runs_apart() -> None:
    blame = LaneBlame()
    for attempt in range(1, DEATHS + 1):
        assert not blame.is_apart(task("a"))
        blame.lane_died([("e1", "a", attempt), ("e1", f"other-{attempt}", 1)])
    assert blame.is_apart(task("a"))
    assert not blame.is_apart(task("other-1"))
    assert not blame.is_apart(task("new"))


def test_r39_who_survives_is_no_suspect() -> None:
    blame = LaneBlame()
    for attempt in range(DEATHS):
        blame.lane_died([("e1", "a", attempt), ("e2", "a", attempt)])
    blame.ended(("e1", "a", 3))
    assert not blame.is_apart(task("a"))
    blame.drop("e2")
    blame.lane_died([("e1", "a", 4)])
    assert not blame.is_apart(task("a"))


def test_r39_a_type_that_kills_its_own_process_twice_stays_apart(caplog: pytest.LogCaptureFixture) -> None:
    blame = LaneBlame()
    blame.process_died(task("never suspected", "calm"))
    for number in range(KILLS):
        for attempt in range(DEATHS):
            blame.lane_died([("e1", f"n{number}", attempt)])
        assert blame.forced_types() == []
        with caplog.at_level(logging.WARNING):
            blame.process_died(task(f"n{number}", "bomb"))
    assert blame.forced_types() == ["bomb"]
    assert blame.is_apart(task("somewhere else", "bomb"))
    assert not blame.is_apart(task("somewhere else", "calm"))
    assert [record.getMessage() for record in caplog.records] == [
        "flowray: nodes of type bomb have killed 2 processes; they run as tasks from now on"
    ]


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_blame, "REMEMBERED", 10)
    blame = LaneBlame()
    for _ in range(DEATHS):
        blame.lane_died([("e1", "old", 1)])
    blame.lane_died([("e1", f"n{number}", 1) for number in range(10)])
    assert not blame.is_apart(task("old"))
