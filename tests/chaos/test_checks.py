"""The checks of a chaos run that are its own: each is shown a violation made by hand, and finds it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from flowray.eventlog.log import RecordedEvent
from flowray.persistence.sql.reader import SqlEventLog
from tests.chaos.leftovers import beyond_limits, wait_until_gone
from tests.chaos.sabotaging import sabotaged
from tests.chaos.standing import ticks_missed
from tests.chaos.told import wrongly_told
from tests.chaos.witness import Witness
from tests.durability.effects import Effect


def at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def test_a_tick_that_is_missed_or_doubled_is_found() -> None:
    assert list(ticks_missed([at(30), at(33), at(36)])) == []
    assert list(ticks_missed([at(30), at(36), at(36)])) == [
        "the tick at 36 fired 2 times",
        "the tick at 33 never fired",
    ]
    assert list(ticks_missed([])) == ["the schedule never ticked"]


def delivery(**other: Any) -> dict[str, Any]:
    return {"id": "c", "hash": "h", "type": "execution.completed", "status": "completed", **other}


def test_a_callback_that_is_missing_doubled_or_wrong_is_found() -> None:
    assert list(wrongly_told("x", "completed", [delivery(), delivery()])) == []
    assert list(wrongly_told("x", "completed", [])) == ["x: it ended completed, and 0 callbacks told of it"]
    twice = list(wrongly_told("x", "completed", [delivery(), delivery(id="d")]))
    assert twice == ["x: it ended completed, and 2 callbacks told of it"]
    changed = list(wrongly_told("x", "completed", [delivery(), delivery(hash="i")]))
    assert changed == ["x: callback c came with 2 bodies"]
    [wrong] = wrongly_told("x", "cancelled", [delivery()])
    assert wrong.startswith("x: it ended cancelled; its callback told")


def test_more_at_a_time_than_the_queue_allows_is_found() -> None:
    spans = [("a", ("1", "3")), ("b", ("2", "4")), ("a", ("3", "5"))]
    assert list(beyond_limits(spans, 2, 1)) == []
    assert list(beyond_limits(spans, 1, 1)) == ["the queue had 2 at a time; its limit is 1"]
    both = list(beyond_limits([("a", ("1", "3")), ("a", ("2", "4"))], 2, 1))
    assert both == ["key a of the queue had 2 at a time; its limit is 1"]


def test_what_does_not_go_away_is_found() -> None:
    looks = iter([{"rows": 2}, {"rows": 0}])
    said: list[str] = []
    assert wait_until_gone(lambda: next(looks), 60, said.append, every_s=0) == []
    assert said == ["still there: {'rows': 2}"]
    assert wait_until_gone(lambda: {"rows": 2, "others": 0}, 0, said.append) == ["L8: 2 rows"]


def test_an_effect_without_a_durable_start_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    log = [RecordedEvent(2, "node.started", 0, {"instance": "call"})]
    monkeypatch.setattr(SqlEventLog, "read", lambda *arguments: log)
    witness = Witness(create_engine("sqlite://"))
    witness(Effect("call", "x:call:1"))
    assert (witness.looked, witness.uncaused) == (1, [])
    witness(Effect("call", "x:call:1"))
    assert witness.uncaused == ["L1: x:call:1 has its effect 2 times with 1 durable starts"]


def test_a_sabotage_is_applied_where_python_starts(tmp_path: Path) -> None:
    environment = sabotaged(tmp_path / "hook", "fencing")
    hook = (tmp_path / "hook" / "sitecustomize.py").read_text()
    assert environment["PYTHONPATH"].startswith(str(tmp_path / "hook"))
    assert "SABOTAGES['fencing'].apply()" in hook
