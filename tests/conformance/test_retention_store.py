"""Forgetting what has ended, in every store (R34, law L8): in pieces, each of which may be repeated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.persistence.records import SnapshotRecord, WaitpointRecord
from flowray.persistence.records.triggers import FiringRecord, TriggerRecord
from flowray.persistence.retention.upkeep import Leftovers, RetentionTimes, StorageFigures
from flowray.persistence.writes import Done, Existing, Fenced, Inserted, PutPayload, Refused
from flowray.persistence.writes.retention import (
    Collected,
    CollectOrphans,
    Deleted,
    DeleteExecutions,
    Purged,
    PurgeExecutions,
)
from flowray.persistence.writes.triggers import FireTrigger, SaveTrigger, SettleFiring
from tests.conformance.emptied import module_url, stores
from tests.conformance.test_stores import Stores
from tests.persistence.samples import append, insert, node_log, owned, owner, request, save

__all__ = ["module_url", "stores"]

LATER = 10**15


def ended(execution_id: str = "e1", status: str = "completed", ended_at: int = 5_000, **fields: Any) -> Any:
    return insert(execution_id, status=status, ended_at=ended_at, **fields)


def delete(*ids: str, **fields: Any) -> DeleteExecutions:
    return DeleteExecutions(ids=ids, **fields)


def due(stores: Stores, now: int = 10_000, limit: int = 10, **before: int) -> list[str]:
    return stores.reader.upkeep.past_retention(RetentionTimes(now=now, **before), limit)


def purge_all(stores: Stores, limit: int = 2_000) -> list[Purged]:
    purges = []
    while True:
        result = stores.one(PurgeExecutions(limit=limit))
        assert isinstance(result, Purged)
        purges.append(result)
        assert len(purges) < 100
        if not result.more:
            return purges


def family(*statuses: tuple[str, str]) -> list[Any]:
    """A root and what it called: ``(id, status)`` each; all but the first are children of the one before."""
    (root, status), *rest = statuses
    writes = [insert(root, status=status, ended_at=5_000)]
    parent = root
    for depth, (its_id, its_status) in enumerate(rest, start=1):
        writes.append(insert(its_id, status=its_status, parent_id=parent, root_id=root, depth=depth, ended_at=5_000))
        parent = its_id
    return writes


# -- what is due --------------------------------------------------------------------------------------------------


def test_what_is_due_by_the_servers_times_those_that_ended_first_in_front(stores: Stores) -> None:
    stores.commit(
        ended("late", ended_at=9_000), ended("b", ended_at=3_000), ended("a", ended_at=2_000),
        ended("f", "failed", 1_000), ended("c", "cancelled", 1_500), insert("open", status="running"),
    )  # fmt: skip
    assert due(stores) == []
    assert due(stores, completed_before=5_000) == ["a", "b"]
    assert due(stores, failed_before=5_000) == ["f", "c"]
    assert due(stores, completed_before=5_000, failed_before=5_000) == ["f", "c", "a", "b"]
    assert due(stores, completed_before=5_000, failed_before=5_000, limit=3) == ["f", "c", "a"]


def test_an_executions_own_time_wins(stores: Stores) -> None:
    stores.commit(ended("soon", retain_until=6_000), ended("never", retain_until=2**62))
    assert due(stores, now=5_999, completed_before=LATER) == []
    assert due(stores, now=6_000, completed_before=LATER) == ["soon"]


def test_nothing_is_due_while_a_relative_or_a_rerun_lives(stores: Stores) -> None:
    stores.commit(
        *family(("r1", "completed"), ("r1c", "running")), *family(("r2", "completed"), ("r2c", "failed")),
        ended("source"), insert("again", status="running", rerun_of="source"),
        ended("other"), ended("done", rerun_of="other"),
    )  # fmt: skip
    assert due(stores, completed_before=LATER, failed_before=LATER) == ["done", "other", "r2"]


def test_what_a_firing_may_start_again_stays_until_that_is_settled(stores: Stores) -> None:
    """Scenario 63: whoever takes up a firing that is not settled must find its execution, or would start it twice."""
    schedule = TriggerRecord(
        id="t1", workflow_id="wf", kind="schedule", config={"every": "1s"}, enabled=True, next_fire_at=1_000
    )
    stores.commit(save(), SaveTrigger(record=schedule))
    row = FiringRecord(trigger_id="t1", fire_key="tick", execution_id="e1")
    stores.one(FireTrigger(trigger_id="t1", firings=(row,), revision=1, expected_at=1_000, next_at=2_000))
    stores.commit(ended(), ended("e2"))
    assert due(stores, completed_before=LATER) == ["e2"]
    assert stores.one(delete("e1", "e2")) == Deleted(ids=("e2",))
    stores.one(SettleFiring(trigger_id="t1", fire_key="tick", status="started"))
    assert due(stores, completed_before=LATER) == ["e1"]
    assert stores.one(delete("e1")) == Deleted(ids=("e1",))


# -- deleting -----------------------------------------------------------------------------------------------------


def test_what_is_deleted_is_nowhere_to_be_found_and_then_gone(stores: Stores) -> None:
    stores.commit(
        owned(status="running", idempotency_key="k"),
        append(node_logs=(node_log(),), waitpoints=(WaitpointRecord(
            id="w1", execution_id="e1", kind="person", status="open", created_at=1, token_hash="h1"),)),
        request(kind="note"),
        append(
            expected_seq=2, snapshot=SnapshotRecord(
                id="s1", execution_id="e1", seq=4, version=1, data=b"{}", created_at=1),
            changes={"status": "completed", "ended_at": 9}, release=True, close_waitpoints=True,
        ),
    )  # fmt: skip
    assert stores.one(delete("e1")) == Deleted(ids=("e1",))
    assert stores.one(delete("e1")) == Deleted(ids=("e1",))
    assert stores.reader.execution("e1") is None
    assert stores.reader.executions().data == ()
    refused = stores.one(request("i2"))
    assert isinstance(refused, Refused)
    purge_all(stores)
    assert stores.reader.execution_by_id("e1") is None
    assert stores.seqs() == []
    assert stores.reader.node_logs("e1").data == ()
    assert stores.reader.waitpoint("w1") is None
    assert stores.reader.snapshot("s1") is None
    assert stores.reader.upkeep.storage("e1") == StorageFigures()
    assert stores.one(delete("e1")) == Deleted()
    assert isinstance(stores.one(append(expected_seq=4)), Fenced)


def test_a_freed_idempotency_key_starts_anew(stores: Stores) -> None:
    stores.commit(ended(idempotency_key="k", request_hash="h"))
    assert isinstance(stores.one(insert("e2", idempotency_key="k")), Existing)
    stores.one(delete("e1"))
    assert stores.one(insert("e2", idempotency_key="k")) == Inserted(id="e2", status="queued")


@pytest.mark.parametrize("status", ["queued", "running", "waiting", "paused", "cancelling"])
def test_what_has_not_ended_is_never_deleted(stores: Stores, status: str) -> None:
    assert status not in TERMINAL_EXECUTION
    stores.commit(insert(status=status))
    assert stores.one(delete("e1")) == Deleted()
    assert stores.execution().status == status


def test_a_family_is_deleted_as_a_whole_or_not_at_all(stores: Stores) -> None:
    stores.commit(
        *family(("a", "completed"), ("a1", "completed"), ("a2", "failed")),
        *family(("b", "completed"), ("b1", "completed"), ("b2", "running")),
        *family(("c", "running"), ("c1", "completed")),
    )
    assert stores.one(delete("a", "b", "c", "c1", "a1", "none")) == Deleted(ids=("a",), descendants=2)
    purge_all(stores)
    assert stores.reader.upkeep.present(["a", "a1", "a2", "b", "b1", "b2", "c", "c1"]) == {"b", "b1", "b2", "c", "c1"}


def test_an_imported_child_goes_without_the_caller_that_it_left_behind(stores: Stores) -> None:
    alone = {"parent_id": "far", "root_id": "far", "depth": 1}
    stores.commit(ended("c", **alone), put("a", "far"))
    assert stores.reader.upkeep.present(["far", "c", "none"]) == {"far", "c"}
    assert stores.reader.upkeep.leftovers(LATER).payloads == 0
    assert due(stores, completed_before=LATER) == ["c"]
    assert stores.one(delete("c")) == Deleted(ids=("c",))
    purge_all(stores)
    assert stores.reader.upkeep.leftovers(LATER).payloads == 1


def test_what_a_living_rerun_came_from_stays(stores: Stores) -> None:
    stores.commit(ended(), insert("again", status="running", rerun_of="e1"))
    assert stores.one(delete("e1")) == Deleted()
    assert stores.execution().id == "e1"


def test_workspaces_delete_their_own(stores: Stores) -> None:
    stores.commit(ended(workspace_id="other"), ended("e2", workspace_id="other"))
    assert stores.one(delete("e1")) == Deleted()
    assert stores.one(delete("e1", workspace_id="other")) == Deleted(ids=("e1",))
    assert stores.one(delete("e2", workspace_id=None)) == Deleted(ids=("e2",))


def test_large_executions_are_purged_in_pieces_and_others_are_untouched(stores: Stores) -> None:
    stores.commit(owned(), owned("e2"))
    for seq in range(30):
        stores.commit(
            append(expected_seq=seq, count=1, node_logs=(node_log(instance=f"n{seq}"),)),
            append("e2", expected_seq=seq, count=1),
        )
    stores.commit(append(expected_seq=30, count=1, changes={"status": "completed", "ended_at": 1}, release=True))
    stores.one(delete("e1"))
    purges = purge_all(stores, limit=20)
    assert sum(purge.executions for purge in purges) == 1
    assert stores.reader.upkeep.present(["e1", "e2"]) == {"e2"}
    assert len(stores.seqs("e2")) == 30
    assert stores.one(PurgeExecutions()) == Purged()


# -- collecting ---------------------------------------------------------------------------------------------------


def put(its_id: str, execution_id: str, ts: int = 1_000) -> PutPayload:
    return PutPayload(id=f"{execution_id}.{its_id * 64}", execution_id=execution_id, data=b"12345", ts=ts)


def collect_all(stores: Stores, before: int) -> Sequence[Collected]:
    found = []
    while True:
        result = stores.one(CollectOrphans(before=before, limit=2))
        assert isinstance(result, Collected)
        found.append(result)
        if not result.more:
            return found


def test_r34_plans_are_collected_with_their_last_execution(stores: Stores) -> None:
    stores.commit(ended(), ended("e2", plan_hash="plan-2"), ended("e3", plan_hash="plan-2"))
    stores.commit(delete("e1", "e2"), PurgeExecutions())
    assert sum(found.plans for found in collect_all(stores, LATER)) == 1
    assert (stores.reader.plan("plan-1"), stores.reader.plan("plan-2") is None) == (None, False)
    assert isinstance(stores.one(insert("e4")), Inserted)
    assert stores.reader.plan("plan-1") is not None


def test_owners_that_are_long_gone_and_own_nothing_are_collected(stores: Stores) -> None:
    stores.commit(owner("o1", lease_ms=-5_000), owner("o2", lease_ms=-5_000), owner("o3"), owned(owner_id="o2"))
    found = collect_all(stores, stores.reader.now_ms() + 1_000)
    assert sum(collected.owners for collected in found) == 1
    assert [record.id for record in stores.reader.owners()] == ["o3"]
    assert stores.reader.upkeep.leftovers(stores.reader.now_ms() + 1_000).owners == 0


def test_r34_payloads_go_with_their_execution_and_orphans_when_they_are_old(stores: Stores) -> None:
    stores.commit(ended(), ended("e2"), put("a", "e1"), put("b", "e2"))
    stores.commit(delete("e1"))
    purge_all(stores)
    assert stores.payloads.get("e2." + "b" * 64) == b"12345"
    with pytest.raises(Exception, match="no payload"):
        stores.payloads.get("e1." + "a" * 64)


def test_r34_only_old_payloads_that_nobody_refers_to_are_collected(stores: Stores, module_url: str | None) -> None:
    if module_url is None:
        pytest.skip("payloads in memory have no age: they go with their execution")
    stores.commit(ended(), put("a", "e1"), *(put(name, "gone") for name in "bcd"), put("e", "gone", ts=9_000))
    assert stores.reader.upkeep.leftovers(5_000) == Leftovers(payloads=3, payload_bytes=15)
    found = collect_all(stores, 5_000)
    assert (sum(item.payloads for item in found), sum(item.bytes for item in found)) == (3, 15)
    assert stores.payloads.get("e1." + "a" * 64) == b"12345"
    assert stores.payloads.get("gone." + "e" * 64) == b"12345"
    assert stores.reader.upkeep.leftovers(5_000) == Leftovers()


# -- looking ------------------------------------------------------------------------------------------------------


def test_what_an_execution_takes_is_measured(stores: Stores) -> None:
    stores.commit(owned(), append(node_logs=(node_log(output={"x": "ü" * 100}),)), request(), put("a", "e1"))
    found = stores.reader.upkeep.storage("e1")
    written = append().events
    assert found.payloads == 5
    assert found.events >= len(written)
    assert found.logs > 200
    assert found.record > 0
    assert found.inbox > 0
    assert found.snapshots == 0
    assert found.total == found.payloads + found.events + found.logs + found.record + found.inbox
    assert stores.reader.upkeep.storage("none") == StorageFigures()


def waitpoint(execution_id: str, status: str = "open") -> WaitpointRecord:
    return WaitpointRecord(
        id=f"w-{execution_id}", execution_id=execution_id, kind="person", status=status, created_at=1
    )  # fmt: skip


def test_l7_every_execution_that_has_not_ended_has_something_that_moves_it(stores: Stores) -> None:
    """One query over the store finds those that have nothing."""
    mine = {"owner_id": "o1", "epoch": 1}
    stores.commit(
        owner("o1"), owner("dead", lease_ms=-1),
        insert("queued"), insert("delayed", status="delayed"), insert("timer", status="waiting", wake_at=9),
        insert("asked", status="paused", pause={"reason": "x"}), insert("inbox", status="waiting"),
        insert("answer", status="waiting", **mine), insert("orphaned", status="running", owner_id="dead"),
        insert("working", status="running", **mine), insert("calls", status="running", **mine),
        insert("child", status="queued", parent_id="calls", root_id="calls"), ended("ended"),
        insert("stuck", status="waiting"), insert("idle", status="running", **mine),
        insert("young", status="waiting", updated_at=8_000),
    )  # fmt: skip
    stores.commit(request(execution_id="inbox"), append("working", node_logs=(node_log("working"),)))
    stores.commit(append("answer", waitpoints=(waitpoint("answer"),), release=True))
    assert [record.id for record in stores.reader.upkeep.unquiet(5_000)] == ["idle", "stuck"]
    assert [record.id for record in stores.reader.upkeep.unquiet(LATER)] == ["idle", "stuck", "young"]
    assert [record.id for record in stores.reader.upkeep.unquiet(LATER, limit=1)] == ["idle"]
    stuck = stores.reader.upkeep.unquiet(5_000)[1]
    assert (stuck.status, stuck.owner_id, stuck.workspace_id, stuck.updated_at) == ("waiting", None, "default", 1_000)


def test_leftovers_are_counted(stores: Stores) -> None:
    stores.commit(ended(), ended("e2"), delete("e1"))
    assert stores.reader.upkeep.leftovers(LATER) == Leftovers(deleted=1)
    purge_all(stores)
    stores.commit(delete("e2"))
    purge_all(stores)
    assert stores.reader.upkeep.leftovers(LATER) == Leftovers(plans=1)
    assert stores.one(CollectOrphans(before=LATER)) == Collected(plans=1)
    assert stores.reader.upkeep.leftovers(LATER) == Leftovers()
    assert stores.commit(ended("e3"), PurgeExecutions())[1] == Purged()
    assert stores.one(append("none")) != Done()
