"""What passes between parent and child: ids, rows, and what a row means (R19)."""

from __future__ import annotations

import msgspec
import pytest

from flowray.engine import stimuli as st
from flowray.engine.commands import StopChild
from flowray.engine.signals import NodeError, Usage
from flowray.persistence.records import ExecutionRecord, InboxRecord
from flowray.runtime.children import cancel_row, child_id, crash_row, end_row, ended

KID = ExecutionRecord(
    id="kid", status="running", plan_hash="h", parent_id="e1", parent_key="a%23b#2", workflow_id="w", workflow_version=3
)


def test_the_id_follows_from_parent_instance_and_try() -> None:
    ids = {child_id("e1", "call#1"), child_id("e1", "call#2"), child_id("e1", "L[0]/call#1"), child_id("e2", "call#1")}
    assert len(ids) == 4
    # Children of earlier releases must be found again.
    assert child_id("e1", "call#1") == "7e49e5b4-9394-565a-8e3e-f1bd33de859b"


def test_an_end_reaches_the_parent_whole() -> None:
    error = NodeError(message="no", code="X", node_id="n", retryable=True)
    row = end_row(KID, "failed", outputs={"a": [1]}, error=error, usage=Usage(input_tokens=4), last_seq=9)
    assert row is not None
    assert (row.id, row.execution_id, row.kind, row.dedupe_key) == ("kid-end", "e1", "child", "child kid")
    sent = msgspec.convert(msgspec.json.decode(msgspec.json.encode(row)), InboxRecord)
    assert ended(sent, 7) == st.ChildEnded(
        ts=7, instance="a%23b", key="a%23b#2", status="failed", outputs={"a": [1]}, error=error,
        usage=Usage(input_tokens=4), child_id="kid", workflow_id="w", version=3, last_seq=9,
    )  # fmt: skip


def test_nobody_is_told_of_the_end_of_an_execution_that_nobody_called() -> None:
    assert end_row(ExecutionRecord(id="e1", status="running", plan_hash="h"), "completed") is None


def test_a_crash_is_an_end_with_its_reason() -> None:
    row = crash_row(KID, "it broke", 5)
    assert row is not None
    told = ended(row, 1)
    assert told.error == NodeError(message="it broke", code="EXECUTION_CRASHED")
    assert (told.status, told.last_seq) == ("crashed", 5)


def test_the_cancellation_of_a_child_is_one_row_with_that_of_a_person() -> None:
    row = cancel_row("e1", StopChild("call", "call#1", "enough"))
    its_id = child_id("e1", "call#1")
    assert (row.id, row.execution_id, row.kind, row.dedupe_key) == (f"{its_id}-stop", its_id, "cancel", "cancel")
    assert (row.data, row.by) == ({"reason": "Parent: enough"}, "execution e1")


def test_a_row_of_another_shape_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        ended(InboxRecord(id="i", execution_id="e1", kind="child", data={"status": "completed"}), 1)
