"""Callbacks in every store: memory, SQLite and PostgreSQL. The rows stand as soon as what they tell (R24)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.errors import ErrorCode
from flowray.persistence.callbacks.records import CallbackRecord
from flowray.persistence.writes import Done, Fenced, Refused
from flowray.persistence.writes.callbacks import (
    ClaimCallbacks,
    ClaimedCallback,
    ClaimedCallbacks,
    RedeliverCallback,
    SettleCallback,
)
from tests.conformance.test_stores import Stores, stores
from tests.persistence.samples import append, bodies, owned, owner

__all__ = ["stores"]

ASKED = {"url": "https://example.org/hook", "events": ["completed", "failed", "paused"]}


def status(new: str, seq: int = 0, execution_id: str = "e1", **changes: Any) -> Any:
    return append(execution_id, expected_seq=seq, count=1, changes={"status": new, **changes})


def known(stores: Stores, callback_id: str) -> CallbackRecord:
    found = stores.reader.callbacks.callback(callback_id)
    assert found is not None
    return found


def claim(stores: Stores, **fields: Any) -> tuple[ClaimedCallback, ...]:
    result = stores.one(ClaimCallbacks(**fields))
    assert isinstance(result, ClaimedCallbacks)
    return result.claims


def test_a_commit_that_ends_an_execution_leaves_its_callback_behind(stores: Stores) -> None:
    stores.commit(owner(), owned(callback=ASKED))
    stores.one(status("running"))
    assert stores.reader.callbacks.due() == 0
    stores.one(status("failed", 1, error={"code": "X"}, partial=True))
    (row,) = stores.reader.callbacks.callbacks().data
    assert (row.id, row.execution_id, row.event, row.seq) == ("cb_e1_2", "e1", "execution.failed", 2)
    assert (row.status, row.url) == ("pending", "https://example.org/hook")
    assert row.data == {"status": "failed", "at": 2_000, "error": {"code": "X"}, "partial": True}
    assert stores.reader.callbacks.due() == 1


def test_a_refused_or_repeated_commit_leaves_none_or_the_same(stores: Stores) -> None:
    stores.commit(owner(), owned(callback=ASKED))
    assert stores.one(append(epoch=9, count=1, changes={"status": "completed"})) == Fenced()
    assert stores.reader.callbacks.due() == 0
    end = status("completed")
    for _ in range(2):
        assert stores.one(end) == Done()
    assert [row.id for row in stores.reader.callbacks.callbacks().data] == ["cb_e1_1"]


def test_only_what_was_asked_for_is_told(stores: Stores) -> None:
    stores.commit(owner(), owned("e1"), owned("e2", callback={**ASKED, "events": ["failed"]}))
    stores.commit(status("completed"), status("completed", execution_id="e2"))
    assert stores.reader.callbacks.callbacks().data == ()


@pytest.mark.parametrize("end", sorted(status.value for status in TERMINAL_EXECUTION))
def test_every_end_can_be_told_whoever_commits_it(stores: Stores, end: str) -> None:
    stores.commit(owner(), owned(callback={"url": "http://x/", "events": [end]}), status(end))
    (row,) = stores.reader.callbacks.callbacks().data
    assert (row.event, row.data["status"]) == (f"execution.{end}", end)


def test_each_pause_is_told_once(stores: Stores) -> None:
    stores.commit(owner(), owned(callback=ASKED))
    stores.one(status("paused", waiting_for=[{"kind": "human"}]))
    stores.one(status("paused", 1))
    stores.one(status("running", 2))
    stores.one(status("paused", 3))
    assert [row.seq for row in stores.reader.callbacks.callbacks().data] == [4, 1]
    assert known(stores, "cb_e1_1").data["waiting_for"] == [{"kind": "human"}]


def test_an_execution_that_ends_in_the_group_that_inserts_it_calls_back(stores: Stores) -> None:
    stores.commit(owner(), owned(callback=ASKED), status("completed"))
    assert stores.reader.callbacks.due() == 1


def test_a_claim_counts_an_attempt_and_nobody_else_gets_it_meanwhile(stores: Stores) -> None:
    stores.commit(owner(), owned(callback=ASKED), status("completed"))
    first = ClaimCallbacks(limit=5)
    for _ in range(2):  # a repeat after a lost acknowledgement
        result = stores.one(first)
        assert result == ClaimedCallbacks(claims=(ClaimedCallback("cb_e1_1", "e1", 1),))
    assert claim(stores) == ()
    assert stores.reader.callbacks.due() == 0
    assert known(stores, "cb_e1_1").attempts == 1


def test_what_a_dead_process_had_claimed_is_claimed_again(stores: Stores) -> None:
    stores.commit(owner(), owned(callback=ASKED), status("completed"))
    claim(stores, lease_ms=0)
    assert [found.attempt for found in claim(stores)] == [2]


def test_settling_ends_it_or_puts_it_off(stores: Stores) -> None:
    stores.commit(owner(), owned("e1", callback=ASKED), owned("e2", callback=ASKED), owned("e3", callback=ASKED))
    for its_id in ("e1", "e2", "e3"):
        stores.one(status("completed", execution_id=its_id))
    assert len(claim(stores, claim_id="c1")) == 3
    stores.commit(
        SettleCallback(id="cb_e1_1", claim_id="c1", status="delivered", http_status=204),
        SettleCallback(id="cb_e2_1", claim_id="c1", status="pending", retry_ms=60_000, http_status=500, error="500"),
        SettleCallback(id="cb_e3_1", claim_id="c1", status="given_up", error="gone"),
    )
    assert (known(stores, "cb_e1_1").status, known(stores, "cb_e1_1").last_status) == ("delivered", 204)
    assert known(stores, "cb_e1_1").delivered_at is not None
    assert (known(stores, "cb_e3_1").status, known(stores, "cb_e3_1").last_error) == ("given_up", "gone")
    assert claim(stores) == ()
    stores.one(SettleCallback(id="cb_e2_1", claim_id="c1", status="pending", retry_ms=0))
    assert [(found.id, found.attempt) for found in claim(stores)] == [("cb_e2_1", 2)]


def test_a_late_settling_by_a_former_claim_counts_no_more(stores: Stores) -> None:
    stores.commit(owner(), owned(callback=ASKED), status("completed"))
    claim(stores, claim_id="c1", lease_ms=0)
    claim(stores, claim_id="c2")
    assert stores.one(SettleCallback(id="cb_e1_1", claim_id="c1", status="given_up")) == Fenced()
    assert known(stores, "cb_e1_1").status == "pending"


def test_by_hand_it_is_delivered_again_from_the_beginning(stores: Stores) -> None:
    stores.commit(owner(), owned(callback=ASKED), status("completed"))
    claim(stores, claim_id="c1")
    stores.one(SettleCallback(id="cb_e1_1", claim_id="c1", status="given_up", error="no"))
    assert stores.one(RedeliverCallback(id="cb_e1_1")) == Done()
    assert [(found.id, found.attempt) for found in claim(stores)] == [("cb_e1_1", 1)]
    refused = stores.one(RedeliverCallback(id="nope"))
    assert isinstance(refused, Refused)
    assert refused.code == ErrorCode.NOT_FOUND


def test_listing_pages_and_filters(stores: Stores) -> None:
    stores.commit(owner(), *(owned(f"e{number}", callback=ASKED) for number in range(5)))
    stores.commit(*(status("completed", execution_id=f"e{number}") for number in range(5)))
    reader = stores.reader.callbacks
    first = reader.callbacks(limit=3)
    rest = reader.callbacks(limit=3, cursor=first.next_cursor)
    ids = [row.execution_id for row in (*first.data, *rest.data)]
    assert sorted(ids) == ["e0", "e1", "e2", "e3", "e4"]
    assert [row.execution_id for row in reader.callbacks(execution_id="e3").data] == ["e3"]
    assert len(reader.callbacks(status="pending").data) == 5
    assert reader.callbacks(status="delivered").data == ()
    assert reader.callback("nope") is None


def test_bodies_of_events_play_no_part(stores: Stores) -> None:
    stores.commit(owner(), owned(callback=ASKED))
    stores.one(append(count=1, events=bodies("execution.completed"), changes={}))
    assert stores.reader.callbacks.due() == 0
