"""Executions from other databases, in SQL: all their rows at once, as they were."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Table, insert

from flowray.persistence.database.tables import events, inbox, node_logs, waitpoints
from flowray.persistence.database.transaction import Transaction
from flowray.persistence.database.waitpoint_locks import shared_row
from flowray.persistence.records import EventBatch, Record
from flowray.persistence.rows import to_row
from flowray.persistence.sql.executions import insert_executions
from flowray.persistence.writes import AnyResult, Existing, Inserted, InsertExecution
from flowray.persistence.writes.imports import ImportExecution


def import_executions(tx: Transaction, writes: Sequence[ImportExecution]) -> list[AnyResult]:
    """Each in turn; one whose id is taken is left out."""
    return [_import(tx, write) for write in writes]


def _import(tx: Transaction, write: ImportExecution) -> AnyResult:
    record = write.record
    if (standing := tx.standings.get(record.id)) is not None:
        return Existing(id=record.id, status=standing.status)
    (result,) = insert_executions(tx, [InsertExecution(record=record, plan=write.plan)])
    if not isinstance(result, Inserted) or result.elsewhere:
        return Existing(id=record.id)
    _insert(tx, events, record.workspace_id, [_batch_row(batch) for batch in write.batches])
    _insert(tx, node_logs, record.workspace_id, _rows(write.node_logs))
    _insert(tx, inbox, record.workspace_id, _rows(write.inbox))
    _insert(tx, waitpoints, record.workspace_id, [shared_row(waitpoint) for waitpoint in write.waitpoints])
    return result


def _rows(records: Sequence[Record]) -> list[dict[str, object]]:
    return [to_row(record) for record in records]


def _batch_row(batch: EventBatch) -> dict[str, object]:
    # When a batch was written stands in its events; the column serves retention only.
    return {**to_row(batch), "ts": 0}


def _insert(tx: Transaction, table: Table, workspace_id: str, rows: Sequence[dict[str, object]]) -> None:
    if rows:
        tx.connection.execute(insert(table), [{**row, "workspace_id": workspace_id} for row in rows])
