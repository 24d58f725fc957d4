"""Triggers and their firings in every store: memory, SQLite and PostgreSQL. Each tick at most once (scenario 63)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.records.triggers import FiringRecord, TriggerRecord
from flowray.persistence.writes import AnyResult, DeleteWorkflow, Done, Fenced, Inserted, Refused
from flowray.persistence.writes.triggers import (
    DeleteTrigger,
    Fired,
    FireTrigger,
    PromoteFiring,
    Pruned,
    PruneFirings,
    RegisterTriggers,
    SaveTrigger,
    SettleFiring,
)
from tests.conformance.test_stores import Stores, stores
from tests.persistence.samples import append, owned, owner, save

__all__ = ["stores"]

TICK = 1_000
"""Long past by any clock, so that it has come."""


def trigger(its_id: str = "t1", **changes: Any) -> TriggerRecord:
    fields: dict[str, Any] = {
        "workflow_id": "wf", "kind": "schedule", "config": {"every": "1s"}, "enabled": True, "next_fire_at": TICK,
        "created_at": 10, "updated_at": 10,
    } | changes  # fmt: skip
    return TriggerRecord(id=its_id, **fields)


def given(stores: Stores, *records: TriggerRecord) -> None:
    stores.one(save())
    assert stores.commit(*(SaveTrigger(record=record) for record in records)) == [
        Inserted(id=record.id) for record in records
    ]


def firing(key: str, its_id: str = "t1", **changes: Any) -> FiringRecord:
    return FiringRecord(trigger_id=its_id, fire_key=key, execution_id=f"x-{key}", **changes)


def tick(*keys: str, expected_at: int | None = TICK, next_at: int | None = 2_000, **changes: Any) -> FireTrigger:
    rows = tuple(firing(key, payload={"key": key}) for key in keys)
    fields: dict[str, Any] = {"revision": 1, "expected_at": expected_at, "next_at": next_at} | changes
    return FireTrigger(trigger_id="t1", firings=rows, **fields)


def call(*keys: str, **changes: Any) -> FireTrigger:
    return tick(*keys, expected_at=None, next_at=None, **changes)


def fired(result: AnyResult) -> dict[str, str]:
    assert isinstance(result, Fired), result
    return {row.fire_key: row.status for row in result.firings}


def found(stores: Stores, its_id: str = "t1") -> TriggerRecord:
    record = stores.reader.triggers.get(its_id)
    assert record is not None
    return record


def code(result: AnyResult) -> str:
    assert isinstance(result, Refused), result
    return result.code


# -- triggers -----------------------------------------------------------------------------------------------------


def test_a_trigger_is_read_back_whole_and_belongs_to_a_workflow(stores: Stores) -> None:
    assert code(stores.one(SaveTrigger(record=trigger()))) == ErrorCode.NOT_FOUND
    record = trigger(
        name="Nightly ü", input_mapping={"a": "{{x}}"}, options={"labels": {"a": "b"}}, secret="s", node_id="n",
        topic="order.created",
    )  # fmt: skip
    given(stores, record)
    assert stores.one(SaveTrigger(record=record)) == Inserted(id="t1")  # a repeat
    assert found(stores) == record
    assert stores.reader.triggers.get("t1", "other") is None
    assert stores.one(DeleteTrigger(id="t1")) == Done()
    assert code(stores.one(DeleteTrigger(id="t1"))) == ErrorCode.NOT_FOUND
    assert stores.reader.triggers.get("t1") is None


def test_a_change_names_the_revision_that_it_changes(stores: Stores) -> None:
    given(stores, trigger())
    change = SaveTrigger(record=trigger(name="new", updated_at=20, next_fire_at=9_000), expected_revision=1)
    assert stores.one(change) == Done()
    assert stores.one(change) == Done()  # the acknowledgement was lost
    assert (found(stores).name, found(stores).revision, found(stores).next_fire_at) == ("new", 2, TICK)
    late = SaveTrigger(record=trigger(name="late", updated_at=30), expected_revision=1)
    assert code(stores.one(late)) == ErrorCode.CONFLICT
    again = SaveTrigger(record=trigger(next_fire_at=9_000, updated_at=40), expected_revision=2, reschedule=True)
    assert stores.one(again) == Done()
    assert (found(stores).next_fire_at, found(stores).created_at) == (9_000, 10)
    missing = SaveTrigger(record=trigger("t9"), expected_revision=1)
    assert code(stores.one(missing)) == ErrorCode.NOT_FOUND


def test_triggers_are_listed_filtered_and_paged(stores: Stores) -> None:
    given(
        stores,
        trigger("t1", created_at=1), trigger("t2", created_at=2, kind="event", topic="a", next_fire_at=None),
        trigger("t3", created_at=3, kind="event", topic="a", enabled=False, next_fire_at=None),
    )  # fmt: skip
    read = stores.reader.triggers
    assert [row.id for row in read.page().data] == ["t3", "t2", "t1"]
    first = read.page(limit=2)
    assert [row.id for row in read.page(limit=2, cursor=first.next_cursor).data] == ["t1"]
    assert [row.id for row in read.page(kind="event", enabled=True).data] == ["t2"]
    assert [row.id for row in read.page(workflow_id="other").data] == []
    assert [row.id for row in read.hearing("a")] == ["t2"]
    assert read.hearing("b") == []
    assert ([row.id for row in read.due()], read.next_at()) == (["t1"], TICK)
    with pytest.raises(FlowrayError, match="cursor"):
        read.page(cursor="x")


def test_the_triggers_of_nodes_follow_their_definition(stores: Stores) -> None:
    node = {"enabled": False, "next_fire_at": 5_000, "node_id": "a"}
    stores.commit(save(), RegisterTriggers(workflow_id="wf", hash="h1", ts=7, triggers=(trigger("t1", **node),)))
    first = found(stores)
    assert (first.enabled, first.next_fire_at, first.created_at) == (False, None, 7)
    publish = SaveTrigger(
        record=trigger("t1", node_id="a", next_fire_at=5_000, secret="s", updated_at=8), expected_revision=1,
        reschedule=True,
    )  # fmt: skip
    assert stores.one(publish) == Done()
    same = trigger("other-id", **node)
    stores.commit(save(), RegisterTriggers(workflow_id="wf", hash="h1", ts=9, triggers=(same,)))
    assert (found(stores).revision, found(stores).updated_at) == (2, 8)
    changed = trigger("other-id", **{**node, "config": {"every": "2s"}, "next_fire_at": 6_000})
    second = trigger("t2", **{**node, "node_id": "b"})
    stores.commit(save(hash="h2"), RegisterTriggers(workflow_id="wf", hash="h2", ts=10, triggers=(changed, second)))
    kept = found(stores)
    assert (kept.id, kept.enabled, kept.secret, kept.config, kept.next_fire_at, kept.revision) == (
        "t1", True, "s", {"every": "2s"}, 6_000, 3,
    )  # fmt: skip
    assert [row.node_id for row in stores.reader.triggers.of_nodes("wf")] == ["a", "b"]
    # Of an older save, which came late: it says nothing any more.
    stores.one(RegisterTriggers(workflow_id="wf", hash="h1", ts=11, triggers=()))
    assert len(stores.reader.triggers.of_nodes("wf")) == 2
    stores.commit(save(hash="h3"), RegisterTriggers(workflow_id="wf", hash="h3", ts=12, triggers=(second,)))
    assert [row.id for row in stores.reader.triggers.of_nodes("wf")] == ["t2"]


def test_triggers_go_with_their_workflow_and_leave_their_history(stores: Stores) -> None:
    given(stores, trigger())
    stores.one(tick("k1"))
    assert stores.one(DeleteWorkflow(id="wf")) == Done()
    assert stores.reader.triggers.get("t1") is None
    assert [row.fire_key for row in stores.reader.triggers.history("t1").data] == ["k1"]


# -- firings ------------------------------------------------------------------------------------------------------


def test_a_tick_is_recorded_once_and_the_schedule_moves_on(stores: Stores) -> None:
    given(stores, trigger())
    result = stores.one(tick("k1"))
    assert isinstance(result, Fired)
    assert (fired(result), result.known) == ({"k1": "starting"}, ())
    assert result.firings[0].retry_at == result.firings[0].fired_at + 10_000
    assert (found(stores).next_fire_at, found(stores).last_fired_at) == (2_000, result.firings[0].fired_at)
    assert stores.one(tick("k2")) == Fenced()  # another scheduler, which looked at the same moment
    repeat = stores.one(tick("k1"))
    assert isinstance(repeat, Fired)
    assert (repeat.firings, repeat.known) == (result.firings, ("k1",))
    [row] = stores.reader.triggers.history("t1").data
    assert (row.execution_id, row.payload, row.workflow_id, row.kind) == ("x-k1", {"key": "k1"}, "wf", "schedule")


@pytest.mark.parametrize("changes", [{"enabled": False}, {"revision": 2}, {"next_fire_at": 2**50}])
def test_a_tick_is_fenced_when_the_trigger_is_not_as_it_was_or_the_time_has_not_come(
    stores: Stores, changes: dict[str, Any]
) -> None:
    """R27: never early, by the database's clock."""
    given(stores, trigger(**changes))
    assert stores.one(tick("k1", expected_at=changes.get("next_fire_at", TICK))) == Fenced()
    assert stores.reader.triggers.history("t1").data == ()


def test_two_schedulers_record_each_tick_once(stores: Stores) -> None:
    """Scenario 63: both see every tick, at once, and only one of them may start it."""
    given(stores, trigger())
    committers = [stores.another_committer(), stores.another_committer()]

    def schedule(number: int) -> list[str]:
        mine = []
        for count in range(1, 21):
            write = FireTrigger(
                trigger_id="t1", revision=1, expected_at=count * TICK, next_at=(count + 1) * TICK,
                firings=(FiringRecord(trigger_id="t1", fire_key=str(count), execution_id=f"{number}-{count}"),),
            )  # fmt: skip
            (result,) = committers[number].commit([write])
            mine += [row.execution_id for row in result.firings] if isinstance(result, Fired) else []
        return mine

    with ThreadPoolExecutor(2) as pool:
        to_start = [its_id for ids in pool.map(schedule, range(2)) for its_id in ids]
    rows = stores.reader.triggers.history("t1", limit=100).data
    assert sorted(int(row.fire_key) for row in rows) == list(range(1, 21))
    # Whoever comes second may be told of the first one's execution, never of one of its own.
    assert set(to_start) == {row.execution_id for row in rows}


def test_a_call_needs_an_enabled_trigger_unless_it_is_a_test(stores: Stores) -> None:
    given(stores, trigger(enabled=False, next_fire_at=None))
    assert code(stores.one(call("k1"))) == ErrorCode.CONFLICT
    assert fired(stores.one(call("k1", test=True))) == {"k1": "starting"}
    assert fired(stores.one(call("k1"))) == {"k1": "starting"}  # known: the answer to the first
    unknown = FireTrigger(trigger_id="t9", firings=(firing("k", "t9"),))
    assert code(stores.one(unknown)) == ErrorCode.NOT_FOUND


def test_a_settled_firing_stays_as_it_is(stores: Stores) -> None:
    given(stores, trigger())
    stores.one(call("k1"))
    settle = SettleFiring(trigger_id="t1", fire_key="k1", status="started")
    late = SettleFiring(trigger_id="t1", fire_key="k1", status="failed", reason="late")
    assert stores.commit(settle, settle, late) == [Done()] * 3
    row = stores.reader.triggers.firing("t1", "k1")
    assert row is not None
    assert (row.status, row.reason, row.payload, row.retry_at) == ("started", None, None, None)


def start(stores: Stores, key: str) -> None:
    stores.commit(owned(f"x-{key}"), SettleFiring(trigger_id="t1", fire_key=key, status="started"))


def end(stores: Stores, key: str) -> None:
    stores.one(append(f"x-{key}", changes={"status": "completed"}))


def test_skip_leaves_a_tick_out_while_the_earlier_execution_runs(stores: Stores) -> None:
    stores.one(owner())
    given(stores, trigger())
    assert fired(stores.one(call("k1", "k2", overlap="skip"))) == {"k1": "starting", "k2": "skipped"}
    start(stores, "k1")
    assert stores.reader.triggers.running("t1") == ["x-k1"]
    assert fired(stores.one(call("k3", overlap="skip"))) == {"k3": "skipped"}
    end(stores, "k1")
    assert stores.reader.triggers.running("t1") == []
    assert fired(stores.one(call("k4", overlap="skip"))) == {"k4": "starting"}
    reasons = {row.fire_key: row.reason for row in stores.reader.triggers.history("t1").data}
    assert reasons["k3"] == "an earlier execution has not ended"


def test_queued_firings_have_their_turn_one_after_the_other(stores: Stores) -> None:
    stores.one(owner())
    given(stores, trigger())
    result = stores.one(call("k1", "k2", "k3", "k4", overlap="queue", max_queued=2))
    assert fired(result) == {"k1": "starting", "k2": "queued", "k3": "queued", "k4": "skipped"}
    assert stores.reader.triggers.with_queue() == ["t1"]
    promote = PromoteFiring(trigger_id="t1")
    assert fired(stores.one(promote)) == {}
    start(stores, "k1")
    assert fired(stores.one(promote)) == {}
    end(stores, "k1")
    # A new one goes to the end of the line even though nothing runs.
    assert fired(stores.one(call("k5", overlap="queue"))) == {"k5": "queued"}
    assert fired(stores.one(promote)) == {"k2": "starting"}
    assert fired(stores.one(promote)) == {}
    start(stores, "k2")
    end(stores, "k2")
    stores.one(DeleteTrigger(id="t1"))
    assert fired(stores.one(promote)) == {"k3": "skipped", "k5": "skipped"}
    assert stores.reader.triggers.with_queue() == []


def test_a_forgotten_firing_is_found_by_its_time(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever recorded it died before it started the execution: the row names it, and anybody may."""
    given(stores, trigger())
    stores.one(call("k1"))
    assert stores.reader.triggers.forgotten() == []
    monkeypatch.setattr("flowray.persistence.triggers.firing_rules.RETRY_AFTER_MS", 0)
    stores.one(call("k2"))
    [row] = stores.reader.triggers.forgotten()
    assert (row.fire_key, row.execution_id, row.payload) == ("k2", "x-k2", {"key": "k2"})
    stores.one(SettleFiring(trigger_id="t1", fire_key="k2", status="started"))
    assert stores.reader.triggers.forgotten() == []


def test_history_is_paged_and_pruned(stores: Stores) -> None:
    given(stores, trigger())
    for key in ("k1", "k2", "k3"):
        stores.one(call(key))
        stores.one(SettleFiring(trigger_id="t1", fire_key=key, status="started"))
    stores.one(call("k4"))
    read = stores.reader.triggers
    first = read.history("t1", limit=2)
    rest = read.history("t1", limit=2, cursor=first.next_cursor)
    assert sorted(row.fire_key for row in (*first.data, *rest.data)) == ["k1", "k2", "k3", "k4"]
    assert rest.next_cursor is None
    assert read.history("t1", workspace_id="other").data == ()
    later = stores.reader.now_ms() + 60_000
    assert stores.one(PruneFirings(before=later, limit=2)) == Pruned(count=2)
    assert stores.one(PruneFirings(before=later)) == Pruned(count=1)
    assert [row.fire_key for row in read.history("t1").data] == ["k4"]
