"""What shared waitpoints mean for those that wait for them, as plain data."""

from __future__ import annotations

from typing import Any

from flowray.engine.waitpoint_sources import of_name, of_token, token_hash
from flowray.persistence.records import WaitpointRecord
from flowray.persistence.writes.waitpoints import (
    CompleteWaitpoint,
    adopted,
    closed_result,
    closed_with,
    dedupe_key,
    is_due,
    keyed_id,
    named_id,
    on_demand,
    outcome_row,
    sources_of,
    timed_out,
)


def shared(**changes: Any) -> WaitpointRecord:
    fields: dict[str, Any] = {
        "id": "wp:1", "execution_id": None, "kind": "shared", "status": "open", "created_at": 1, "token": "t",
        "token_hash": token_hash("t"), "expires_at": 100,
    } | changes  # fmt: skip
    return WaitpointRecord(**fields)


WAITING = WaitpointRecord(id="e1:a#1", execution_id="e1", kind="waitpoint", status="open", created_at=2, source="x")


def test_ids_follow_from_names_and_keys_of_a_workspace() -> None:
    assert named_id("w", "go") == "wp:w/go"
    assert len({keyed_id("w", "k"), keyed_id("v", "k"), keyed_id("w", "l"), named_id("w", "k")}) == 4


def test_others_wait_for_it_by_token_and_by_name() -> None:
    assert sources_of(shared()) == (of_token("t"),)
    assert sources_of(shared(name="go")) == (of_token("t"), of_name("go"))
    assert sources_of(on_demand("w", "go", 5)) == (of_name("go"),)


def test_what_stands_on_demand_is_taken_over_once() -> None:
    standing = on_demand("default", "go", 5)
    whole = adopted(standing, shared(id=standing.id, name="go", created_at=9))
    assert whole is not None
    assert (whole.token, whole.created_at, whole.name) == ("t", 5, "go")
    assert adopted(whole, shared()) is None


def test_an_open_one_says_nothing_until_its_time() -> None:
    assert outcome_row(WAITING, shared(), 99) is None
    assert [is_due(shared(), now) for now in (99, 100)] == [False, True]
    late = outcome_row(WAITING, shared(name="go"), 100)
    assert late is not None
    assert (late.kind, late.data) == ("expire", {"message": "The waitpoint 'go' was not answered in time"})


def test_a_closed_one_says_how() -> None:
    done = outcome_row(WAITING, shared(status="completed", data=7, completed_by="ann"), 500)
    assert done is not None
    assert (done.kind, done.data, done.by) == ("complete", {"data": 7, "variables": {}}, "ann")
    assert (done.waitpoint_id, done.dedupe_key) == ("e1:a#1", dedupe_key("e1:a#1"))
    unknown = outcome_row(WAITING, None, 5)
    assert unknown is not None
    assert (unknown.kind, unknown.data["code"], unknown.origin) == ("expire", "NOT_FOUND", None)


def test_who_answered_first_is_known_by_the_id_of_the_answer() -> None:
    write = CompleteWaitpoint(id="wp:1", completion_id="c1", data=1, origin={"via": "api"})
    closed = closed_with(shared(), write, 50)
    assert (closed.status, closed.data, closed.completed_at) == ("completed", 1, 50)
    assert closed.completed_from == {"via": "api", "id": "c1"}
    assert closed_result(closed, write, ("e1",)).already is False
    other = CompleteWaitpoint(id="wp:1", completion_id="c2", data=2)
    assert (closed_result(closed, other, ()).already, closed_result(closed, other, ()).data) == (True, 1)
    late = closed_with(shared(), write, 100)
    assert (late.status, late.data, late) == ("timed_out", None, timed_out(shared(), 100))
