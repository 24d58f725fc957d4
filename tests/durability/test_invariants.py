"""Each invariant notices a violation made by hand, and nothing where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, insert, update

from flowray.persistence.database.tables import executions, inbox, metadata, node_logs, owners, plans, waitpoints
from tests.durability.effects import Effect
from tests.durability.invariants import (
    Event,
    History,
    i1_starts_are_kept,
    i2_outputs_stand,
    i3_effects_have_attempts,
    i4_answers_count_once,
    i5_epochs_rise,
    i6_everything_finishes,
    l1_is_caused,
    l2_effects_have_tries,
    l3_logs_are_contiguous,
    l7_stuck,
    l8_left_over,
    violations,
)

NOW = 1_000_000


def _event(seq: int, type: str, **fields: Any) -> Event:
    return {"seq": seq, "type": type, **fields}


EVENTS = [
    _event(1, "execution.started"),
    _event(2, "node.started", instance="a", node_type="http", attempt=1),
    _event(3, "node.retrying", instance="a", attempt=1, lost=True),
    _event(4, "node.started", instance="a", node_type="http", attempt=2),
    _event(5, "node.completed", instance="a", attempt=2, output={"n": 1}),
    _event(6, "waitpoint.closed", waitpoint="ann#1", status="completed", data="yes"),
    _event(7, "execution.completed"),
]

SOUND = History(
    id="e1",
    execution={"status": "completed", "waiting_for": []},
    logs=[EVENTS, EVENTS],
    seen={5: EVENTS[4]},
    epochs=[1, 1, 2, 2],
    effects=[Effect("a", "e1:a:1"), Effect("a", "e1:a:1")],
    answers={"e1:ann#1": "yes"},
)


def test_a_sound_history_has_no_violations() -> None:
    assert violations(SOUND) == []


def _without(seq: int) -> list[Event]:
    return [event for event in EVENTS if event["seq"] != seq]


def _changed(seq: int, **fields: Any) -> list[Event]:
    return [event | fields if event["seq"] == seq else event for event in EVENTS]


VIOLATIONS: list[tuple[Callable[[History], Iterator[str]], dict[str, Any], str]] = [
    (i1_starts_are_kept, {"execution": None}, "nobody knows it"),
    (i1_starts_are_kept, {"execution": {"status": "running"}}, "is running"),
    (i2_outputs_stand, {"logs": [_changed(5, output={"n": 2})]}, "was {'n': 1} at 5, and is {'n': 2}"),
    (i2_outputs_stand, {"logs": [_without(5)]}, "and is None"),
    (i2_outputs_stand, {"logs": [[*EVENTS, EVENTS[4] | {"seq": 8}]]}, "completed at 5 and at 8"),
    (i3_effects_have_attempts, {"effects": [Effect("a", "e1:a:1")] * 3}, "3 times in 2 attempts"),
    (i3_effects_have_attempts, {"effects": [Effect("b", "e1:b:1")]}, "b had its effect 1 times in 0 attempts"),
    (i3_effects_have_attempts, {"effects": []}, "completed without its effect"),
    (i4_answers_count_once, {"logs": [[*EVENTS, EVENTS[5] | {"seq": 8}]]}, "completed 2 times"),
    (i4_answers_count_once, {"logs": [_without(6)]}, "acknowledged and not consumed"),
    (i4_answers_count_once, {"answers": {"e1:ann#1": "no"}}, "answered 'no'; what counts is 'yes'"),
    (i5_epochs_rise, {"epochs": [1, 2, 1]}, "epoch 1 wrote after epoch 2"),
    (i6_everything_finishes, {"execution": {"status": "running", "waiting_for": []}}, "still running"),
    (i6_everything_finishes, {"execution": {"status": "paused", "waiting_for": []}}, "waits for nothing"),
    (l2_effects_have_tries, {"effects": [Effect("a", "e1:a:2")]}, "tries [2] after 0 received failures"),
    (l3_logs_are_contiguous, {"logs": [_without(3)]}, "without [3]"),
    (l3_logs_are_contiguous, {"logs": [[*EVENTS, EVENTS[-1]]]}, "twice [7]"),
    (l3_logs_are_contiguous, {"logs": [EVENTS, EVENTS[:-1]]}, "replica 1 shows another log"),
    (l3_logs_are_contiguous, {"seen": {2: EVENTS[3]}}, "event 2 was"),
]


@pytest.mark.parametrize(("check", "change", "words"), VIOLATIONS)
def test_a_check_notices_its_violation(
    check: Callable[[History], Iterator[str]], change: dict[str, Any], words: str
) -> None:
    broken = replace(SOUND, **change)
    found = list(check(broken))
    assert any(words in wrong for wrong in found), found
    assert all(wrong.startswith(check.__name__[:2].upper()) for wrong in found)
    assert {f"e1: {wrong}" for wrong in found} <= set(violations(broken))


def test_l1_an_effect_before_its_start_or_after_its_result_is_noticed() -> None:
    effect = Effect("a", "e1:a:1")
    assert l1_is_caused(effect, EVENTS[:2]) is None
    assert "before its start" in (l1_is_caused(effect, EVENTS[:1]) or "")
    assert "although its result is durable" in (l1_is_caused(effect, EVENTS[:5]) or "")


def test_l8_what_is_left_over_is_named() -> None:
    before = {"actors": {"hub"}, "attempts": 0}
    assert l8_left_over(before, dict(before)) == []
    assert l8_left_over(before, {"actors": {"hub"}, "attempts": 2}) == ["L8: attempts was 0, and is 2"]


# -- L7 is SQL -----------------------------------------------------------------------------------------------------


@pytest.fixture
def engine() -> Iterator[Engine]:
    opened = create_engine("sqlite://")
    metadata.create_all(opened)
    with opened.begin() as connection:
        connection.execute(insert(plans).values(hash="p", plan=b"{}", created_at=0))
        connection.execute(insert(owners).values(_owner("alive", NOW + 1)))
        connection.execute(insert(owners).values(_owner("dead", NOW)))
        connection.execute(insert(executions).values(_row()))
    yield opened
    opened.dispose()


def _owner(its_id: str, lease_until: int) -> dict[str, Any]:
    return {
        "id": its_id, "kind": "orchestrator", "generation": "g", "lease_until": lease_until, "host": "h", "pid": 1,
        "registered_at": 0,
    }  # fmt: skip


def _row() -> dict[str, Any]:
    """Running under a live owner, and nothing runs."""
    return {
        "id": "e1", "status": "running", "plan_hash": "p", "workflow_name": "w", "inputs": {}, "options": {},
        "partial": False, "errors": [], "handled_errors": [], "progress": {}, "usage": {}, "waiting_for": [],
        "labels": {}, "metadata": {}, "created_at": 0, "updated_at": 0, "last_seq": 1, "epoch": 1,
        "owner_id": "alive", "recoveries": 0, "engine_version": "1",
    }  # fmt: skip


def _log(status: str) -> Any:
    return insert(node_logs).values(
        execution_id="e1", id="a#1", node_id="a", instance="a", type="t", name="a", status=status, attempt=1, seq=1,
        lane="io",
    )  # fmt: skip


def _waitpoint(status: str) -> Any:
    return insert(waitpoints).values(id="w", execution_id="e1", kind="human", status=status, created_at=0)


def _inbox(consumed_at: int | None) -> Any:
    return insert(inbox).values(id="i", execution_id="e1", kind="cancel", received_at=0, consumed_at=consumed_at)


MOVED = [
    [_log("running")],
    [_log("waiting")],
    [update(executions).values(owner_id="dead")],
    [update(executions).values(owner_id="never registered")],
    [update(executions).values(owner_id=None, wake_at=5)],
    [update(executions).values(owner_id=None, status="queued")],
    [update(executions).values(owner_id=None, status="paused"), _waitpoint("open")],
    [update(executions).values(owner_id=None), _inbox(None)],
    [update(executions).values(owner_id=None, pause={"reason": "asked", "at": 1})],
    [update(executions).values(status="completed", owner_id=None)],
]

STUCK = [
    [],
    [_log("completed")],
    [update(executions).values(owner_id=None), _log("running")],
    [update(executions).values(owner_id=None, status="paused"), _waitpoint("completed")],
    [update(executions).values(owner_id=None), _inbox(7)],
]


@pytest.mark.parametrize("statements", MOVED)
def test_l7_what_something_will_move_is_not_stuck(engine: Engine, statements: list[Any]) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(statement)
    assert l7_stuck(engine, NOW) == []


@pytest.mark.parametrize("statements", STUCK)
def test_l7_what_nothing_will_move_is(engine: Engine, statements: list[Any]) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(statement)
    assert [wrong.partition(":")[0] for wrong in l7_stuck(engine, NOW)] == ["e1"]
