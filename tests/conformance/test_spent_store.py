"""What is left behind although no execution was deleted, in every store: counted, and collected in pieces (L8)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.persistence.payloads.ids import payload_id
from flowray.persistence.records import WaitpointRecord
from flowray.persistence.retention.upkeep import Leftovers
from flowray.persistence.writes import PutPayload, ReleaseOwner
from flowray.persistence.writes.retention import Collected, DeleteExecutions, PurgeExecutions
from flowray.persistence.writes.spent import CollectSpent, CollectValues, Spent
from flowray.persistence.writes.triggers import Pruned, PruneFirings
from flowray.values import describe, to_wire
from tests.conformance.emptied import module_url, stores
from tests.conformance.test_stores import Stores
from tests.durability.leaks import leak, leak_firing, leak_waitpoint
from tests.persistence.samples import append, insert, node_log, owned, owner

__all__ = ["module_url", "stores"]

LATER = 10**15
OLD = 1_000


def collect(stores: Stores, before: int = LATER, history_before: int | None = LATER, limit: int = 200) -> Spent:
    result = stores.one(CollectSpent(before=before, history_before=history_before, limit=limit))
    assert isinstance(result, Spent)
    return result


def left(stores: Stores) -> Leftovers:
    return stores.reader.upkeep.leftovers(LATER, LATER)


ONE_OF_EACH = {"limit_uses": 1, "metadata_changes": 1, "callbacks": 1, "waitpoints": 1}


def test_l8_what_is_spent_is_counted_and_collected_once_it_is_old(stores: Stores) -> None:
    leak(stores.committer.commit)
    found = left(stores)
    assert {name: getattr(found, name) for name in ONE_OF_EACH} == ONE_OF_EACH
    assert (found.firings, found.spent) == (1, 5)
    assert stores.reader.upkeep.leftovers(OLD, OLD).spent == 0
    assert stores.reader.upkeep.leftovers(LATER).spent == 2
    assert collect(stores, OLD, OLD) == Spent()
    assert collect(stores, LATER, None) == Spent(limit_uses=1, metadata_changes=1)
    assert collect(stores) == Spent(callbacks=1, waitpoints=1)
    assert stores.one(PruneFirings(before=LATER)) == Pruned(count=1)
    assert (left(stores).spent, collect(stores)) == (0, Spent())
    assert stores.reader.limits.uses("api") == []
    assert stores.reader.waitpoint("wp:default/sign") is None


def test_l8_in_pieces_each_of_which_may_be_repeated(stores: Stores) -> None:
    for number in range(5):
        leak_waitpoint(stores.committer.commit, f"w{number}")
    results = [collect(stores, limit=2) for _ in range(4)]
    assert [(result.waitpoints, result.more) for result in results] == [(2, True), (2, True), (1, False), (0, False)]


def test_l8_what_is_of_use_stays(stores: Stores) -> None:
    """An attempt that runs, a callback that is to be delivered, a firing that holds a place."""
    stores.commit(owned(execution_id="e2", status="running"))
    leak(lambda writes: stores.committer.commit([write for write in writes if not _ends(write)]))
    leak_firing(stores.committer.commit, "e2")
    assert stores.one(CollectSpent(before=LATER, history_before=LATER)) == Spent(metadata_changes=1, waitpoints=1)
    assert stores.one(PruneFirings(before=LATER)) == Pruned(count=0)
    assert [use.id for use in stores.reader.limits.uses("api")] == ["use"]


def _ends(write: Any) -> bool:
    return type(write).__name__ == "AppendEvents"


def test_l8_a_use_of_a_dead_owner_is_nobodys(stores: Stores) -> None:
    leak(lambda writes: stores.committer.commit([write for write in writes if not _ends(write)]))
    stores.commit(ReleaseOwner(id="o1"))
    assert left(stores).limit_uses in (0, 1)  # whoever ends in order may give back what it has itself
    collect(stores)
    assert left(stores).limit_uses == 0


def test_l8_a_name_for_which_nobody_waits_any_more_goes_and_one_with_a_wait_stays(stores: Stores) -> None:
    """It was made by whoever waited for it, and nobody has ever created it: it has no end of its own."""
    waits = WaitpointRecord(
        id="e1:a#1", execution_id="e1", kind="waitpoint", status="open", created_at=1, instance="a", node_id="a",
        token="t", token_hash="t", source="name:door",
    )  # fmt: skip
    stores.commit(owner(), owned(status="running"))
    stores.commit(append(waitpoints=(waits,)))
    assert stores.reader.waitpoint("wp:default/door") is not None
    assert (collect(stores).waitpoints, left(stores).waitpoints) == (0, 0)
    stores.commit(append(expected_seq=2, changes={"status": "cancelled", "ended_at": 9}, close_waitpoints=True))
    assert (left(stores).waitpoints, collect(stores).waitpoints) == (1, 1)
    assert stores.reader.waitpoint("wp:default/door") is None


# -- stored values ------------------------------------------------------------------------------------------------


def stored(its_id: str, data: bytes, ts: int = OLD) -> tuple[str, PutPayload]:
    name = payload_id(its_id, data)
    return name, PutPayload(id=name, execution_id=its_id, data=data, ts=ts)


def wire(name: str) -> Any:
    return to_wire(describe(name, None, b""))


def test_l8_values_are_looked_through_once_after_the_end_of_their_family(stores: Stores) -> None:
    values = stores.reader.upkeep.values
    ends = {"status": "completed", "ended_at": 5_000}
    children = {"c1": {**ends}, "c2": {**ends, "ended_at": 9_000}}
    stores.commit(insert("root", **ends), insert("alone", **ends), insert("crashed", **{**ends, "status": "crashed"}))
    stores.commit(*(insert(name, parent_id="root", root_id="root", **more) for name, more in children.items()))
    stores.commit(insert("open", status="running"), insert("empty", **ends))
    for name in ("root", "alone", "crashed", "open"):
        stores.commit(stored(name, b"x")[1])
    assert values.unswept(5_000, 10) == []
    assert values.unswept(6_000, 10) == ["alone"]
    assert sorted(values.unswept(LATER, 10)) == ["alone", "root"]
    assert len(values.unswept(LATER, 1)) == 1
    assert sorted(values.unswept(LATER, 10, ["root", "empty", "open", "gone"])) == ["empty", "root"]
    stores.commit(*(CollectValues(execution_id=name, payload_ids=(), before=LATER) for name in ("root", "open")))
    assert values.unswept(LATER, 10) == ["alone"]
    assert values.unswept(LATER, 10, ["root"]) == []


def test_l8_every_row_of_a_family_may_name_a_value(stores: Stores) -> None:
    names = [stored("e1", bytes([number]))[0] for number in range(6)]
    stores.commit(owner(), owned(status="running", inputs={"v": wire(names[0])}))
    stores.commit(owned("e2", parent_id="e1", root_id="e1", outputs=describe(names[1], None, b"")))
    stores.commit(append(
        events=append().events.replace(b"test.1", names[2].encode()),
        node_logs=(node_log(output=describe(names[3], None, b"")),),
        waitpoints=(WaitpointRecord(id="w", execution_id="e1", kind="k", status="open", created_at=1, data=names[4]),),
    ))  # fmt: skip
    assert stores.reader.upkeep.values.named("e1") == set(names[:5])
    assert stores.reader.upkeep.values.named("e3") == set()


def test_l8_only_old_values_of_what_has_ended_are_collected(stores: Stores, module_url: str | None) -> None:
    ended = {"status": "completed", "ended_at": 5_000}
    stores.commit(insert("e1", **ended), insert("e2", status="running"))
    puts = [stored("e1", b"old"), stored("e1", b"kept"), stored("e1", b"young", 10**14), stored("e2", b"running")]
    stores.commit(*(put for _, put in puts))
    old, kept, young, running = (name for name, _ in puts)
    every_age = {old: 3, kept: 4} if module_url else {old: 3, kept: 4, young: 5}
    assert stores.reader.upkeep.values.stored("e1", 10**10) == every_age
    doomed = (old, running) if module_url is None else (old, young, running)
    sweep = CollectValues(execution_id="e1", payload_ids=doomed, before=10**10)
    assert stores.one(sweep) == Collected(payloads=1, bytes=3)
    assert stores.one(sweep) == Collected()
    unfinished = CollectValues(execution_id="e2", payload_ids=(running,), before=10**10)
    assert stores.one(unfinished) == Collected()
    assert [stores.payloads.get(name) for name in (kept, young, running)] == [b"kept", b"young", b"running"]
    stores.commit(DeleteExecutions(ids=("e1",)), PurgeExecutions())
    assert stores.reader.execution_by_id("e1") is None


def test_l8_a_value_that_is_put_again_is_young_again(stores: Stores, module_url: str | None) -> None:
    """Whoever puts it is about to name it: between the look and the removal it must not go."""
    if module_url is None:
        pytest.skip("values in memory have no age")
    name, put = stored("e1", b"wanted")
    stores.commit(insert("e1", status="failed", ended_at=5_000), put)
    stores.commit(stored("e1", b"wanted", 10**14)[1])
    assert stores.one(CollectValues(execution_id="e1", payload_ids=(name,), before=10**10)) == Collected()
    assert stores.payloads.get(name) == b"wanted"


def test_l8_values_of_late_comers_are_looked_through_again(stores: Stores, module_url: str | None) -> None:
    if module_url is None:
        pytest.skip("values in memory have no age")
    stores.commit(insert("e1", status="failed", ended_at=5_000), stored("e1", b"x")[1])
    stores.commit(CollectValues(execution_id="e1", payload_ids=(), before=10**10))
    assert stores.reader.upkeep.values.unswept(10**12, 10) == []
    stores.commit(stored("e1", b"late", 10**11)[1])
    assert stores.reader.upkeep.values.unswept(10**12, 10) == ["e1"]
