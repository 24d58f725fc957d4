"""Records to rows and back."""

from __future__ import annotations

import pytest

from flowray.persistence.database.tables import executions, inbox, node_logs
from flowray.persistence.records import ExecutionRecord, InboxRecord, NodeLogRecord
from flowray.persistence.rows import check_changes, from_row, to_row
from flowray.values import StoredValue, to_wire


def test_every_field_of_the_records_is_a_column() -> None:
    for kind, table in ((ExecutionRecord, executions), (NodeLogRecord, node_logs), (InboxRecord, inbox)):
        assert set(kind.__struct_fields__) <= set(table.c.keys())


def test_a_row_becomes_a_record_with_tuples_and_descriptors_restored() -> None:
    stored = StoredValue(payload_id="p", bytes=1)
    record = ExecutionRecord(id="e", status="running", plan_hash="h", errors=({"code": "A"},), outputs=stored)
    row = {**to_row(record), "errors": [{"code": "A"}], "outputs": to_wire(stored), "claim_id": "not of the record"}
    assert from_row(ExecutionRecord, row) == record


def test_missing_columns_take_the_records_defaults() -> None:
    assert from_row(InboxRecord, {"id": "i", "execution_id": "e", "kind": "cancel"}).data is None


@pytest.mark.parametrize("name", ["id", "epoch", "last_seq", "owner_id", "workspace_id", "nonsense"])
def test_r22_what_the_fence_guards_cannot_be_changed_by_an_append(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        check_changes({"status": "running", name: 1})
    check_changes({"status": "running", "recoveries": 0})
