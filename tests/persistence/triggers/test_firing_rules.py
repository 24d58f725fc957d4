"""What becomes of firings, decided without a store."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from flowray.persistence.records.triggers import FiringRecord, TriggerRecord
from flowray.persistence.triggers.firing_rules import decide, may_tick, registered, replaced
from flowray.persistence.writes.triggers import FireTrigger, SaveTrigger

TRIGGER = TriggerRecord(id="t", workflow_id="wf", kind="schedule", enabled=True, next_fire_at=100, revision=3)


def rows(*keys: str) -> tuple[FiringRecord, ...]:
    return tuple(FiringRecord(trigger_id="t", fire_key=key, execution_id=key) for key in keys)


@pytest.mark.parametrize(
    ("overlap", "active", "queued", "expected"),
    [
        ("allow", 5, 0, ["starting", "starting", "starting"]), ("cancelOther", 5, 0, ["starting"] * 3),
        ("skip", 0, 0, ["starting", "skipped", "skipped"]), ("skip", 1, 0, ["skipped"] * 3),
        ("queue", 0, 0, ["starting", "queued", "queued"]), ("queue", 1, 1, ["queued", "skipped", "skipped"]),
        ("queue", 0, 1, ["queued", "skipped", "skipped"]),
    ],
)  # fmt: skip
def test_overlap(overlap: str, active: int, queued: int, expected: list[str]) -> None:
    write = FireTrigger(trigger_id="t", firings=rows("a", "b", "c"), overlap=overlap, max_queued=2)
    decided = decide(TRIGGER, write, write.firings, active, queued, 7)
    assert [row.status for row in decided] == expected
    assert {(row.workflow_id, row.kind, row.fired_at) for row in decided} == {("wf", "schedule", 7)}
    assert all((row.retry_at is not None) == (row.status == "starting") for row in decided)
    assert all(row.holds == (row.status == "starting" and overlap != "allow") for row in decided)


def test_a_missed_tick_stays_skipped() -> None:
    missed = msgspec.structs.replace(rows("a")[0], status="skipped", reason="missed")
    [row] = decide(TRIGGER, FireTrigger(trigger_id="t", firings=(missed,)), (missed,), 0, 0, 7)
    assert (row.status, row.reason, row.retry_at) == ("skipped", "missed", None)


@pytest.mark.parametrize(
    ("change", "now", "expected"),
    [
        ({}, 100, True), ({}, 99, False), ({"enabled": False}, 100, False), ({"next_fire_at": 101}, 101, False),
        ({"revision": 4}, 100, False),
    ],
)  # fmt: skip
def test_a_tick_counts_only_as_it_was_planned_and_once_it_has_come(
    change: dict[str, Any], now: int, expected: bool
) -> None:
    write = FireTrigger(trigger_id="t", firings=rows("a"), revision=3, expected_at=100, next_at=200)
    assert may_tick(msgspec.structs.replace(TRIGGER, **change), write, now) is expected


def test_a_registered_trigger_keeps_what_is_not_the_nodes() -> None:
    given = TriggerRecord(
        id="new", workflow_id="wf", kind="schedule", config={"every": "1s"}, next_fire_at=500, node_id="n"
    )
    first = registered(None, given, 9)
    assert (first.enabled, first.next_fire_at, first.created_at, first.id) == (False, None, 9, "new")
    on = msgspec.structs.replace(first, enabled=True, secret="s", next_fire_at=300, id="old")
    assert registered(on, given, 10) is on
    renamed = registered(on, msgspec.structs.replace(given, name="N"), 10)
    assert (renamed.next_fire_at, renamed.revision, renamed.id, renamed.secret) == (300, 2, "old", "s")
    rescheduled = registered(on, msgspec.structs.replace(given, config={"every": "2s"}), 10)
    assert (rescheduled.next_fire_at, rescheduled.enabled) == (500, True)
    off = msgspec.structs.replace(on, enabled=False, next_fire_at=None)
    assert registered(off, msgspec.structs.replace(given, config={"every": "2s"}), 10).next_fire_at is None


def test_a_change_does_not_undo_what_the_schedule_did_meanwhile() -> None:
    wanted = msgspec.structs.replace(TRIGGER, name="N", next_fire_at=50)
    ticked = msgspec.structs.replace(TRIGGER, next_fire_at=200, last_fired_at=100)
    changed = replaced(ticked, SaveTrigger(record=wanted, expected_revision=3))
    assert changed is not None
    assert (changed.name, changed.next_fire_at, changed.last_fired_at, changed.revision) == ("N", 200, 100, 4)
    assert replaced(changed, SaveTrigger(record=wanted, expected_revision=3)) is changed
    assert replaced(changed, SaveTrigger(record=msgspec.structs.replace(wanted, name="M"), expected_revision=3)) is None
    anew = replaced(ticked, SaveTrigger(record=wanted, expected_revision=3, reschedule=True))
    assert anew is not None
    assert anew.next_fire_at == 50
