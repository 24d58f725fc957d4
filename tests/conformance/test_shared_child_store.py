"""Shared children in every store: whoever waits for one is told of its end once, whichever comes first (R19, R25)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from flowray.engine.signals import NodeError, Usage
from flowray.engine.stimuli import ChildEnded
from flowray.errors import ErrorCode
from flowray.persistence.retention.upkeep import RetentionTimes
from flowray.persistence.shared_children.calls import CHILD
from flowray.persistence.writes import AnyResult, AppendEvents, Done, Existing, Fenced, Inserted, Refused
from flowray.persistence.writes.retention import Deleted, DeleteExecutions, PurgeExecutions
from flowray.persistence.writes.shared_children import JoinChild
from tests.conformance.emptied import module_url, stores
from tests.conformance.test_stores import Stores
from tests.persistence.samples import append, owned, owner

__all__ = ["module_url", "stores"]

ENDED = {"status": "completed", "outputs": {"y": 1}, "ended_at": 2_000}


def child(child_id: str = "c1", parent_id: str = "p1", key: str = "call#1", **fields: Any) -> Any:
    """The child that ``parent_id`` is the first to call."""
    of_workflow = {"workflow_id": "w", "workflow_version": 3} | fields
    insert = owned(child_id, parent_id=parent_id, idempotency_key="call::k", request_hash="h", **of_workflow)
    return msgspec.structs.replace(insert, parent_epoch=1, shared_key=key)


def join(parent_id: str = "p2", key: str = "call#1", child_id: str = "c1", epoch: int = 1) -> JoinChild:
    return JoinChild(child_id=child_id, parent_id=parent_id, parent_key=key, parent_epoch=epoch, ts=1_500)


def end(child_id: str = "c1", **changes: Any) -> AppendEvents:
    return append(child_id, count=1, release=True, changes=ENDED | changes)


def heard(stores: Stores, parent_id: str) -> list[ChildEnded]:
    rows = stores.reader.inbox(parent_id)
    assert {row.kind for row in rows} <= {CHILD}
    return [msgspec.convert(row.data, ChildEnded) for row in rows]


@pytest.fixture
def shared(stores: Stores) -> Stores:
    """``p1`` has started ``c1``; ``p2`` and ``p3`` are there."""
    stores.commit(owner(), owned("p1"), owned("p2"), owned("p3"))
    assert stores.one(child()) == Inserted(id="c1", status="queued")
    return stores


def test_r19_everybody_who_waits_is_told_in_the_commit_that_ends_the_child(shared: Stores) -> None:
    assert shared.one(join()) == Done()
    assert shared.one(join("p1", "again#1")) == Done()
    assert shared.reader.shared_children.callers("c1") == ["p1", "p2"]
    assert shared.reader.shared_children.child_of("p2", "call#1") == "c1"
    assert shared.reader.shared_children.child_of("p3", "call#1") is None
    assert shared.one(end(usage=msgspec.to_builtins(Usage(input_tokens=7)))) == Done(told=("p1", "p2"))
    told = ChildEnded(
        ts=0, instance="call", key="call#1", status="completed", outputs={"y": 1}, usage=Usage(input_tokens=7),
        child_id="c1", workflow_id="w", version=3, last_seq=1,
    )  # fmt: skip
    assert heard(shared, "p2") == [told]
    again = msgspec.structs.replace(told, instance="again", key="again#1")
    assert sorted(heard(shared, "p1"), key=lambda found: found.key) == [again, told]
    assert heard(shared, "p3") == []


def test_r25_who_comes_after_the_end_is_told_at_once_and_a_repeat_changes_nothing(shared: Stores) -> None:
    shared.commit(end())
    assert shared.one(join()) == Done(told=("p2",))
    assert shared.one(join()) == Done(told=("p2",))
    assert [found.outputs for found in heard(shared, "p2")] == [{"y": 1}]
    assert shared.one(end()) == Done()
    assert len(heard(shared, "p1")) == 1


def test_a_repeated_start_is_the_same_and_a_second_caller_finds_it(shared: Stores) -> None:
    assert shared.one(child()) == Inserted(id="c1", status="queued")
    assert shared.one(child("c2", "p2")) == Existing(id="c1", request_hash="h", status="queued")
    assert shared.reader.shared_children.callers("c1") == ["p1"]


def test_a_call_that_has_its_child_keeps_it(shared: Stores) -> None:
    shared.commit(end(status="failed"))
    assert shared.one(child("c2", "p2")) == Inserted(id="c2", status="queued")
    shared.commit(join("p1", child_id="c2"))
    assert shared.reader.shared_children.child_of("p1", "call#1") == "c1"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        (
            {"status": "failed", "error": {"message": "no", "code": "HTTP_ERROR", "node_id": None, "details": {}}},
            NodeError(message="no", code="HTTP_ERROR"),
        ),
        (
            {"status": "cancelled", "cancel_reason": "enough"},
            NodeError(message="enough", code=ErrorCode.EXECUTION_CANCELLED.value),
        ),
        ({"status": "expired"}, None),
    ],
)
def test_how_it_ended_is_told_without_what_it_leaves_behind(
    shared: Stores, changes: dict[str, Any], error: NodeError | None
) -> None:
    shared.commit(end(**changes))
    (told,) = heard(shared, "p1")
    assert (told.status, told.outputs, told.error) == (changes["status"], None, error)


def test_r22_only_the_owner_of_a_living_parent_may_wait(shared: Stores) -> None:
    assert shared.one(join(epoch=2)) == Fenced()
    shared.commit(end("p2"))
    assert shared.one(join()) == Fenced()
    assert shared.one(join("nobody")) == Fenced()
    assert shared.one(child("c2", "p2")) == Fenced()
    assert isinstance(shared.one(join("p3", child_id="nobody")), Refused)
    assert shared.reader.shared_children.callers("c1") == ["p1"]


def test_a_caller_that_has_ended_is_not_told(shared: Stores) -> None:
    shared.commit(join(), end("p1"))
    assert shared.one(end()) == Done(told=("p2",))
    assert heard(shared, "p1") == []


def test_a_child_of_one_parent_is_told_by_its_owner_alone(shared: Stores) -> None:
    own = owned("c9", parent_id="p2", parent_key="call#1")
    shared.commit(msgspec.structs.replace(own, parent_epoch=1))
    assert shared.one(end("c9")) == Done()
    assert heard(shared, "p2") == []


def test_one_group_may_start_join_and_end(stores: Stores) -> None:
    results = stores.commit(owner(), owned("p1"), owned("p2"), child(), join(), end())
    assert results[3:] == [Inserted(id="c1", status="queued"), Done(), Done(told=("p1", "p2"))]
    assert [len(heard(stores, parent_id)) for parent_id in ("p1", "p2")] == [1, 1]


def test_r25_no_end_is_lost_between_a_call_and_the_commit_that_ends_the_child(stores: Stores) -> None:
    stores.commit(owner())
    committers = [stores.another_committer() for _ in range(2)]

    def apply(number: int, write: Any) -> AnyResult:
        return committers[number].commit([write])[0]

    with ThreadPoolExecutor(2) as pool:
        for number in range(12):
            first, second, its_id = (f"{name}-{number}" for name in ("first", "second", "kid"))
            stores.commit(owned(first), owned(second), child(its_id, first, workflow_id=its_id))
            writes = [join(second, child_id=its_id), end(its_id)]
            assert all(isinstance(result, Done) for result in pool.map(apply, (0, 1), writes))
            assert [len(heard(stores, parent_id)) for parent_id in (first, second)] == [1, 1]


def test_l8_a_child_is_kept_while_somebody_who_has_called_it_goes_on(shared: Stores) -> None:
    times = RetentionTimes(now=10_000, completed_before=9_000)
    shared.commit(join(), end(), end("p1"))
    assert shared.reader.upkeep.past_retention(times, 10) == ["p1"]
    assert shared.one(DeleteExecutions(ids=("c1",))) == Deleted()
    shared.commit(end("p2"))
    assert shared.reader.upkeep.past_retention(times, 10) == ["c1", "p1", "p2"]
    assert shared.one(DeleteExecutions(ids=("c1",))) == Deleted(ids=("c1",))
    shared.commit(PurgeExecutions())
    assert shared.reader.shared_children.callers("c1") == []
