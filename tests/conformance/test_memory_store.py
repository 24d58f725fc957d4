"""The memory that executions of a workflow share (R17), in every store: exactly once, nothing lost, nothing refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flowray.engine.signals import VariableOperation
from flowray.persistence.records import MemoryRecord, MemorySize
from flowray.persistence.writes import AppendEvents, ClearMemory, DeleteWorkflow, Done, Fenced, MemoryChanges, Pending
from tests.conformance.emptied import module_url, stores
from tests.conformance.test_stores import Stores
from tests.persistence.samples import append, owned, request, save

__all__ = ["module_url", "stores"]


def change(op: str, name: str, value: Any = None) -> VariableOperation:
    return VariableOperation(op=op, name=name, value=value, workflow=True)


def changing(*operations: VariableOperation, workflow_id: str = "wf", **fields: Any) -> AppendEvents:
    return append(memory=MemoryChanges(workflow_id, operations), count=1, **fields)


def contents(stores: Stores, workflow_id: str = "wf", workspace_id: str = "default") -> dict[str, Any]:
    page = stores.reader.memory.entries(workflow_id, workspace_id=workspace_id)
    return {row.key: row.value for row in page.data}


def test_r17_operations_are_applied_in_their_order_in_the_commit_of_their_events(stores: Stores) -> None:
    stores.commit(owned())
    operations = (
        change("set", "a", 1), change("increment", "a", 4), change("append", "log", "x"), change("append", "list", [1]),
        change("merge", "o", {"x": 1}), change("merge", "o", {"y": "\u0000 ü"}), change("set", "gone", 1),
        change("delete", "gone"), change("delete", "never"), change("set", "nothing", None),
    )  # fmt: skip
    assert stores.one(changing(*operations)) == Done()
    assert contents(stores) == {"a": 5, "list": [[1]], "log": "x", "nothing": None, "o": {"x": 1, "y": "\u0000 ü"}}
    assert stores.reader.memory.entry("wf", "a") == MemoryRecord(
        workflow_id="wf", key="a", value=5, bytes=1, updated_at=2_000, updated_by="e1"
    )
    assert stores.reader.memory.entry("wf", "gone") is None
    assert stores.reader.memory.size("wf") == MemorySize(
        entries=5, bytes=1 + 5 + 3 + 4 + len('{"x":1,"y":"\\u0000 ü"}') + 1
    )


def test_r17_a_repeat_after_a_lost_acknowledgement_appends_once(stores: Stores) -> None:
    stores.commit(owned())
    write = changing(change("append", "log", ["x"]))
    assert stores.one(write) == Done()
    assert stores.one(write) == Done()
    assert stores.commit(write, write) == [Done(), Done()]
    assert contents(stores) == {"log": [["x"]]}


def test_r17_what_is_fenced_or_refused_changes_nothing(stores: Stores) -> None:
    stores.commit(owned())
    assert stores.one(changing(change("set", "a", 1), epoch=2)) == Fenced()
    stores.one(request())
    pending = stores.one(changing(change("set", "a", 1), refuse_on_inbox="cancel"))
    assert isinstance(pending, Pending)
    assert contents(stores) == {}
    assert stores.reader.memory.size("wf") == MemorySize()


def test_r17_an_operation_that_does_not_fit_any_more_replaces_and_never_refuses(stores: Stores) -> None:
    stores.commit(owned())
    assert stores.one(changing(change("set", "a", "text"), change("increment", "a", 2))) == Done()
    assert contents(stores) == {"a": 2}


def test_several_appends_of_a_group_are_applied_in_their_order(stores: Stores) -> None:
    stores.commit(owned(), owned("e2"))
    first = changing(change("append", "log", "a"))
    other = changing(change("append", "log", "b"), execution_id="e2")
    second = changing(change("append", "log", "c"), expected_seq=1)
    assert stores.commit(first, other, ClearMemory(workflow_id="none", ts=1), second) == [Done()] * 4
    assert contents(stores) == {"log": "abc"}


def test_r17_concurrent_commits_lose_nothing(stores: Stores) -> None:
    writers, rounds = 4, 10
    stores.commit(*(owned(f"e{number}") for number in range(writers)))
    committers = [stores.another_committer() for _ in range(writers)]

    def write(number: int) -> None:
        for seq in range(rounds):
            operations = (
                change("append", "log", [number]),
                change("increment", "count"),
                change("set", f"k{number}", seq),
            )
            changed = changing(*operations, execution_id=f"e{number}", expected_seq=seq)
            assert committers[number].commit([changed]) == [Done()]

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    found = contents(stores)
    assert found["count"] == writers * rounds
    assert sorted(number for (number,) in found["log"]) == sorted(list(range(writers)) * rounds)
    assert stores.reader.memory.size("wf").entries == 2 + writers


def test_memories_are_apart_by_workflow_and_workspace(stores: Stores) -> None:
    stores.commit(owned(), owned("e2", workspace_id="other"))
    stores.commit(changing(change("set", "a", 1)), changing(change("set", "a", 2), workflow_id="two", expected_seq=1))
    stores.commit(changing(change("set", "a", 3), execution_id="e2"))
    assert [contents(stores), contents(stores, "two"), contents(stores, workspace_id="other")] == [
        {"a": 1}, {"a": 2}, {"a": 3},
    ]  # fmt: skip


def test_entries_are_listed_by_key_a_page_at_a_time(stores: Stores) -> None:
    stores.commit(owned())
    keys = ["a", "b%", "b_1", "bx", "c"]
    stores.one(changing(*(change("set", key, key) for key in reversed(keys))))
    listed, cursor = [], None
    while True:
        page = stores.reader.memory.entries("wf", limit=2, cursor=cursor)
        listed += [row.key for row in page.data]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(listed) == keys
    assert sorted(row.key for row in stores.reader.memory.entries("wf", prefix="b").data) == ["b%", "b_1", "bx"]
    assert [row.key for row in stores.reader.memory.entries("wf", prefix="b_").data] == ["b_1"]


def test_clearing_removes_an_entry_or_all_and_may_be_repeated(stores: Stores) -> None:
    stores.commit(owned())
    stores.one(changing(change("set", "a", 1), change("set", "b", "xy"), change("set", "c", 3)))
    for _ in range(2):
        assert stores.one(ClearMemory(workflow_id="wf", key="a", ts=3_000)) == Done()
    assert contents(stores) == {"b": "xy", "c": 3}
    assert stores.reader.memory.size("wf") == MemorySize(entries=2, bytes=5)
    for _ in range(2):
        assert stores.one(ClearMemory(workflow_id="wf", ts=3_000)) == Done()
    assert (contents(stores), stores.reader.memory.size("wf")) == ({}, MemorySize())


def test_a_deleted_workflow_leaves_no_memory_behind(stores: Stores) -> None:
    stores.commit(save(), owned(workflow_id="wf"))
    stores.commit(changing(change("set", "a", 1)), DeleteWorkflow(id="wf"))
    assert contents(stores) == {}
