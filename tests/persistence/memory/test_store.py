"""What is particular to the store in memory; what all stores do is in the conformance suite."""

from __future__ import annotations

import tracemalloc
from typing import Any

from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.spool import NEAR_BYTES
from flowray.persistence.writes import Claimed, ClaimExecutions, Fenced, Leased, RenewLease
from tests.persistence.samples import append, insert, owned, owner, save


def test_leases_follow_the_given_clock() -> None:
    now = 1_000
    store = MemoryStore(clock_ms=lambda: now)
    assert store.commit([owner("o1", lease_ms=500)]) == [Leased(lease_until=1_500, now=1_000)]
    now = 1_499
    assert store.commit([RenewLease(id="o1", lease_ms=500)]) == [Leased(lease_until=1_999, now=1_499)]
    now = 1_999
    assert store.commit([RenewLease(id="o1", lease_ms=500)]) == [Fenced()]
    assert (store.now_ms(), store.owners()) == (1_999, [])


def test_r28_executions_can_be_claimed_when_the_clock_passes_the_lease() -> None:
    now = 0
    store = MemoryStore(clock_ms=lambda: now)
    store.commit(
        [owner("o1", lease_ms=100), owner("o2", lease_ms=1_000), owned(), append(changes={"status": "running"})]
    )
    assert store.claimable() == 0
    now = 100
    assert store.claimable() == 1
    [claimed] = store.commit([ClaimExecutions(owner_id="o2")])
    assert isinstance(claimed, Claimed)
    assert [(claim.execution_id, claim.epoch, claim.recovery) for claim in claimed.claims] == [("e1", 2, True)]


def test_what_a_caller_changes_afterwards_does_not_reach_the_store() -> None:
    store = MemoryStore()
    inputs: dict[str, Any] = {"items": [1]}
    definition: dict[str, Any] = {"nodes": {}}
    progress: dict[str, Any] = {"total": 1}
    store.commit([insert(inputs=inputs, epoch=1), save(definition=definition), append(changes={"progress": progress})])
    inputs["items"].append(2)
    definition["nodes"]["a"] = 1
    progress["total"] = 9
    execution, workflow = store.execution("e1"), store.workflow("wf")
    assert execution is not None
    assert workflow is not None
    assert (execution.inputs, execution.progress, workflow.definition) == ({"items": [1]}, {"total": 1}, {"nodes": {}})


def test_many_payloads_do_not_stay_in_memory() -> None:
    store = MemoryStore()
    tracemalloc.start()
    try:
        ids = [store.payloads.put("e1", str(number), bytes([number]) * 1024 * 1024) for number in range(64)]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < NEAR_BYTES + 2 * 1024 * 1024
    assert [store.payloads.get(its_id)[0] for its_id in ids] == list(range(64))
