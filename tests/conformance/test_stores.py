"""What every store must do: one suite for memory, SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.database.engine import open_database
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.migrations import upgrade
from flowray.persistence.payloads.database import DatabasePayloads
from flowray.persistence.payloads.store import PayloadStore
from flowray.persistence.records import ExecutionRecord, InboxRecord, SnapshotRecord, WaitpointClosing, WaitpointRecord
from flowray.persistence.sql.committer import SqlCommitter
from flowray.persistence.sql.reader import SqlReader
from flowray.persistence.stores import Committer, Reader
from flowray.persistence.writes import (
    AnyResult,
    AnyWrite,
    Claimed,
    ClaimExecutions,
    DeleteWorkflow,
    Done,
    Existing,
    Fenced,
    Inserted,
    InsertExecution,
    Leased,
    Pending,
    PutPayload,
    Refused,
    ReleaseOwner,
    RenewLease,
    Saved,
)
from flowray.values import StoredValue
from tests.persistence.samples import PLAN, append, bodies, insert, node_log, owned, owner, request, save


@dataclass
class Stores:
    committer: Committer
    reader: Reader
    payloads: PayloadStore
    another_committer: Callable[[], Committer]
    """As another process would have it: own connections, own locks."""

    def commit(self, *writes: AnyWrite) -> list[AnyResult]:
        return self.committer.commit(writes)

    def one(self, write: AnyWrite) -> AnyResult:
        return self.commit(write)[0]

    def execution(self, execution_id: str = "e1") -> ExecutionRecord:
        found = self.reader.execution(execution_id)
        assert found is not None
        return found

    def seqs(self, execution_id: str = "e1") -> list[int]:
        return [event.seq for event in self.reader.events.read(execution_id)]


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    if request.param == "memory":
        memory = MemoryStore()
        yield Stores(memory, memory, memory.payloads, lambda: memory)
        return
    url = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    engines = [open_database(url)]
    upgrade(engines[0])

    def another() -> Committer:
        engines.append(open_database(url))
        return SqlCommitter(engines[-1])

    committer = SqlCommitter(engines[0])
    yield Stores(committer, SqlReader(engines[0]), DatabasePayloads(engines[0], committer.commit), another)
    for engine in engines:
        engine.dispose()


# -- workflows ----------------------------------------------------------------------------------------------------


def test_a_workflow_is_saved_and_read_back(stores: Stores) -> None:
    saved = stores.one(save(definition={"nodes": {"a": {"text": "\u0000 ü"}}}, diagnostics=({"code": "X"},)))
    assert saved == Saved(version=1, created_at=1_000, updated_at=1_000)
    found = stores.reader.workflow("wf")
    assert found is not None
    assert found.definition == {"nodes": {"a": {"text": "\u0000 ü"}}}
    assert found.diagnostics == ({"code": "X"},)
    assert (found.name, found.version, found.hash, found.workspace_id) == ("Mail", 1, "h1", "default")


def test_a_changed_workflow_gets_the_next_version_and_an_unchanged_one_keeps_it(stores: Stores) -> None:
    stores.one(save())
    assert stores.one(save(ts=2_000)) == Saved(version=1, created_at=1_000, updated_at=1_000, changed=False)
    assert stores.one(save(hash="h2", ts=2_000)) == Saved(version=2, created_at=1_000, updated_at=2_000)
    found = stores.reader.workflow("wf")
    assert found is not None
    assert (found.version, found.created_at, found.updated_at) == (2, 1_000, 2_000)


def test_must_exist_refuses_to_create(stores: Stores) -> None:
    refused = stores.one(save(must_exist=True))
    assert isinstance(refused, Refused)
    assert refused.code == ErrorCode.NOT_FOUND
    assert stores.reader.workflow("wf") is None


def test_a_deleted_workflow_is_gone_and_its_executions_stay(stores: Stores) -> None:
    stores.commit(save(), insert(workflow_id="wf"))
    assert stores.one(DeleteWorkflow(id="wf")) == Done()
    assert stores.reader.workflow("wf") is None
    assert stores.execution().workflow_id == "wf"
    assert stores.reader.plan("plan-1") == PLAN
    refused = stores.one(DeleteWorkflow(id="wf"))
    assert isinstance(refused, Refused)
    assert refused.code == ErrorCode.NOT_FOUND


def test_owners_read_many_rows_at_once(stores: Stores) -> None:
    stores.commit(insert("e1"), insert("e2", workspace_id="other"), insert("e3"))
    found = {record.id: record for record in stores.reader.executions_by_ids(["e2", "e1", "none"])}
    assert found == {name: stores.reader.execution_by_id(name) for name in ("e1", "e2")}
    assert stores.reader.executions_by_ids([]) == []


def test_workspaces_do_not_see_each_other(stores: Stores) -> None:
    stores.commit(save(), save(workspace_id="other", name="Theirs"), insert(), insert("e2", workspace_id="other"))
    theirs = stores.reader.workflow("wf", "other")
    assert theirs is not None
    assert theirs.name == "Theirs"
    assert [record.name for record in stores.reader.workflows().data] == ["Mail"]
    assert stores.reader.execution("e2") is None
    assert [record.id for record in stores.reader.executions(workspace_id="other").data] == ["e2"]
    refused = stores.one(request(execution_id="e2"))
    assert isinstance(refused, Refused)
    assert refused.code == ErrorCode.NOT_FOUND


# -- new executions -----------------------------------------------------------------------------------------------


def test_an_execution_is_read_back_whole(stores: Stores) -> None:
    write = insert(
        inputs={"text": "\u0000", "n": 2**53, "deep": [{"x": None}]},
        options={"labels": {"a": "b"}},
        labels={"a": "b"},
        outputs=StoredValue(payload_id="e1.x", bytes=9, length=3, preview="[1,2"),
        errors=({"code": "A"},),
        waiting_for=({"waitpoint_id": "w"},),
        deadline_at=9_000,
        selection={"run_until": "b", "given": {"a": {"output": 1}}},
        partial=True,
        idempotency_key="k",
        request_hash="r",
        metadata={"m": 1},
    )
    assert stores.one(write) == Inserted(id="e1", status="queued")
    assert stores.execution() == write.record
    assert stores.reader.plan("plan-1") == PLAN
    assert stores.reader.plan("other") is None
    assert stores.reader.execution("e2") is None


def test_a_taken_idempotency_key_answers_with_the_execution_that_has_it(stores: Stores) -> None:
    stores.one(insert("e1", workflow_id="wf", idempotency_key="k", request_hash="r1"))
    results = stores.commit(
        insert("e2", workflow_id="wf", idempotency_key="k", request_hash="r2"),
        insert("e3", workflow_id="wf2", idempotency_key="k"),
        insert("e4", workflow_id="wf", idempotency_key="k", workspace_id="other"),
    )
    assert results == [
        Existing(id="e1", request_hash="r1", status="queued"),
        Inserted(id="e3", status="queued"),
        Inserted(id="e4", status="queued"),
    ]
    assert stores.reader.execution("e2") is None


def test_inline_executions_share_one_space_of_idempotency_keys(stores: Stores) -> None:
    results = stores.commit(insert("e1", idempotency_key="k"), insert("e2", idempotency_key="k"), insert("e3"))
    assert results == [
        Inserted(id="e1", status="queued"),
        Existing(id="e1", status="queued"),
        Inserted(id="e3", status="queued"),
    ]


def test_twenty_starts_with_one_key_at_once_make_one_execution(stores: Stores) -> None:
    committers = [stores.committer, stores.another_committer()]
    barrier = threading.Barrier(20)

    def start(number: int) -> AnyResult:
        barrier.wait()
        return committers[number % 2].commit([insert(f"e{number}", idempotency_key="k")])[0]

    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(start, range(20)))
    assert sum(isinstance(result, Inserted) for result in results) == 1
    ids = {result.id for result in results if isinstance(result, Inserted | Existing)}
    assert len(ids) == 1
    assert [record.id for record in stores.reader.executions().data] == list(ids)


# -- appends ------------------------------------------------------------------------------------------------------


def test_r22_an_append_moves_the_log_and_the_row_together(stores: Stores) -> None:
    stores.one(owned())
    log = node_log(status="completed", output={"x": [1]}, success=True)
    assert (
        stores.one(append(changes={"status": "running", "started_at": 7, "progress": {"total": 3}}, node_logs=(log,)))
        == Done()
    )
    found = stores.execution()
    assert (found.last_seq, found.status, found.started_at, found.progress) == (2, "running", 7, {"total": 3})
    assert found.updated_at == 2_000
    events = stores.reader.events.read("e1")
    assert [(event.seq, event.type, event.ts) for event in events] == [(1, "test.1", 5), (2, "test.2", 5)]
    assert stores.reader.node_log("e1", "a#1") == log


@pytest.mark.parametrize(("epoch", "expected_seq"), [(0, 2), (2, 2), (1, 1), (1, 3), (1, 0)])
def test_r22_a_stale_epoch_or_seq_is_fenced_and_writes_nothing(stores: Stores, epoch: int, expected_seq: int) -> None:
    stores.commit(owned(), append())
    before = stores.execution()
    write = append(
        epoch=epoch, expected_seq=expected_seq, count=3, changes={"status": "failed"}, node_logs=(node_log(),)
    )
    assert stores.one(write) == Fenced()
    assert stores.execution() == before
    assert stores.seqs() == [1, 2]
    assert stores.reader.node_log("e1", "a#1") is None


def test_r26_a_fenced_append_drops_alone_out_of_its_group(stores: Stores) -> None:
    stores.commit(*(owned(f"e{number}") for number in range(5)))
    results = stores.commit(
        append("e4"), append("e2", epoch=9), append("e0"), append("unknown"), append("e1", expected_seq=7), append("e3")
    )
    assert results == [Done(), Fenced(), Done(), Fenced(), Fenced(), Done()]
    assert [stores.execution(f"e{number}").last_seq for number in range(5)] == [2, 0, 0, 2, 2]


def test_several_appends_of_one_execution_in_a_group_apply_in_order(stores: Stores) -> None:
    results = stores.commit(
        owned(),
        append(changes={"status": "running"}),
        append(expected_seq=2, count=1, changes={"status": "waiting", "waiting_for": [{"kind": "time"}]}),
        append(expected_seq=2, count=1),
        append(expected_seq=3, count=2, changes={"status": "running"}),
    )
    # The fourth equals the third in seq, epoch and events, so it is a repeat.
    assert results == [Inserted(id="e1", status="queued"), Done(), Done(), Done(), Done()]
    assert stores.seqs() == [1, 2, 3, 4, 5]
    assert stores.execution().status == "running"
    assert stores.execution().waiting_for == ({"kind": "time"},)


def test_an_append_without_events_changes_columns_only(stores: Stores) -> None:
    stores.commit(owned(), append())
    assert stores.one(append(expected_seq=2, count=0, changes={"log_location": "/x"}, release=True)) == Done()
    found = stores.execution()
    assert (found.log_location, found.owner_id, found.last_seq, found.epoch) == ("/x", None, 2, 1)
    assert stores.seqs() == [1, 2]


@pytest.mark.parametrize("changes", [{"epoch": 9}, {"no_such_column": 1}])
def test_an_append_with_impossible_changes_is_refused_alone(stores: Stores, changes: dict[str, Any]) -> None:
    stores.commit(owned("e1"), owned("e2"))
    first, second, third = stores.commit(append("e1", changes=changes), append("e2"), save())
    assert isinstance(first, Refused)
    assert first.code == ErrorCode.INTERNAL
    assert (second, stores.execution("e1").last_seq, stores.execution("e2").last_seq) == (Done(), 0, 2)
    assert isinstance(third, Saved)


def test_a_number_that_no_column_holds_is_refused_alone(stores: Stores) -> None:
    if isinstance(stores.committer, MemoryStore):
        pytest.skip("dictionaries hold any number")
    stores.commit(owned("e1"), owned("e2"))
    first, second = stores.commit(append("e1", changes={"deadline_at": 2**70}), append("e2"))
    assert isinstance(first, Refused)
    assert second == Done()
    assert (stores.execution("e1").last_seq, stores.execution("e2").last_seq) == (0, 2)


def test_lost_acknowledgement_a_repeated_group_is_recognised(stores: Stores) -> None:
    group: list[AnyWrite] = [
        save(),
        owned(idempotency_key="k"),
        append(changes={"status": "running"}, node_logs=(node_log(),)),
        append(expected_seq=2, count=0, changes={"log_location": "/x"}),
        append(expected_seq=2, count=3),
        request(dedupe_key="d"),
        owner(),
        PutPayload(id="e1.x", execution_id="e1", data=b"1", ts=1),
    ]
    first = stores.commit(*group)
    before = (stores.execution(), stores.reader.events.read("e1"), stores.reader.inbox("e1"))
    second = stores.commit(*group)
    assert second[1:5] == [Inserted(id="e1", status="running"), Done(), Done(), Done()]
    assert second[5] == Inserted(id="i1", status="running")
    assert (first[2:6], type(second[6]), second[7]) == (second[2:6], Leased, Done())
    assert (stores.execution(), stores.reader.events.read("e1"), stores.reader.inbox("e1")) == before


def test_r22_an_insert_that_another_owner_repeats_says_whose_the_execution_is(stores: Stores) -> None:
    """A late write of a dead owner, and the same start at another: both would be its first epoch."""
    assert stores.one(owned()) == Inserted(id="e1", status="queued")
    assert stores.one(owned()) == Inserted(id="e1", status="queued")
    assert stores.one(owned(owner_id="o2")) == Inserted(id="e1", status="queued", elsewhere=True)
    assert stores.execution().owner_id == "o1"
    stores.commit(owner(), append(release=True, changes={"status": "completed"}))
    assert stores.one(owned()) == Inserted(id="e1", status="completed", elsewhere=True)


def test_a_repeat_with_other_events_is_fenced(stores: Stores) -> None:
    """Two owners that believe in the same epoch: the second is not mistaken for a repeat of the first."""
    stores.commit(owned(), append())
    assert stores.one(append(events=bodies("test.1", "else"))) == Fenced()
    assert stores.one(append()) == Done()


def test_a_repeat_is_recognised_after_another_owner_took_over(stores: Stores) -> None:
    stores.commit(owner(), owned(), owner("o2"), append(release=True, changes={"status": "running"}))
    stores.one(ClaimExecutions(owner_id="o2"))
    assert stores.one(append(release=True, changes={"status": "running"})) == Done()
    found = stores.execution()
    assert (found.owner_id, found.epoch, found.last_seq) == ("o2", 2, 2)


def test_of_two_committers_racing_with_one_epoch_exactly_one_wins_each_seq(stores: Stores) -> None:
    stores.one(owned())
    committers = [stores.committer, stores.another_committer()]
    barrier = threading.Barrier(2)

    def race(me: int) -> list[bool]:
        won = []
        for round_number in range(15):
            barrier.wait()
            write = append(expected_seq=round_number, count=1, events=bodies("test", by=me))
            won.append(committers[me].commit([write])[0] == Done())
        return won

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(race, range(2))
    assert all(one != other for one, other in zip(first, second, strict=True))
    events = stores.reader.events.read("e1")
    assert [event.seq for event in events] == list(range(1, 16))
    assert [event.body["by"] for event in events] == [0 if one else 1 for one in first]


def test_groups_that_touch_the_same_rows_in_opposite_order_all_commit(stores: Stores) -> None:
    names = [f"e{number}" for number in range(8)]
    stores.commit(*(owned(name) for name in names))
    committers = [stores.committer, stores.another_committer()]

    def write(me: int) -> set[str]:
        seen = set()
        for number in range(10):
            order = names if me else names[::-1]
            for result in committers[me].commit([request(f"{me}-{number}-{name}", name) for name in order]):
                seen.add(type(result).__name__)
        return seen

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(write, range(2))) == [{"Inserted"}, {"Inserted"}]
    assert [len(stores.reader.inbox(name)) for name in names] == [20] * 8


# -- reading logs -------------------------------------------------------------------------------------------------


def test_the_log_is_read_from_any_seq_and_in_whole_commits(stores: Stores) -> None:
    stores.commit(owned(), append(count=3), append(expected_seq=3, count=3), append(expected_seq=6, count=1))
    log = stores.reader.events

    def seqs(after: int, limit: int = 100) -> list[int]:
        return [event.seq for event in log.read("e1", after, limit)]

    assert seqs(0) == [1, 2, 3, 4, 5, 6, 7]
    assert seqs(4) == [5, 6, 7]
    assert seqs(7) == []
    assert seqs(0, 1) == [1, 2, 3]
    assert seqs(2, 2) == [3, 4, 5, 6]
    assert [len(batch) for batch in log.read_raw("e1", 3)] == [len(bodies("test.4") * 3) - 4 + 2, len(bodies("test.7"))]
    assert log.read("unknown") == []
    assert list(log.read_raw("unknown")) == []


# -- listings -----------------------------------------------------------------------------------------------------


def test_executions_are_listed_newest_first_without_gap_or_double(stores: Stores) -> None:
    stores.commit(*(insert(f"e{number}", created_at=1_000 + number // 3) for number in range(10)))
    seen: list[str] = []
    cursor = None
    while True:
        page = stores.reader.executions(limit=3, cursor=cursor)
        assert page.has_more == (page.next_cursor is not None)
        seen += [record.id for record in page.data]
        cursor = page.next_cursor
        stores.one(insert(f"later{len(seen)}", created_at=9_000))  # newer rows do not shift the pages
        if cursor is None:
            break
    assert seen == [f"e{number}" for number in range(9, -1, -1)]


def test_executions_are_filtered(stores: Stores) -> None:
    stores.commit(
        insert("e1", workflow_id="a", created_at=1),
        insert("e2", workflow_id="a", status="running", created_at=2, batch_id="b"),
        insert("e3", workflow_id="c", status="failed", created_at=3),
    )

    def ids(**filters: Any) -> list[str]:
        return [record.id for record in stores.reader.executions(**filters).data]

    assert ids(status=["running", "failed"]) == ["e3", "e2"]
    assert ids(workflow_id="a") == ["e2", "e1"]
    assert ids(batch_id="b") == ["e2"]
    assert ids(created_after=1) == ["e3", "e2"]
    assert ids(workflow_id="a", status=["failed"]) == []


def test_labels_are_told_apart_to_the_letter(stores: Stores) -> None:
    """Also by upper and lower case, and where a label looks like the text of another one."""
    labels = ({"team": "a"}, {"team": "A", "x": "1"}, {'x"team': "a"}, {"x": ',"team":"a"'}, {"x": "1", "team": "a"})
    stores.commit(*(insert(f"e{number}", created_at=number, labels=given) for number, given in enumerate(labels)))

    def ids(**wanted: str) -> list[str]:
        return [record.id for record in stores.reader.executions(labels=wanted).data]

    assert ids(team="a") == ["e4", "e0"]
    assert ids(team="A") == ["e1"]
    assert ids(team="a", x="1") == ["e4"]
    assert ids(TEAM="a") == ids(team="%") == ids(team="_") == []
    assert ids(x=',"team":"a"') == ["e3"]


@pytest.mark.parametrize("cursor", ["", "x", "%%%", "e30", "WyJ3b3JrZmxvd3MiLDEsImEiXQ", "ü"])
def test_a_cursor_that_is_none_of_this_listing_is_refused(stores: Stores, cursor: str) -> None:
    with pytest.raises(FlowrayError) as caught:
        stores.reader.executions(cursor=cursor)
    assert caught.value.code == ErrorCode.INVALID_CURSOR


def test_workflows_are_paged(stores: Stores) -> None:
    stores.commit(*(save(f"w{number}", ts=number) for number in range(5)))
    first = stores.reader.workflows(limit=3)
    second = stores.reader.workflows(limit=3, cursor=first.next_cursor)
    assert [record.id for record in first.data + second.data] == ["w4", "w3", "w2", "w1", "w0"]
    assert second.next_cursor is None


def test_node_logs_come_in_order_of_start_and_keep_their_place_when_updated(stores: Stores) -> None:
    stores.commit(
        owned(),
        append(node_logs=(node_log(instance="b", seq=1), node_log(instance="a", seq=2))),
        append(
            expected_seq=2,
            node_logs=(
                node_log(instance="b", seq=4, status="completed", output="x", usage={"input_tokens": 1}),
                node_log(instance="a", attempt=2, seq=3),
            ),
        ),
    )
    first = stores.reader.node_logs("e1", limit=2)
    second = stores.reader.node_logs("e1", limit=2, cursor=first.next_cursor)
    assert [log.id for log in first.data + second.data] == ["b#1", "a#1", "a#2"]
    assert (first.data[0].status, first.data[0].output, first.data[0].seq) == ("completed", "x", 1)
    assert [log.id for log in stores.reader.node_logs("e1", node_id="a").data] == ["a#1", "a#2"]
    assert [log.id for log in stores.reader.node_logs("e1", status="completed").data] == ["b#1"]
    assert stores.reader.node_logs("e2").data == ()


# -- inbox --------------------------------------------------------------------------------------------------------


def test_r25_requests_wait_until_an_append_consumes_them(stores: Stores) -> None:
    stores.one(owned())
    assert stores.one(request("i2", data={"x": 1}, by="ann", received_at=9)) == Inserted(id="i2", status="queued")
    stores.one(request("i1", kind="pause"))
    assert [(row.id, row.kind, row.data, row.by) for row in stores.reader.inbox("e1")] == [
        ("i2", "cancel", {"x": 1}, "ann"),
        ("i1", "pause", None, None),
    ]
    assert stores.one(append(consumed=("i2",))) == Done()
    assert [row.id for row in stores.reader.inbox("e1")] == ["i1"]


def test_r25_a_fenced_append_consumes_nothing(stores: Stores) -> None:
    stores.commit(owned(), request())
    assert stores.one(append(epoch=7, consumed=("i1",))) == Fenced()
    assert [row.id for row in stores.reader.inbox("e1")] == ["i1"]


def test_r25_requests_with_one_dedupe_key_are_one_row(stores: Stores) -> None:
    stores.commit(owned("e1"), owned("e2"))
    results = stores.commit(
        request("i1", dedupe_key="d"),
        request("i2", dedupe_key="d"),
        request("i3", "e2", dedupe_key="d"),
        request("i4"),
        request("i5"),
    )
    assert results == [
        Inserted(id="i1", status="queued"),
        Existing(id="i1", status="queued"),
        Inserted(id="i3", status="queued"),
        Inserted(id="i4", status="queued"),
        Inserted(id="i5", status="queued"),
    ]
    stores.one(append(consumed=("i1",)))
    assert stores.one(request("i6", dedupe_key="d")) == Existing(id="i1", status="queued")


def test_an_ended_or_unknown_execution_takes_no_requests(stores: Stores) -> None:
    stores.commit(owned(), append(changes={"status": "completed", "ended_at": 9}))
    assert stores.one(request()) == Refused(code=ErrorCode.EXECUTION_ENDED, detail="completed")
    refused = stores.one(request(execution_id="nowhere"))
    assert isinstance(refused, Refused)
    assert refused.code == ErrorCode.NOT_FOUND


def test_r35_a_completion_that_finds_a_cancel_is_not_written(stores: Stores) -> None:
    stores.commit(owned(), request("other", kind="pause"), request("i1"))
    ending = append(changes={"status": "completed"}, refuse_on_inbox="cancel")
    pending = stores.one(ending)
    assert isinstance(pending, Pending)
    assert [(row.id, row.kind, row.execution_id) for row in pending.inbox] == [("i1", "cancel", "e1")]
    assert (stores.execution().last_seq, stores.execution().status) == (0, "queued")
    assert stores.one(append(changes={"status": "cancelled"}, refuse_on_inbox="cancel", consumed=("i1",))) == Done()


def test_r35_completion_and_cancel_at_once_never_both_succeed(stores: Stores) -> None:
    """Either the cancel is refused because the execution has ended, or the completion finds it."""
    other = stores.another_committer()
    for number in range(15):
        name = f"e{number}"
        stores.one(owned(name))
        barrier = threading.Barrier(2)

        def complete(name: str = name, barrier: threading.Barrier = barrier) -> AnyResult:
            barrier.wait()
            return stores.one(append(name, changes={"status": "completed"}, refuse_on_inbox="cancel"))

        def cancel(name: str = name, barrier: threading.Barrier = barrier) -> AnyResult:
            barrier.wait()
            return other.commit([request(f"cancel-{name}", name)])[0]

        with ThreadPoolExecutor(2) as pool:
            completion, cancellation = pool.submit(complete), pool.submit(cancel)
        outcome = (type(completion.result()), type(cancellation.result()))
        assert outcome in {(Done, Refused), (Pending, Inserted)}


# -- children -----------------------------------------------------------------------------------------------------


def end_of(child: str = "c1", **changes: Any) -> InboxRecord:
    """What a child's last commit tells its parent ``e1``."""
    fields: dict[str, Any] = {"execution_id": "e1", "kind": "child", "dedupe_key": f"child {child}"} | changes
    return InboxRecord(id=f"{child}-end", data={"status": "completed"}, **fields)


def child(child_id: str = "c1", parent_epoch: int = 1, **changes: Any) -> InsertExecution:
    record = owned(child_id, parent_id="e1", parent_key="call#1", root_id="e1", depth=1, **changes).record
    return InsertExecution(record=record, plan=PLAN, parent_epoch=parent_epoch)


def test_r19_the_last_commit_of_a_child_puts_a_row_into_its_parents_inbox(stores: Stores) -> None:
    stores.commit(owned(), child())
    ending = append("c1", changes={"status": "completed"}, release=True, outbox=(end_of(),))
    assert stores.one(ending) == Done()
    assert [(row.id, row.kind, row.data) for row in stores.reader.inbox("e1")] == [
        ("c1-end", "child", {"status": "completed"})
    ]
    assert stores.reader.inbox("e1")[0].received_at > 0
    assert stores.one(ending) == Done()
    assert len(stores.reader.inbox("e1")) == 1


def test_r22_a_fenced_or_refused_commit_sends_nothing(stores: Stores) -> None:
    stores.commit(owned(), child())
    assert stores.one(append("c1", epoch=9, outbox=(end_of(),))) == Fenced()
    stores.one(request("stop", "c1"))
    assert isinstance(stores.one(append("c1", refuse_on_inbox="cancel", outbox=(end_of(),))), Pending)
    assert stores.reader.inbox("e1") == []


def test_rows_for_nobody_are_left_out(stores: Stores) -> None:
    """Unknown, ended, or there already by another dedupe key's row."""
    stores.commit(owned(), child(), child("c2", status="completed"), request("by-hand", "c1", dedupe_key="cancel"))
    rows = tuple(
        InboxRecord(id=f"{its_id}-stop", execution_id=its_id, kind="cancel", dedupe_key="cancel")
        for its_id in ("nobody", "c1", "c2")
    )
    assert stores.one(append(outbox=rows)) == Done()
    assert [[row.id for row in stores.reader.inbox(its_id)] for its_id in ("nobody", "c1", "c2")] == [
        [],
        ["by-hand"],
        [],
    ]


def test_r35_a_parent_that_cancels_and_a_child_that_completes_in_one_group(stores: Stores) -> None:
    stop = InboxRecord(id="stop", execution_id="c1", kind="cancel", dedupe_key="cancel")
    stores.commit(owned(), child())
    cancelled, completed = stores.commit(
        append(changes={"status": "cancelled"}, outbox=(stop,)),
        append("c1", changes={"status": "completed"}, refuse_on_inbox="cancel", outbox=(end_of(),)),
    )
    assert cancelled == Done()
    assert isinstance(completed, Pending)
    assert [row.id for row in completed.inbox] == ["stop"]
    assert stores.reader.inbox("e1") == []


def test_a_child_that_completes_before_its_parent_is_cancelled_in_one_group(stores: Stores) -> None:
    stop = InboxRecord(id="stop", execution_id="c1", kind="cancel", dedupe_key="cancel")
    stores.commit(owned(), child())
    results = stores.commit(
        append("c1", changes={"status": "completed"}, refuse_on_inbox="cancel", outbox=(end_of(),)),
        append(changes={"status": "cancelled"}, outbox=(stop,)),
    )
    assert results == [Done(), Done()]
    assert [row.id for row in stores.reader.inbox("e1")] == ["c1-end"]
    assert stores.reader.inbox("c1") == []


def test_r25_a_released_parent_is_claimed_when_its_child_ends(stores: Stores) -> None:
    stores.commit(owner("o1"), owner("o2"), owned(), child())
    stores.one(append(changes={"status": "waiting"}, release=True))
    assert stores.reader.claimable() == 0
    stores.one(append("c1", changes={"status": "completed"}, release=True, outbox=(end_of(),)))
    claimed = stores.one(ClaimExecutions(owner_id="o2", ids=("e1",)))
    assert isinstance(claimed, Claimed)
    assert [claim.execution_id for claim in claimed.claims] == ["e1"]


@pytest.mark.parametrize("parent", [{"epoch": 2}, {"status": "cancelled"}, None])
def test_r22_a_child_is_inserted_only_for_a_parent_that_still_asks(
    stores: Stores, parent: dict[str, Any] | None
) -> None:
    if parent is not None:
        stores.one(owned(**parent))
    assert stores.commit(child(), insert("other")) == [Fenced(), Inserted(id="other", status="queued")]
    assert stores.reader.execution_by_id("c1") is None


def test_r22_in_one_group_the_order_decides_whether_a_child_is_inserted(stores: Stores) -> None:
    stores.one(owned())
    late = stores.commit(child("c1"), append(changes={"status": "cancelled"}), child("c2"))
    assert late == [Inserted(id="c1", status="queued"), Done(), Fenced()]


def test_r19_a_child_that_is_there_is_found_whoever_owns_the_parent_now(stores: Stores) -> None:
    stores.commit(owned(), child())
    assert stores.one(child(parent_epoch=7)) == Inserted(id="c1", status="queued")


def test_children_are_listed_and_descendants_counted(stores: Stores) -> None:
    stores.commit(owned(), child("c1", created_at=1), child("c2", created_at=2))
    deeper = owned("g1", parent_id="c1", parent_key="call#1", root_id="e1", depth=2)
    stores.one(deeper)
    assert [record.id for record in stores.reader.executions(parent_id="e1").data] == ["c2", "c1"]
    assert [record.id for record in stores.reader.executions(parent_id="c1").data] == ["g1"]
    assert (stores.reader.descendants("e1"), stores.reader.descendants("c1")) == (3, 0)
    found = stores.execution("g1")
    assert (found.parent_key, found.root_id, found.depth, found.payload_owner) == ("call#1", "e1", 2, "e1")


def test_r19_every_version_of_a_workflow_is_kept(stores: Stores) -> None:
    stores.commit(save(definition={"n": 1}), save(hash="h2", name="Newer", definition={"n": 2}, ts=2_000))
    stores.one(save("other", workspace_id="w2"))
    first, second = (stores.reader.workflow_version("wf", version) for version in (1, 2))
    assert first is not None
    assert second is not None
    assert (first.id, first.version, first.name, first.hash, first.definition) == ("wf", 1, "Mail", "h1", {"n": 1})
    assert (second.name, second.definition, second.created_at) == ("Newer", {"n": 2}, 2_000)
    assert stores.reader.workflow_version("wf", 3) is None
    assert stores.reader.workflow_version("other", 1) is None
    stores.one(DeleteWorkflow(id="wf"))
    assert stores.reader.workflow_version("wf", 1) is None


# -- owners and claims --------------------------------------------------------------------------------------------


def test_r27_a_lease_lasts_by_the_databases_clock(stores: Stores) -> None:
    leased = stores.one(owner(actor_name="orc", host="h", pid=7))
    assert isinstance(leased, Leased)
    assert leased.lease_until == leased.now + 60_000
    assert abs(stores.reader.now_ms() - leased.now) < 5_000
    [alive] = stores.reader.owners()
    assert (alive.id, alive.kind, alive.actor_name, alive.host, alive.pid) == ("o1", "orchestrator", "orc", "h", 7)
    renewed = stores.one(RenewLease(id="o1", lease_ms=90_000))
    assert isinstance(renewed, Leased)
    assert renewed.lease_until - renewed.now == 90_000


def test_r27_an_ended_lease_cannot_be_renewed(stores: Stores) -> None:
    stores.commit(owner("o1", lease_ms=0), owner("o2"))
    assert stores.one(RenewLease(id="o1", lease_ms=90_000)) == Fenced()
    assert stores.one(RenewLease(id="unknown", lease_ms=90_000)) == Fenced()
    assert stores.one(ReleaseOwner(id="o2")) == Done()
    assert stores.one(RenewLease(id="o2", lease_ms=90_000)) == Fenced()
    assert stores.reader.owners() == []


def test_a_new_process_supersedes_the_dead_ones_of_its_actor(stores: Stores) -> None:
    stores.commit(
        owner("old", actor_name="orc", host="h", pid=7),
        owner("elsewhere", actor_name="orc", host="h2", pid=7),
        owner("other", actor_name="orc", host="h", pid=8),
        owner("new", actor_name="orc", host="h", pid=9, supersedes=("7",)),
    )
    assert [alive.id for alive in stores.reader.owners()] == ["elsewhere", "new", "other"]


def claim(stores: Stores, owner_id: str = "o2", **options: Any) -> list[tuple[str, int, int, bool]]:
    claimed = stores.one(ClaimExecutions(owner_id=owner_id, **options))
    assert isinstance(claimed, Claimed)
    return [(one.execution_id, one.epoch, one.last_seq, one.recovery) for one in claimed.claims]


def test_r43_queued_executions_are_claimed_oldest_first(stores: Stores) -> None:
    stores.commit(owner("o2"), insert("e3", created_at=3), insert("e1", created_at=1), insert("e2", created_at=2))
    assert stores.reader.claimable() == 3
    assert claim(stores, limit=2) == [("e1", 1, 0, False), ("e2", 1, 0, False)]
    assert (stores.execution("e1").owner_id, stores.execution("e3").owner_id) == ("o2", None)
    assert claim(stores) == [("e3", 1, 0, False)]
    assert (claim(stores), stores.reader.claimable()) == ([], 0)


def test_a_claim_can_be_restricted_to_ids(stores: Stores) -> None:
    stores.commit(owner("o2"), insert("e1"), insert("e2"))
    assert claim(stores, ids=("e2", "nowhere")) == [("e2", 1, 0, False)]
    assert claim(stores, ids=()) == []


def test_r28_executions_of_a_dead_owner_are_recovered(stores: Stores) -> None:
    stores.commit(
        owner("o1", lease_ms=0),
        owner("o2"),
        owned("e1"),
        append("e1", changes={"status": "running"}),
        owned("e2", created_at=2_000),
        owned("e3", status="completed"),
        owned("e4", owner_id="o2"),
    )
    # Taking over one that has not started is no recovery; one that has ended, or has a live owner, is left alone.
    assert claim(stores) == [("e1", 2, 2, True), ("e2", 2, 0, False)]
    assert (stores.execution("e1").recoveries, stores.execution("e2").recoveries) == (1, 0)
    assert stores.one(append("e1", epoch=1, expected_seq=2)) == Fenced()
    assert stores.one(append("e1", epoch=2, expected_seq=2)) == Done()


def test_r28_a_hand_over_is_no_recovery(stores: Stores) -> None:
    stores.commit(owner("o1"), owner("o2"), owned(), append(changes={"status": "running"}))
    assert claim(stores) == []
    stores.one(ReleaseOwner(id="o1"))
    assert claim(stores) == [("e1", 2, 2, False)]
    assert stores.execution().recoveries == 0


def test_r25_released_executions_are_claimed_when_something_arrives(stores: Stores) -> None:
    stores.commit(owner("o2"), owned(), append(changes={"status": "waiting"}, release=True))
    assert (claim(stores), stores.reader.claimable()) == ([], 0)
    stores.one(request(kind="completion"))
    assert stores.reader.claimable() == 1
    assert claim(stores) == [("e1", 2, 2, False)]


def test_r32_released_executions_are_claimed_when_their_time_has_come(stores: Stores) -> None:
    now = stores.reader.now_ms()
    waiting = {"status": "waiting", "wake_at": now + 3_600_000}
    stores.commit(owner("o2"), owned("e1"), owned("e2"), append("e1", changes=waiting, release=True))
    stores.one(append("e2", changes={**waiting, "wake_at": now - 1}, release=True))
    assert stores.reader.claimable() == 1
    assert claim(stores) == [("e2", 2, 2, False)]
    assert (claim(stores), stores.execution("e1").wake_at) == ([], now + 3_600_000)


def test_an_owner_without_a_live_lease_claims_nothing(stores: Stores) -> None:
    stores.commit(insert(), owner("late", lease_ms=0))
    assert claim(stores, "late") == []
    assert claim(stores, "never registered") == []
    assert stores.reader.claimable() == 1


def test_lost_acknowledgement_a_repeated_claim_finds_its_executions_again(stores: Stores) -> None:
    stores.commit(owner("o2"), insert("e1"), insert("e2"), insert("e3", created_at=9_000))
    write = ClaimExecutions(owner_id="o2", limit=2)
    first = stores.one(write)
    assert stores.one(write) == first
    assert claim(stores) == [("e3", 1, 0, False)]


def test_two_owners_claim_each_execution_once(stores: Stores) -> None:
    stores.commit(owner("a"), owner("b"), *(insert(f"e{number:02}") for number in range(40)))
    committers = {"a": stores.committer, "b": stores.another_committer()}
    barrier = threading.Barrier(2)

    def claim_all(me: str) -> list[str]:
        barrier.wait()
        mine: list[str] = []
        while len(mine) < 40 and stores.reader.claimable():
            [claimed] = committers[me].commit([ClaimExecutions(owner_id=me, limit=3)])
            assert isinstance(claimed, Claimed)
            mine += [one.execution_id for one in claimed.claims]
        return mine

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(claim_all, "ab")
    assert sorted(first + second) == [f"e{number:02}" for number in range(40)]
    assert all(stores.execution(name).owner_id == "a" for name in first)
    assert all(stores.execution(name).owner_id == "b" for name in second)


# -- waitpoints ---------------------------------------------------------------------------------------------------


def waitpoint(key: str = "p#1", execution_id: str = "e1", **changes: Any) -> WaitpointRecord:
    fields: dict[str, Any] = {
        "kind": "person", "status": "open", "created_at": 2_000, "token": f"t-{key}", "token_hash": f"h-{key}",
        "instance": "p", "node_id": "p", "reason": "why", "prompt": "what?", "expected_input": {"type": "string"},
        "expires_at": 9_000,
    }  # fmt: skip
    return WaitpointRecord(id=f"{execution_id}:{key}", execution_id=execution_id, **(fields | changes))


def test_r30_waitpoints_open_and_close_with_the_commits_of_their_execution(stores: Stores) -> None:
    stores.commit(owned(), append(waitpoints=(waitpoint(), waitpoint("q#1"))))
    assert stores.reader.waitpoint("e1:p#1") == waitpoint()
    assert stores.reader.waitpoint_by_token("h-q#1") == waitpoint("q#1")
    assert (stores.reader.waitpoint("e1:x#1"), stores.reader.waitpoint_by_token("")) == (None, None)
    assert stores.reader.waitpoint("e1:p#1", "another") is None
    closing = WaitpointClosing(id="e1:p#1", status="completed", data={"ok": [1]}, by="ann")
    stores.one(append(expected_seq=2, ts=3_000, closed_waitpoints=(closing,)))
    closed = waitpoint(status="completed", data={"ok": [1]}, completed_by="ann", completed_at=3_000)
    assert stores.reader.waitpoint("e1:p#1") == closed
    again = WaitpointClosing(id="e1:p#1", status="cancelled")
    stores.one(append(expected_seq=4, closed_waitpoints=(again,), waitpoints=(waitpoint(token="other"),)))
    assert stores.reader.waitpoint("e1:p#1") == closed


def test_r22_a_fenced_append_opens_and_closes_nothing(stores: Stores) -> None:
    stores.commit(owned(), append(waitpoints=(waitpoint(),)))
    closing = WaitpointClosing(id="e1:p#1", status="completed")
    late = append(epoch=7, waitpoints=(waitpoint("q#1"),), closed_waitpoints=(closing,), close_waitpoints=True)
    assert stores.one(late) == Fenced()
    assert stores.reader.waitpoint("e1:q#1") is None
    assert stores.reader.waitpoint("e1:p#1") == waitpoint()


def test_what_is_still_open_when_an_execution_crashes_is_cancelled(stores: Stores) -> None:
    done = waitpoint("q#1", status="completed")
    stores.commit(owned("e1"), owned("e2"), append("e1", waitpoints=(waitpoint(), done)))
    stores.one(append("e2", waitpoints=(waitpoint(execution_id="e2", token_hash="h2"),)))
    stores.one(append("e1", expected_seq=2, close_waitpoints=True))
    assert [found.status for found in stores.reader.waitpoints(execution_id="e1").data] == ["completed", "cancelled"]
    assert [found.status for found in stores.reader.waitpoints(execution_id="e2").data] == ["open"]


def test_an_execution_keeps_its_latest_snapshot(stores: Stores) -> None:
    first = SnapshotRecord(id="e1@2", execution_id="e1", seq=2, version=1, data=b"{}", created_at=5)
    later = SnapshotRecord(id="e1@4", execution_id="e1", seq=4, version=1, data=b'{"x":1}', created_at=6)
    stores.commit(owned(), append(changes={"snapshot_id": "e1@2"}, snapshot=first))
    assert (stores.execution().snapshot_id, stores.reader.snapshot("e1@2")) == ("e1@2", first)
    stores.one(append(expected_seq=2, snapshot=later))
    assert (stores.reader.snapshot("e1@2"), stores.reader.snapshot("e1@4")) == (None, later)
    assert stores.one(append(epoch=7, snapshot=first)) == Fenced()


def test_waitpoints_are_listed_newest_first(stores: Stores) -> None:
    rows = tuple(waitpoint(f"p#{number}", created_at=number) for number in range(1, 6))
    stores.commit(owned(), append(waitpoints=rows))
    stores.one(append(expected_seq=2, closed_waitpoints=(WaitpointClosing(id="e1:p#3", status="timed_out"),)))
    first = stores.reader.waitpoints(status="open", limit=3)
    second = stores.reader.waitpoints(status="open", limit=3, cursor=first.next_cursor)
    assert [row.id for row in first.data + second.data] == ["e1:p#5", "e1:p#4", "e1:p#2", "e1:p#1"]
    assert [row.id for row in stores.reader.waitpoints(status="timed_out").data] == ["e1:p#3"]
    assert len(stores.reader.waitpoints().data) == 5
    assert stores.reader.waitpoints(workspace_id="another").data == ()


def test_r25_of_an_answer_and_the_end_of_its_time_one_row_stands(stores: Stores) -> None:
    stores.one(owned())
    stores.one(request("i1", kind="complete", waitpoint_id="e1:p#1", data={"data": 1}, dedupe_key="waitpoint:e1:p#1"))
    assert stores.one(request("i2", kind="expire", dedupe_key="waitpoint:e1:p#1")) == Existing(id="i1", status="queued")
    stores.one(append(consumed=("i1",)))
    row = stores.reader.inbox_row("e1", "i1")
    assert row is not None
    assert (row.kind, row.data, row.waitpoint_id) == ("complete", {"data": 1}, "e1:p#1")
    assert (stores.reader.inbox_row("e1", "i2"), stores.reader.inbox_row("e2", "i1")) == (None, None)


def test_when_the_first_row_of_a_kind_came_is_known_by_how_ids_begin(stores: Stores) -> None:
    stores.commit(insert(), insert("e2"), insert("e3"))
    came = {"e_a:2": ("e1", 9), "e_a:1": ("e1", 7), "e_b:1": ("e1", 1), "exa:3": ("e1", 2), "e_a:3": ("e2", 5)}
    for its_id, (execution_id, received_at) in came.items():
        stores.one(request(its_id, execution_id, kind="note", received_at=received_at))
    assert stores.reader.first_received(["e1", "e2", "e3"], "e_a:") == {"e1": 7, "e2": 5}
    assert stores.reader.first_received(["e3"], "e_a:") == stores.reader.first_received([], "e_a:") == {}


# -- payloads -----------------------------------------------------------------------------------------------------


def test_r34_payloads_are_kept_once_and_found_by_id(stores: Stores) -> None:
    first = stores.payloads.put("e1", "a", b"\x00big")
    assert stores.payloads.put("e1", "a", b"\x00big") == first
    assert stores.payloads.put("e2", "a", b"\x00big") != first
    assert stores.payloads.get(first) == b"\x00big"
    with pytest.raises(FlowrayError) as caught:
        stores.payloads.get("e1.unknown")
    assert caught.value.code == ErrorCode.PAYLOAD_MISSING


def test_a_payload_written_through_a_journal_is_found(stores: Stores) -> None:
    assert stores.one(PutPayload(id="e1.x", execution_id="e1", data=b"1", ts=1)) == Done()
    assert stores.payloads.get("e1.x") == b"1"


def test_nothing_to_write_is_nothing(stores: Stores) -> None:
    assert stores.commit() == []
