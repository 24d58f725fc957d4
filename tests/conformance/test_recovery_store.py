"""Recoveries that fail, in every store: counted by claims, reset by commits, suspects apart, crashes undone (R28)."""

from __future__ import annotations

from typing import Any

from flowray.engine.events import decode_events
from flowray.persistence.writes import SUSPECT_AFTER, Claimed, ClaimExecutions, Done, Fenced, ReleaseOwner
from flowray.runtime.live import crash_write
from flowray.runtime.redriving import redrive_write
from tests.conformance.test_stores import Stores, stores, waitpoint
from tests.persistence.samples import append, owned, owner

__all__ = ["stores"]


def claim(stores: Stores, owner_id: str, **options: Any) -> list[tuple[str, int]]:
    """``(execution, failures)`` of what was claimed."""
    claimed = stores.one(ClaimExecutions(owner_id=owner_id, **options))
    assert isinstance(claimed, Claimed)
    return [(one.execution_id, one.failures) for one in claimed.claims]


def die(stores: Stores, *owner_ids: str) -> None:
    """Owners whose leases have ended by themselves."""
    stores.commit(*(owner(owner_id, lease_ms=0) for owner_id in owner_ids))


def suspected(stores: Stores, *execution_ids: str) -> None:
    """Executions that have lost ``SUSPECT_AFTER`` owners."""
    stores.commit(*(owned(its_id, owner_id="d0", created_at=n) for n, its_id in enumerate(execution_ids)))
    die(stores, "d0")
    for number in range(1, SUSPECT_AFTER + 1):
        stores.commit(owner(f"d{number}"))
        assert claim(stores, f"d{number}", ids=execution_ids) == [(its_id, number) for its_id in execution_ids]
        die(stores, f"d{number}")


def test_r28_each_owner_that_dies_is_counted_and_a_hand_over_is_not(stores: Stores) -> None:
    stores.commit(owner("o2"), owner("o3"), owned("e1", owner_id="o1"))
    die(stores, "o1")
    assert claim(stores, "o2") == [("e1", 1)]
    stores.one(ReleaseOwner(id="o2"))
    assert claim(stores, "o3") == [("e1", 1)]
    assert stores.execution().failed_recoveries == 1


def test_r28_a_commit_resets_the_count(stores: Stores) -> None:
    stores.commit(owner("o2"), owned("e1", owner_id="o1"))
    die(stores, "o1")
    claim(stores, "o2")
    assert stores.one(append("e1", epoch=2, changes={"failed_recoveries": 0})) == Done()
    assert stores.execution().failed_recoveries == 0


def test_r28_suspects_are_claimed_apart(stores: Stores) -> None:
    suspected(stores, "s1", "s2")
    stores.commit(owner("o2"), owned("plain", owner_id="d0"))
    assert (stores.reader.claimable(), stores.reader.claimable(suspects=True)) == (3, 2)
    assert claim(stores, "o2") == [("plain", 1)]
    assert claim(stores, "o2", ids=("s1",)) == []
    assert claim(stores, "o2", suspects=True, limit=1) == [("s1", 3)]
    assert (stores.reader.claimable(), stores.reader.claimable(suspects=True)) == (1, 1)


def test_a_repeated_claim_knows_the_count(stores: Stores) -> None:
    suspected(stores, "s1")
    stores.commit(owner("o2"))
    write = ClaimExecutions(owner_id="o2", suspects=True)
    first, second = stores.one(write), stores.one(write)
    assert first == second
    assert isinstance(first, Claimed)
    assert [one.failures for one in first.claims] == [SUSPECT_AFTER + 1]


def test_a_crashed_execution_is_reopened_once(stores: Stores) -> None:
    """Its waitpoints that the crash closed are open again, with their tokens; those closed before are not."""
    suspected(stores, "e1")
    stores.commit(owner("o2"))
    assert claim(stores, "o2", suspects=True) == [("e1", SUSPECT_AFTER + 1)]
    epoch = stores.execution().epoch
    stores.one(append("e1", epoch=epoch, waitpoints=(waitpoint("p#1"), waitpoint("q#1"))))
    closed = append("e1", epoch=epoch, expected_seq=2, close_waitpoints=True)
    stores.one(closed)
    stores.one(append("e1", epoch=epoch, expected_seq=4, waitpoints=(waitpoint("r#1"),)))
    stores.one(crash_write("e1", epoch, 6, 777_000, "it kills its owners"))
    row = stores.execution()
    assert (row.status, row.crash_reason, row.owner_id) == ("crashed", "it kills its owners", None)
    write, late = redrive_write(row, 900_000, by="ann"), redrive_write(row, 900_001, by="bob")
    assert [stores.one(one) for one in (write, write, late)] == [Done(), Done(), Fenced()]
    again = stores.execution()
    assert (again.status, again.crash_reason, again.ended_at, again.error) == ("queued", None, None, None)
    assert again.failed_recoveries == SUSPECT_AFTER
    assert [event.ts for event in decode_events(stores.reader.events.read_raw("e1", row.last_seq)[0])] == [900_000]
    states = {name: stores.reader.waitpoint(f"e1:{name}") for name in ("p#1", "r#1")}
    assert {name: found.status for name, found in states.items() if found is not None} == {
        "p#1": "cancelled", "r#1": "open",
    }  # fmt: skip
    assert states["r#1"] is not None
    assert states["r#1"].completed_at is None
    assert claim(stores, "o2", suspects=True) == [("e1", SUSPECT_AFTER)]
