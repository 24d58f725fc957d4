"""Cutting a group of writes into stages."""

from __future__ import annotations

from flowray.persistence.records import WaitpointRecord
from flowray.persistence.sql.stages import stages
from flowray.persistence.writes import AnyWrite, ClaimExecutions, DeleteWorkflow
from flowray.persistence.writes.waitpoints import CompleteWaitpoint, CreateWaitpoint
from tests.persistence.samples import append, insert, owner, request, save


def cut(*writes: AnyWrite) -> list[list[int]]:
    """The order in which the writes are applied, stage by stage."""
    return [[number for numbered in stage.values() for number, _ in numbered] for stage in stages(writes)]


def test_no_writes_no_stages() -> None:
    assert cut() == []


def test_writes_of_different_things_are_sorted_by_kind_within_one_stage() -> None:
    assert cut(append("e1"), insert("e2"), append("e3"), save(), insert("e4"), request("i", "e5")) == [
        [3, 1, 4, 0, 2, 5]
    ]


def test_inserting_then_appending_to_one_execution_fits_one_stage() -> None:
    assert cut(insert("e1"), append("e1"), request("i", "e1")) == [[0, 1, 2]]


def test_a_request_before_an_append_to_the_same_execution_stays_before_it() -> None:
    assert cut(request("i", "e1"), append("e2"), append("e1"), append("e3")) == [[1, 0], [2, 3]]


def test_saving_again_after_deleting_is_a_new_stage() -> None:
    assert cut(save(), DeleteWorkflow(id="wf"), save(), save("other")) == [[0, 1], [2, 3]]


def test_a_claim_ends_its_stage() -> None:
    assert cut(insert("e1"), owner(), ClaimExecutions(owner_id="o1"), insert("e2"), ClaimExecutions(owner_id="o1")) == [
        [1, 0, 2],
        [3, 4],
    ]


def _shared(name: str) -> WaitpointRecord:
    return WaitpointRecord(id=f"wp:{name}", execution_id=None, kind="shared", status="open", created_at=0)


def test_the_end_of_a_shared_waitpoint_ends_its_stage() -> None:
    complete = CompleteWaitpoint(id="wp:a", completion_id="c")
    assert cut(append("e1"), complete, append("e2"), request("i", "e1")) == [[0, 1], [2, 3]]


def test_a_wait_for_what_is_created_before_it_in_the_group_comes_after_it() -> None:
    wait = WaitpointRecord(
        id="e1:a#1", execution_id="e1", kind="waitpoint", status="open", created_at=0, source="name:a"
    )
    created = CreateWaitpoint(record=_shared("a"))
    assert cut(created, append("e1", waitpoints=(wait,))) == [[0], [1]]
    assert cut(append("e1", waitpoints=(wait,)), created) == [[0, 1]]
    assert cut(created, append("e1")) == [[1, 0]]
