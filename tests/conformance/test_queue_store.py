"""Queues, delays, times to live and idempotency keys in every store: one suite for memory, SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from flowray.persistence.records import ExecutionRecord
from flowray.persistence.writes import (
    Claimed,
    ClaimExecutions,
    Done,
    Existing,
    Inserted,
    InsertExecution,
    ReleaseOwner,
    RenewLease,
)
from flowray.persistence.writes.queues import ConfigureQueue
from tests.conformance.test_stores import Stores, stores
from tests.persistence.samples import PLAN, append, owner, request

__all__ = ["stores"]

HOUR_MS = 3_600_000


def limit(name: str = "q", declared: bool = False, **changes: Any) -> ConfigureQueue:
    return ConfigureQueue(name=name, changes=changes, ts=5, declared=declared)


def asked(execution_id: str, order: int = 0, queue: str = "q", key: str = "", **fields: Any) -> InsertExecution:
    """As a start asks for it: owned at once, if it may be (R43)."""
    values: dict[str, Any] = {
        "status": "queued", "plan_hash": "plan-1", "created_at": 1_000, "updated_at": 1_000, "owner_id": "o1",
        "epoch": 1, "queue": queue, "concurrency_key": key, "queued_at": 1_000, "queue_order": order,
    }  # fmt: skip
    return InsertExecution(record=ExecutionRecord(id=execution_id, **(values | fields)), plan=PLAN)


def claim(stores: Stores, owner_id: str = "o1", **fields: Any) -> list[str]:
    result = stores.one(ClaimExecutions(owner_id=owner_id, **fields))
    assert isinstance(result, Claimed)
    return [claimed.execution_id for claimed in result.claims]


def end(execution_id: str, epoch: int = 1, status: str = "completed") -> Any:
    return append(execution_id, epoch=epoch, changes={"status": status}, release=True)


def counts(stores: Stores, name: str = "q") -> tuple[int, int, int]:
    found = stores.reader.queues.get(name)
    assert found is not None
    return found.running, found.waiting, found.delayed


def started(results: list[Any]) -> list[bool]:
    return [isinstance(result, Inserted) and not result.elsewhere for result in results]


# -- limits -------------------------------------------------------------------------------------------------------


def test_without_limits_everything_is_inserted_owned(stores: Stores) -> None:
    stores.one(owner())
    assert started(stores.commit(*(asked(f"e{n}") for n in range(5)))) == [True] * 5
    assert counts(stores) == (5, 0, 0)
    assert claim(stores) == []


def test_a_limit_holds_for_new_executions_one_by_one_and_in_one_group(stores: Stores) -> None:
    stores.commit(owner(), limit(max_concurrent=3))
    assert started([stores.one(asked("a"))]) == [True]
    assert started(stores.commit(*(asked(f"e{n}", n) for n in range(4)))) == [True, True, False, False]
    row = stores.execution("e2")
    assert (row.status, row.owner_id, row.epoch, row.admitted_at) == ("queued", None, 0, None)
    assert counts(stores) == (3, 2, 0)


def test_what_is_not_limited_passes_by(stores: Stores) -> None:
    stores.commit(owner(), limit(max_concurrent=0))
    assert started(stores.commit(asked("a"), asked("b", queue="other"))) == [False, True]


def test_a_slot_that_frees_goes_to_the_first_in_line(stores: Stores) -> None:
    stores.commit(owner(), limit(max_concurrent=1), asked("a"), asked("late", 20), asked("early", 10))
    assert claim(stores) == []
    stores.one(end("a"))
    assert claim(stores) == ["early"]
    row = stores.execution("early")
    assert (row.owner_id, row.epoch) == ("o1", 1)
    assert row.admitted_at is not None
    assert claim(stores) == []
    stores.one(end("early"))
    assert claim(stores, admit_only=True) == ["late"]


def test_a_new_one_does_not_overtake_who_waits(stores: Stores) -> None:
    stores.commit(owner(), limit(max_concurrent=1), asked("a"), asked("b", 10))
    stores.one(end("a"))
    assert started([stores.one(asked("c", 20))]) == [False]
    assert claim(stores) == ["b"]


def test_priority_is_an_offset_so_nobody_starves(stores: Stores) -> None:
    """``queue_order`` is the time of joining less the priority: who has waited longer than that goes first."""
    stores.commit(owner(), limit(max_concurrent=0))
    stores.commit(asked("waited", 1_000), asked("urgent", 90_000 - 60_000), asked("most urgent", 95_000 - 99_000))
    stores.one(limit(max_concurrent=2))
    assert claim(stores) == ["most urgent", "waited"]


def test_the_limit_of_everything_holds_over_all_queues(stores: Stores) -> None:
    stores.commit(owner(), limit("global", max_concurrent=2), limit(max_concurrent=1))
    assert started(stores.commit(asked("a"), asked("b", 1), asked("c", 3, queue="p"), asked("d", 2, queue="r"))) == [
        True, False, True, False,
    ]  # fmt: skip
    assert counts(stores, "global") == (2, 2, 0)
    stores.one(end("c"))
    assert claim(stores) == ["d"]
    stores.one(end("a"))
    assert claim(stores) == ["b"]


def test_a_child_runs_on_its_parents_slot(stores: Stores) -> None:
    """R13."""
    stores.commit(owner(), limit(max_concurrent=1), asked("a"))
    child = asked("k", parent_id="a", parent_key="n#1")
    result = stores.one(msgspec.structs.replace(child, parent_epoch=1))
    assert started([result]) == [True]
    assert counts(stores) == (1, 0, 0)


def test_limits_change_live(stores: Stores) -> None:
    stores.commit(owner(), limit(max_concurrent=1), *(asked(f"e{n}", n) for n in range(5)))
    stores.one(limit(max_concurrent=3))
    assert claim(stores) == ["e1", "e2"]
    stores.one(limit(max_concurrent=2))
    stores.one(end("e0"))
    assert claim(stores) == []
    stores.one(limit(max_concurrent=None))
    assert claim(stores) == ["e3", "e4"]


def test_a_paused_queue_starts_nothing_but_lets_go_on_what_has_started(stores: Stores) -> None:
    stores.commit(owner(), asked("a"))
    stores.one(append("a", changes={"status": "waiting", "wake_at": 1}, release=True))
    stores.one(limit(paused=True))
    assert started([stores.one(asked("b"))]) == [False]
    assert claim(stores) == ["a"]
    stores.one(limit(paused=False))
    assert claim(stores) == ["b"]


def test_a_pause_of_everything_stops_every_start(stores: Stores) -> None:
    stores.commit(owner(), limit("global", paused=True))
    assert started(stores.commit(asked("a"), asked("b", queue="p"))) == [False, False]
    assert claim(stores) == []
    stores.one(limit("global", paused=False))
    assert sorted(claim(stores)) == ["a", "b"]


# -- slots are rows -----------------------------------------------------------------------------------------------


def test_a_waiting_execution_holds_no_slot_and_needs_one_to_go_on(stores: Stores) -> None:
    stores.commit(owner(), limit(max_concurrent=1), asked("a", 1), asked("b", 2))
    stores.one(append("a", changes={"status": "paused"}, release=True))
    assert counts(stores) == (0, 1, 0)
    assert claim(stores) == ["b"]
    stores.one(request(execution_id="a", kind="resume"))
    assert claim(stores) == []
    assert claim(stores, ids=("a",)) == []
    stores.one(asked("c", 0))
    stores.one(end("b"))
    assert claim(stores) == ["a"]


def test_a_dead_owners_slot_stays_taken_until_somebody_takes_over_and_ends_it(stores: Stores) -> None:
    """Scenario 60, L8: a slot is the row of an owned execution, so a crash can neither leak nor free one."""
    stores.commit(owner(), owner("o2"), limit(max_concurrent=1), asked("a", 1), asked("b", 2))
    stores.one(append("a", changes={"status": "running"}))
    stores.one(ReleaseOwner(id="o1"))
    assert counts(stores) == (1, 1, 0)
    assert claim(stores, "o2") == ["a"]
    assert counts(stores) == (1, 1, 0)
    stores.one(append("a", epoch=2, expected_seq=2, changes={"status": "completed"}, release=True))
    assert claim(stores, "o2") == ["b"]
    assert counts(stores) == (1, 0, 0)


def test_what_is_to_be_cancelled_is_claimed_without_a_slot(stores: Stores) -> None:
    stores.commit(owner(), limit(max_concurrent=0), asked("a"), request(execution_id="a"))
    assert claim(stores) == ["a"]


def test_a_repeated_claim_finds_what_it_has_admitted(stores: Stores) -> None:
    stores.commit(owner(), limit(max_concurrent=0), asked("a", 1), asked("b", 2))
    stores.one(limit(max_concurrent=1))
    assert claim(stores, claim_id="c") == claim(stores, claim_id="c") == ["a"]
    assert counts(stores) == (1, 1, 0)


def test_a_repeated_insert_knows_whether_it_was_admitted(stores: Stores) -> None:
    stores.commit(owner(), limit(max_concurrent=1))
    first = stores.commit(asked("a"), asked("b"))
    assert started(first) == [True, False]
    assert stores.commit(asked("a"), asked("b")) == first
    assert counts(stores) == (1, 1, 0)


# -- keys ---------------------------------------------------------------------------------------------------------


def test_a_limit_per_key_holds_for_each_key(stores: Stores) -> None:
    stores.commit(owner(), limit(max_per_key=1))
    results = stores.commit(
        asked("a1", key="a"), asked("a2", 2, key="a"), asked("b1", key="b"), asked("n1"), asked("n2")
    )
    assert started(results) == [True, False, True, True, True]
    stores.one(end("b1"))
    assert claim(stores) == []
    stores.one(end("a1"))
    assert claim(stores) == ["a2"]


def test_a_hot_key_does_not_keep_cold_ones_waiting(stores: Stores) -> None:
    """Scenario 61: 1 key with many executions that came first, 50 keys with one each, one slot."""
    stores.commit(owner(), limit(max_concurrent=1))
    stores.commit(*(asked(f"hot{n:03}", n, key="hot") for n in range(60)))
    stores.commit(*(asked(f"cold{n:02}", 1_000 + n, key=f"k{n}") for n in range(50)))
    running, order = "hot000", []
    for _ in range(52):
        stores.one(end(running))
        (running,) = claim(stores)
        order.append(running)
    assert sum(name.startswith("cold") for name in order[:51]) == 50
    assert [name for name in order if name.startswith("cold")] == [f"cold{n:02}" for n in range(50)]


def test_keys_that_keep_coming_do_not_starve_one_that_waits(stores: Stores) -> None:
    now = stores.reader.now_ms()
    stores.commit(owner(), limit(max_concurrent=1), asked("a1", now, key="a"), asked("a2", now, key="a"))
    running, order = "a1", []
    for n in range(4):
        stores.one(asked(f"new{n}", now + HOUR_MS + n, key=f"k{n}"))
        stores.one(end(running))
        (running,) = claim(stores)
        order.append(running)
    assert order[0] == "a2"


# -- delay and time to live ---------------------------------------------------------------------------------------


def test_a_delayed_execution_is_nobodys_until_its_time(stores: Stores) -> None:
    stores.one(owner())
    before = stores.reader.now_ms()
    delayed = asked("a", status="delayed", not_before=1_000 + HOUR_MS, queued_at=1_000 + HOUR_MS)
    assert started([stores.one(delayed)]) == [False]
    row = stores.execution("a")
    assert (row.status, row.owner_id, row.epoch) == ("delayed", None, 0)
    assert row.not_before is not None
    assert row.not_before >= before + HOUR_MS  # by the database's clock
    assert (row.wake_at, row.queued_at, stores.reader.queues.next_wake()) == ((row.not_before,) * 3)
    assert counts(stores) == (0, 0, 1)
    stores.one(request("i1", "a", kind="pause"))
    assert (claim(stores), stores.reader.claimable()) == ([], 0)
    stores.one(request("i2", "a"))
    assert claim(stores) == ["a"]


def test_a_delayed_execution_whose_time_has_come_is_claimed_or_waits_in_line(stores: Stores) -> None:
    stores.commit(owner(), limit(max_concurrent=1))
    due = {"status": "delayed", "not_before": 1_000, "queued_at": 1_000}
    stores.commit(asked("a", queue="free", **due), asked("b", **due), asked("c", 5, **due))
    assert claim(stores) == ["a", "b"]
    assert stores.execution("c").status == "queued"
    assert counts(stores) == (1, 1, 0)


def test_one_that_was_not_started_in_time_is_claimed_to_be_ended(stores: Stores) -> None:
    stores.commit(owner(), limit(max_concurrent=0), asked("a", expires_at=1_000), asked("b", expires_at=HOUR_MS))
    result = stores.one(ClaimExecutions(owner_id="o1", claim_id="c"))
    assert isinstance(result, Claimed)
    assert [(found.execution_id, found.expired) for found in result.claims] == [("a", True)]
    assert stores.one(ClaimExecutions(owner_id="o1", claim_id="c")) == result
    assert stores.reader.queues.next_wake() == stores.execution("b").expires_at


def test_who_has_started_never_expires(stores: Stores) -> None:
    stores.commit(owner(), owner("o2"), asked("a", expires_at=1_000))
    stores.one(append("a", changes={"status": "running"}))
    stores.one(ReleaseOwner(id="o1"))
    result = stores.one(ClaimExecutions(owner_id="o2"))
    assert isinstance(result, Claimed)
    assert [found.expired for found in result.claims] == [False]


# -- idempotency keys ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "anew"),
    [
        ("completed", False), ("cancelled", False), ("failed", True), ("timed_out", True), ("crashed", True),
        ("expired", True), ("running", False), ("paused", False),
    ],
)  # fmt: skip
def test_what_a_repeat_of_a_key_finds(stores: Stores, status: str, anew: bool) -> None:
    """Scenario 4."""
    stores.commit(owner(), asked("a", idempotency_key="k", request_hash="h"))
    stores.one(append("a", changes={"status": status}))
    result = stores.one(asked("b", idempotency_key="k", request_hash="h2"))
    if not anew:
        assert result == Existing(id="a", request_hash="h", status=status)
        return
    assert result == Inserted(id="b", status="queued")
    assert stores.one(asked("c", idempotency_key="k")) == Existing(id="b", request_hash="h2", status="queued")
    assert (stores.execution("a").status, stores.execution("a").idempotency_key) == (status, None)
    assert stores.one(asked("b", idempotency_key="k", request_hash="h2")) == result  # after a lost acknowledgement


def test_a_repeat_of_a_batch_finds_what_it_has_begun_whatever_came_of_it(stores: Stores) -> None:
    stores.commit(owner(), asked("a", idempotency_key="batch:k:0", batch_id="b"))
    stores.one(append("a", changes={"status": "failed"}))
    assert isinstance(stores.one(asked("c", idempotency_key="batch:k:0", batch_id="b")), Existing)


def test_a_key_that_has_expired_is_the_next_ones_and_its_execution_goes_on(stores: Stores) -> None:
    """Scenario 5."""
    later, ago = stores.reader.now_ms() + HOUR_MS, stores.reader.now_ms() - 1
    stores.commit(owner(), asked("a", idempotency_key="k", idempotency_expires_at=later))
    assert isinstance(stores.one(asked("b", idempotency_key="k")), Existing)
    stores.commit(asked("c", idempotency_key="l", idempotency_expires_at=ago))
    assert stores.one(asked("d", idempotency_key="l")) == Inserted(id="d", status="queued")
    assert stores.one(append("c", changes={"status": "running"})) == Done()


def test_many_who_repeat_a_key_at_once_get_one_execution(stores: Stores) -> None:
    """Scenario 1, with a key that is spent when they come."""
    stores.commit(owner(), asked("old", idempotency_key="k"))
    stores.one(append("old", changes={"status": "failed"}))
    committers = [stores.another_committer() for _ in range(4)]
    barrier = threading.Barrier(8)

    def start(number: int) -> str:
        barrier.wait()
        (result,) = committers[number % 4].commit([asked(f"n{number}", idempotency_key="k", request_hash="h")])
        assert isinstance(result, Inserted | Existing)
        return result.id

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(start, range(8)))
    assert len(found) == 1
    assert len(stores.reader.executions().data) == 2


# -- several claimers ---------------------------------------------------------------------------------------------


def test_two_claimers_at_once_never_exceed_a_limit_and_lose_nobody(stores: Stores) -> None:
    """Scenario 59: limit 3, many waiting, claims, inserts and ends from several connections at once."""
    stores.commit(owner(), owner("o2"), limit(max_concurrent=3))
    stores.commit(*(asked(f"e{n:02}", n, key=f"k{n % 4}") for n in range(30)))
    most, ended = [0], set[str]()
    lock = threading.Lock()

    def work(name: str) -> None:
        committer = stores.another_committer()
        for number in range(10):
            committer.commit([asked(f"{name}{number}", 100 + number, owner_id=name)])
        for _ in range(400):
            (result,) = committer.commit([ClaimExecutions(owner_id=name, limit=5)])
            assert isinstance(result, Claimed)
            with lock:
                found = stores.reader.queues.get("q")
                most[0] = max(most[0], found.running if found else 0)
                if found is None or found.running + found.waiting == 0:
                    return
            for row in stores.reader.executions(limit=100).data:
                if row.owner_id == name and row.status == "queued":
                    committer.commit([end(row.id, row.epoch), RenewLease(id=name, lease_ms=60_000)])
                    with lock:
                        ended.add(row.id)
                    break

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, ("o1", "o2")))
    assert len(ended) == 50
    assert most[0] == 3
    assert stores.reader.queues.get("q").running == 0  # type: ignore[union-attr]  # L8


# -- the table ----------------------------------------------------------------------------------------------------


def test_definitions_declare_limits_until_somebody_overrides_them(stores: Stores) -> None:
    stores.one(limit(declared=True, max_concurrent=5))
    stores.one(limit(declared=True, max_concurrent=6, max_per_key=2))
    stores.one(limit(max_concurrent=1, overridden=True))
    stores.one(limit(declared=True, max_concurrent=9))
    found = stores.reader.queues.get("q")
    assert found is not None
    assert (found.max_concurrent, found.max_per_key, found.overridden, found.updated_at) == (1, 2, True, 5)
    stores.one(limit(overridden=False))
    stores.one(limit(declared=True, max_concurrent=9))
    changed = stores.reader.queues.get("q")
    assert changed is not None
    assert changed.max_concurrent == 9


def test_queues_are_listed_by_name_those_in_use_too(stores: Stores) -> None:
    stores.commit(owner(), limit("b", max_concurrent=1), asked("x", queue="c"), asked("y", queue="a"))
    page = stores.reader.queues.page(limit=2)
    assert [(row.name, row.max_concurrent, row.running) for row in page.data] == [("a", None, 1), ("b", 1, 0)]
    rest = stores.reader.queues.page(limit=2, cursor=page.next_cursor)
    assert [row.name for row in rest.data] == ["c"]
    assert rest.next_cursor is None
    stores.one(end("x"))
    assert stores.reader.queues.get("c") is None
    assert {queue.name for queue in stores.reader.queues.limited()} == {"b"}


def test_another_name_than_a_limit_is_refused(stores: Stores) -> None:
    result = stores.one(limit(running=5))
    assert type(result).__name__ == "Refused"
    assert stores.reader.queues.get("q") is None
