"""Changes of executions' metadata in SQL: read, changed and written while the row is locked, so that none is lost."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert, select, update

from flowray.errors import ErrorCode
from flowray.persistence.database.tables import executions, metadata_changes
from flowray.persistence.database.transaction import Transaction
from flowray.persistence.writes import AnyResult, Refused
from flowray.persistence.writes.metadata import (
    ChangeMetadata,
    MetadataChanged,
    change_metadata,
    is_too_large,
    too_large,
)


def change_all_metadata(tx: Transaction, writes: Sequence[ChangeMetadata]) -> list[AnyResult]:
    """Each in turn."""
    return [_change(tx, write) for write in writes]


def _change(tx: Transaction, write: ChangeMetadata) -> AnyResult:
    standing = tx.standings.get(write.execution_id)
    if standing is None or standing.workspace_id != write.workspace_id:
        return Refused(code=ErrorCode.NOT_FOUND, detail=f"there is no execution {write.execution_id!r}")
    present = tx.connection.execute(
        select(executions.c.metadata).where(executions.c.id == write.execution_id)
    ).scalar_one()
    done = metadata_changes.c.execution_id == write.execution_id, metadata_changes.c.id == write.id
    if tx.connection.execute(select(metadata_changes.c.id).where(*done)).first() is not None:
        return MetadataChanged(metadata=present)
    try:
        changed = change_metadata(present, write.operations)
    except ValueError as error:
        return Refused(code=ErrorCode.CONFLICT, detail=str(error))
    if is_too_large(changed):
        return Refused(code=ErrorCode.BODY_TOO_LARGE, detail=too_large())
    tx.connection.execute(
        update(executions).where(executions.c.id == write.execution_id).values(metadata=changed, updated_at=tx.now)
    )
    row = {"execution_id": write.execution_id, "id": write.id, "changed_at": tx.now}
    tx.connection.execute(insert(metadata_changes), {**row, "workspace_id": standing.workspace_id})
    return MetadataChanged(metadata=changed)
