"""Shared waitpoints, metadata and imports in every store: one suite for memory, SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from flowray.engine.waitpoint_sources import of_event, of_name, of_token, token_hash
from flowray.errors import ErrorCode
from flowray.persistence.records import EventBatch, ExecutionRecord, InboxRecord, WaitpointRecord
from flowray.persistence.writes import (
    Claimed,
    ClaimExecutions,
    Done,
    Existing,
    Fenced,
    Inserted,
    InsertInbox,
    Refused,
    decode_results,
    decode_writes,
    encode_results,
    encode_writes,
)
from flowray.persistence.writes.imports import ImportExecution
from flowray.persistence.writes.metadata import MAX_METADATA_BYTES, ChangeMetadata, MetadataChanged, MetadataOperation
from flowray.persistence.writes.waitpoints import (
    Closed,
    CompleteWaitpoint,
    CreateWaitpoint,
    Expired,
    ExpireWaitpoints,
    keyed_id,
    named_id,
)
from tests.conformance.test_stores import Stores, stores
from tests.persistence.samples import PLAN, append, bodies, insert, node_log, owned, owner

__all__ = ["stores"]

FAR = 4_000_000_000_000
"""A time that no test lives to see."""


def shared(name: str | None = None, token: str = "wp_t", **changes: Any) -> CreateWaitpoint:
    its_id = named_id("default", name) if name is not None else f"wp:{token}"
    fields: dict[str, Any] = {
        "execution_id": None, "kind": "shared", "status": "open", "created_at": 1_000, "name": name,
        "token": token, "token_hash": token_hash(token), "expires_at": FAR,
    } | changes  # fmt: skip
    return CreateWaitpoint(record=WaitpointRecord(id=its_id, **fields))


def waiting(execution_id: str, source: str, instance: str = "a", **changes: Any) -> WaitpointRecord:
    fields: dict[str, Any] = {
        "kind": "token", "status": "open", "created_at": 2_000, "instance": instance, "node_id": instance,
        "token": f"wp_{execution_id}_{instance}", "token_hash": token_hash(f"wp_{execution_id}_{instance}"),
    } | changes  # fmt: skip
    return WaitpointRecord(id=f"{execution_id}:{instance}#1", execution_id=execution_id, source=source, **fields)


def begins(execution_id: str, *waits: WaitpointRecord, **changes: Any) -> Any:
    return append(execution_id, waitpoints=waits, **changes)


def complete(data: Any = "yes", its_id: str = "wp:wp_t", completion_id: str = "c1", **changes: Any) -> Any:
    return CompleteWaitpoint(id=its_id, completion_id=completion_id, data=data, **changes)


def found(stores: Stores, its_id: str) -> WaitpointRecord:
    record = stores.reader.waitpoint(its_id)
    assert record is not None
    return record


def inbox(stores: Stores, execution_id: str) -> list[tuple[str, Any]]:
    return [(row.kind, row.data) for row in stores.reader.inbox(execution_id)]


# -- created ------------------------------------------------------------------------------------------------------


def test_a_shared_waitpoint_is_read_back_whole(stores: Stores) -> None:
    created = shared(
        "go", tags=("a", 'quo"te'), expected_input={"type": "object"}, reason="r", prompt="p", request_hash="h"
    )
    assert stores.one(created) == Inserted(id="wp:default/go", status="open")
    assert found(stores, "wp:default/go") == created.record
    assert stores.reader.waitpoint_by_token(token_hash("wp_t")) == created.record


def test_what_is_created_twice_is_there_once(stores: Stores) -> None:
    stores.one(shared(request_hash="h1"))
    again = stores.one(shared(request_hash="h2"))
    assert again == Existing(id="wp:wp_t", request_hash="h1", status="open")
    assert keyed_id("default", "k") == keyed_id("default", "k") != keyed_id("other", "k")


def test_a_name_that_is_waited_for_gets_its_token_when_somebody_creates_it(stores: Stores) -> None:
    stores.commit(owned())
    assert stores.one(begins("e1", waiting("e1", of_name("go")))) == Done()
    standing = found(stores, named_id("default", "go"))
    assert (standing.status, standing.token, standing.token_hash, standing.execution_id) == ("open", "", "", None)
    assert stores.one(shared("go", tags=("x",))) == Inserted(id="wp:default/go", status="open")
    whole = found(stores, "wp:default/go")
    assert (whole.token, whole.tags, whole.created_at) == ("wp_t", ("x",), standing.created_at)
    assert isinstance(stores.one(shared("go", "wp_2")), Existing)
    assert stores.one(complete(1, "wp:default/go")) == Closed(status="completed", data=1, released=("e1",))
    assert inbox(stores, "e1") == [("complete", {"data": 1, "variables": {}})]


def test_two_names_may_be_waited_for_before_anybody_creates_them(stores: Stores) -> None:
    stores.commit(owned())
    assert stores.one(begins("e1", waiting("e1", of_name("a"), "a"), waiting("e1", of_name("b"), "b"))) == Done()
    assert found(stores, named_id("default", "a")).name == "a"
    assert found(stores, named_id("default", "b")).name == "b"


# -- answered -----------------------------------------------------------------------------------------------------


def test_r25_an_answer_reaches_everyone_that_waits_in_one_transaction(stores: Stores) -> None:
    stores.commit(shared(), *(owned(f"e{number}") for number in range(5)))
    for number in range(5):
        assert stores.one(begins(f"e{number}", waiting(f"e{number}", of_token("wp_t")))) == Done()
    closed = stores.one(complete({"x": 1}, by="ann", origin={"via": "api", "address": "10.0.0.9"}))
    assert closed == Closed(status="completed", data={"x": 1}, released=("e0", "e1", "e2", "e3", "e4"))
    for number in range(5):
        [row] = stores.reader.inbox(f"e{number}")
        assert (row.kind, row.waitpoint_id, row.by) == ("complete", f"e{number}:a#1", "ann")
        assert row.data == {"data": {"x": 1}, "variables": {}}
        assert row.origin == {"via": "shared", "waitpoint": "wp:wp_t"}
        assert found(stores, f"e{number}:a#1").completed_from == row.origin
    kept = found(stores, "wp:wp_t")
    assert (kept.status, kept.data, kept.completed_by) == ("completed", {"x": 1}, "ann")
    assert kept.completed_from == {"via": "api", "address": "10.0.0.9", "id": "c1"}
    assert kept.completed_at is not None


def test_the_first_answer_counts_and_a_repeat_of_it_is_told_from_a_later_one(stores: Stores) -> None:
    stores.one(shared())
    assert stores.one(complete("first")) == Closed(status="completed", data="first")
    assert stores.one(complete("first")) == Closed(status="completed", data="first")
    assert stores.one(complete("second", completion_id="c2")) == Closed(status="completed", data="first", already=True)


def test_a_wait_that_begins_after_the_answer_finds_it(stores: Stores) -> None:
    stores.commit(shared(), owned())
    stores.one(complete("early"))
    begun = begins("e1", waiting("e1", of_token("wp_t")))
    done = stores.one(begun)
    assert isinstance(done, Done)
    assert [(row.kind, row.data) for row in done.inbox] == [("complete", {"data": "early", "variables": {}})]
    assert stores.reader.inbox("e1") == list(done.inbox)
    # A repeat after a lost acknowledgement does not put it there again; the sweep finds it.
    assert stores.one(begun) == Done()
    assert len(stores.reader.inbox("e1")) == 1


def test_a_wait_for_a_token_that_nobody_created_is_told_so(stores: Stores) -> None:
    stores.commit(owned())
    done = stores.one(begins("e1", waiting("e1", of_token("wp_none"))))
    assert isinstance(done, Done)
    assert [(row.kind, row.data["code"]) for row in done.inbox] == [("expire", "NOT_FOUND")]


def test_a_wait_that_is_fenced_off_leaves_nothing(stores: Stores) -> None:
    stores.commit(shared(), owned())
    stores.one(complete("early"))
    assert stores.one(begins("e1", waiting("e1", of_token("wp_t")), epoch=9)) == Fenced()
    assert (stores.reader.inbox("e1"), stores.reader.waitpoint("e1:a#1")) == ([], None)


def test_what_its_own_answer_or_time_has_ended_is_not_ended_twice(stores: Stores) -> None:
    stores.commit(shared(), owned())
    stores.one(begins("e1", waiting("e1", of_token("wp_t"))))
    own = InboxRecord(id="x", execution_id="e1", kind="expire", waitpoint_id="e1:a#1", dedupe_key="waitpoint:e1:a#1")
    stores.one(InsertInbox(record=own))
    stores.one(complete())
    assert [row.id for row in stores.reader.inbox("e1")] == ["x"]
    assert found(stores, "e1:a#1").completed_from is None


def test_executions_that_have_ended_or_wait_no_longer_are_left_alone(stores: Stores) -> None:
    stores.commit(shared(), owned("e1"), owned("e2"))
    stores.commit(begins("e1", waiting("e1", of_token("wp_t"))), begins("e2", waiting("e2", of_token("wp_t"))))
    stores.one(append("e1", expected_seq=2, changes={"status": "cancelled"}, close_waitpoints=True))
    assert stores.one(complete()) == Closed(status="completed", data="yes", released=("e2",))
    assert stores.reader.inbox("e1") == []


def test_released_executions_that_nobody_owns_can_be_claimed(stores: Stores) -> None:
    stores.commit(shared(), owned(), owner("o2"))
    stores.one(begins("e1", waiting("e1", of_token("wp_t")), changes={"status": "waiting"}, release=True))
    assert stores.reader.claimable() == 0
    stores.one(complete())
    claimed = stores.one(ClaimExecutions(owner_id="o2"))
    assert isinstance(claimed, Claimed)
    assert [claim.execution_id for claim in claimed.claims] == ["e1"]


def test_unknown_and_foreign_waitpoints_are_refused(stores: Stores) -> None:
    stores.commit(shared(), owned())
    stores.one(begins("e1", waiting("e1", of_token("wp_t"))))
    for write in (complete(its_id="wp:none"), complete(its_id="e1:a#1"), complete(workspace_id="other")):
        refused = stores.one(write)
        assert isinstance(refused, Refused)
        assert refused.code == ErrorCode.NOT_FOUND
    assert found(stores, "wp:wp_t").status == "open"


def test_where_an_answer_came_from_is_kept_with_the_waitpoint(stores: Stores) -> None:
    stores.commit(owned())
    stores.one(begins("e1", waiting("e1", "")))
    row = InboxRecord(
        id="x", execution_id="e1", kind="complete", waitpoint_id="e1:a#1", dedupe_key="waitpoint:e1:a#1", by="ann",
        origin={"via": "callback", "address": "10.0.0.9"},
    )  # fmt: skip
    stores.one(InsertInbox(record=row))
    late = msgspec.structs.replace(row, id="y", origin={"via": "api"})
    assert isinstance(stores.one(InsertInbox(record=late)), Existing)
    assert found(stores, "e1:a#1").completed_from == {"via": "callback", "address": "10.0.0.9"}


# -- timed out ----------------------------------------------------------------------------------------------------


def test_time_ends_a_shared_waitpoint_and_the_wait_for_it(stores: Stores) -> None:
    stores.commit(shared(expires_at=5), shared(token="wp_far"), owned())
    stores.one(begins("e1", waiting("e1", of_token("wp_far"))))
    stores.commit(owned("e2"), begins("e2", waiting("e2", of_name("n"))))
    assert stores.reader.due_waitpoints() == ["wp:wp_t"]
    assert stores.one(ExpireWaitpoints(ids=("wp:wp_t", "wp:wp_far", "wp:none"))) == Expired()
    assert (found(stores, "wp:wp_t").status, found(stores, "wp:wp_far").status) == ("timed_out", "open")
    assert stores.reader.due_waitpoints() == []
    assert stores.one(complete()) == Closed(status="timed_out")


def test_a_late_answer_finds_the_end_of_the_time(stores: Stores) -> None:
    stores.commit(shared(), owned())
    stores.one(begins("e1", waiting("e1", of_token("wp_t"))))
    stores.one(shared("late", token="wp_late", expires_at=5))
    stores.commit(owned("e2"))
    late = stores.one(begins("e2", waiting("e2", of_token("wp_late"))))
    assert isinstance(late, Done)
    assert [row.kind for row in late.inbox] == ["expire"]
    assert stores.one(complete("x", "wp:default/late")) == Closed(status="timed_out", released=("e2",))
    assert found(stores, "wp:default/late").status == "timed_out"


# -- at once ------------------------------------------------------------------------------------------------------


def test_s41_of_a_hundred_answers_at_once_one_counts(stores: Stores) -> None:
    stores.commit(shared(), owned())
    stores.one(begins("e1", waiting("e1", of_token("wp_t"))))
    committers = [stores.another_committer() for _ in range(4)]
    barrier = threading.Barrier(4)

    def answer(number: int) -> list[Any]:
        barrier.wait()
        return [
            committers[number].commit([complete(f"{number}.{turn}", completion_id=f"{number}.{turn}")])[0]
            for turn in range(25)
        ]

    with ThreadPoolExecutor(4) as pool:
        results = [result for some in pool.map(answer, range(4)) for result in some]
    assert len(results) == 100
    assert len({result.data for result in results}) == 1
    assert sum(not result.already for result in results) == 1
    assert len(stores.reader.inbox("e1")) == 1


def test_no_wait_that_begins_while_an_answer_comes_is_forgotten(stores: Stores) -> None:
    """The race between looking and waiting (scenario 40), in the store: one of the two always sees the other."""
    rounds = 25
    others = [stores.another_committer(), stores.another_committer()]
    for number in range(rounds):
        stores.commit(owned(f"e{number}"), shared(token=f"wp_{number}"))
    barrier = threading.Barrier(2)

    def begin() -> None:
        for number in range(rounds):
            barrier.wait()
            others[0].commit([begins(f"e{number}", waiting(f"e{number}", of_token(f"wp_{number}")))])

    def answer() -> None:
        for number in range(rounds):
            barrier.wait()
            others[1].commit([complete(number, f"wp:wp_{number}")])

    with ThreadPoolExecutor(2) as pool:
        for future in (pool.submit(begin), pool.submit(answer)):
            future.result()
    assert [len(stores.reader.inbox(f"e{number}")) for number in range(rounds)] == [1] * rounds


def test_one_group_may_create_wait_and_answer(stores: Stores) -> None:
    results = stores.commit(
        owned(),
        shared(),
        begins("e1", waiting("e1", of_token("wp_t"))),
        complete("x"),
        complete("y", completion_id="2"),
    )
    assert results[2:] == [
        Done(),
        Closed(status="completed", data="x", released=("e1",)),
        Closed(status="completed", data="x", already=True, released=("e1",)),
    ]
    assert len(stores.reader.inbox("e1")) == 1


# -- listed -------------------------------------------------------------------------------------------------------


def test_what_waits_is_found_by_what_it_waits_for_and_more(stores: Stores) -> None:
    stores.commit(shared(tags=("release", "a%b")), insert("e1", owner_id="o", epoch=1, workflow_id="wf"), owned("e2"))
    event = waiting("e1", of_event("paid"), filter={"id": 7}, kind="event", tags=("money",), expires_at=9_000)
    stores.commit(begins("e1", event), begins("e2", waiting("e2", "")))

    def ids(**filters: Any) -> list[str]:
        return sorted(row.id for row in stores.reader.waitpoints(**filters).data)

    assert ids() == ["e1:a#1", "e2:a#1", "wp:wp_t"]
    assert ids(source="event:paid") == ["e1:a#1"]
    assert ids(workflow_id="wf") == ["e1:a#1"]
    assert ids(kind="shared") == ["wp:wp_t"]
    assert ids(tag="release") == ["wp:wp_t"]
    assert (ids(tag="rel"), ids(tag="a%b"), ids(tag="a_b")) == ([], ["wp:wp_t"], [])
    assert ids(expires_before=9_001) == ["e1:a#1"]
    assert ids(expires_before=9_000) == []
    assert found(stores, "e1:a#1").filter == {"id": 7}


def test_writes_and_results_cross_process_borders() -> None:
    writes = [shared("n", tags=("a",)), complete(), ExpireWaitpoints(ids=("a",)), change(("set", "k", 1))]
    assert decode_writes(encode_writes(writes)) == writes
    results = [
        Closed(status="completed", data=1, released=("e1",)),
        Expired(),
        Done(inbox=(InboxRecord(id="i", execution_id="e", kind="k"),)),
    ]
    assert decode_results(encode_results(list(results))) == results


# -- metadata -----------------------------------------------------------------------------------------------------


def change(*operations: tuple[Any, ...], its_id: str = "m1", execution_id: str = "e1") -> ChangeMetadata:
    return ChangeMetadata(
        id=its_id, execution_id=execution_id, operations=tuple(MetadataOperation(*fields) for fields in operations)
    )


def test_metadata_is_changed_by_operations_all_or_none(stores: Stores) -> None:
    stores.commit(insert(metadata={"n": 1, "gone": 1, "list": [1]}))
    done = stores.one(
        change(("increment", "n", 2), ("delete", "gone"), ("append", "list", {"x": 1}), ("merge", "new", {"a": 1}))
    )
    assert done == MetadataChanged(metadata={"n": 3, "list": [1, {"x": 1}], "new": {"a": 1}})
    assert stores.execution().metadata == {"n": 3, "list": [1, {"x": 1}], "new": {"a": 1}}
    refused = stores.one(change(("set", "ok", 1), ("increment", "list", 1), its_id="m2"))
    assert isinstance(refused, Refused)
    assert (refused.code, "ok" in stores.execution().metadata) == (ErrorCode.CONFLICT, False)
    missing = stores.one(change(("set", "a", 1), execution_id="none"))
    assert isinstance(missing, Refused)
    assert missing.code == ErrorCode.NOT_FOUND


def test_a_repeated_change_of_metadata_counts_once(stores: Stores) -> None:
    stores.commit(insert())
    for _ in range(3):
        assert stores.one(change(("increment", "n"))) == MetadataChanged(metadata={"n": 1})
    assert stores.one(change(("increment", "n"), its_id="m2")) == MetadataChanged(metadata={"n": 2})


def test_metadata_has_a_limit(stores: Stores) -> None:
    stores.commit(insert())
    refused = stores.one(change(("set", "k", "x" * MAX_METADATA_BYTES)))
    assert isinstance(refused, Refused)
    assert (refused.code, "262,144 bytes" in refused.detail) == (ErrorCode.BODY_TOO_LARGE, True)
    assert stores.execution().metadata == {}


def test_no_change_of_metadata_is_lost_between_writers_and_the_owner(stores: Stores) -> None:
    stores.commit(owned())
    committers = [stores.another_committer() for _ in range(3)]

    def count(number: int) -> None:
        for turn in range(10):
            committers[number].commit([change(("increment", "n"), its_id=f"{number}.{turn}")])

    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(count, number) for number in range(3)]
        for seq in range(0, 10, 2):
            assert stores.one(append(expected_seq=seq)) == Done()
        for future in running:
            future.result()
    assert (stores.execution().metadata, stores.execution().last_seq) == ({"n": 30}, 10)


# -- imports ------------------------------------------------------------------------------------------------------


def imported(**changes: Any) -> ImportExecution:
    record = ExecutionRecord(id="e1", status="paused", plan_hash="plan-1", last_seq=2, epoch=4, created_at=5)
    fields: dict[str, Any] = {
        "plan": PLAN,
        "batches": (EventBatch(execution_id="e1", first_seq=1, last_seq=2, epoch=4, events=bodies("a", "b")),),
        "node_logs": (node_log(),),
        "inbox": (InboxRecord(id="i", execution_id="e1", kind="resume", received_at=1, consumed_at=2),),
        "waitpoints": (waiting("e1", ""),),
    } | changes  # fmt: skip
    return ImportExecution(record=record, **fields)


@pytest.mark.parametrize("crosses_a_border", [False, True])
def test_an_import_brings_everything_at_once(stores: Stores, crosses_a_border: bool) -> None:
    write = imported()
    (sent,) = decode_writes(encode_writes([write])) if crosses_a_border else [write]
    assert stores.one(sent) == Inserted(id="e1", status="paused")
    assert (stores.execution().epoch, stores.seqs(), stores.reader.plan("plan-1")) == (4, [1, 2], PLAN)
    assert [event.type for event in stores.reader.events.read("e1")] == ["a", "b"]
    assert [log.id for log in stores.reader.node_logs("e1").data] == ["a#1"]
    assert (stores.reader.inbox("e1"), stores.reader.inbox_row("e1", "i")) == ([], write.inbox[0])
    assert found(stores, "e1:a#1") == write.waitpoints[0]
    assert stores.one(append(epoch=4, expected_seq=2)) == Done()


def test_an_import_does_not_touch_what_is_there(stores: Stores) -> None:
    stores.commit(owned())
    assert stores.one(imported()) == Existing(id="e1", status="queued")
    assert (stores.execution().epoch, stores.seqs(), stores.reader.waitpoint("e1:a#1")) == (1, [], None)
