"""Writes of workflows and payloads in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Insert, RowMapping, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from flowray.errors import ErrorCode
from flowray.persistence.database.tables import payloads, workflow_versions, workflows
from flowray.persistence.database.transaction import Transaction
from flowray.persistence.workflow_memory.sql import clear_entries
from flowray.persistence.writes import AnyResult, DeleteWorkflow, Done, PutPayload, Refused, Saved, SaveWorkflow


def save_workflows(tx: Transaction, writes: Sequence[SaveWorkflow]) -> list[AnyResult]:
    """Insert or replace each."""
    return [_save(tx, write) for write in writes]


def _save(tx: Transaction, write: SaveWorkflow) -> AnyResult:
    current = _current(tx, write)
    if current is None:
        if write.must_exist:
            return _unknown(write.id)
        if tx.connection.execute(tx.insert(workflows), _row(write)).rowcount:
            _keep_version(tx, write, 1)
            return Saved(version=1, created_at=write.ts, updated_at=write.ts)
        current = _current(tx, write)  # somebody else inserted it between the two statements
        assert current is not None
    if current["hash"] == write.hash:
        return Saved(
            version=current["version"],
            created_at=current["created_at"],
            updated_at=current["updated_at"],
            changed=False,
        )
    changes = {**_row(write), "version": current["version"] + 1, "created_at": current["created_at"]}
    del changes["created_by"]
    tx.connection.execute(
        update(workflows)
        .where(workflows.c.workspace_id == write.workspace_id, workflows.c.id == write.id)
        .values(changes)
    )
    _keep_version(tx, write, current["version"] + 1)
    return Saved(version=current["version"] + 1, created_at=current["created_at"], updated_at=write.ts)


def _keep_version(tx: Transaction, write: SaveWorkflow, version: int) -> None:
    row = {
        "workspace_id": write.workspace_id,
        "workflow_id": write.id,
        "version": version,
        "name": write.name,
        "hash": write.hash,
        "definition": write.definition,
        "created_at": write.ts,
        "created_by": write.created_by,
    }
    tx.connection.execute(tx.insert(workflow_versions), row)


def _current(tx: Transaction, write: SaveWorkflow) -> RowMapping | None:
    return (
        tx.connection.execute(
            select(workflows.c.version, workflows.c.hash, workflows.c.created_at, workflows.c.updated_at)
            .where(workflows.c.workspace_id == write.workspace_id, workflows.c.id == write.id)
            .with_for_update()
        )
        .mappings()
        .one_or_none()
    )


def _row(write: SaveWorkflow) -> dict[str, Any]:
    return {
        "workspace_id": write.workspace_id,
        "id": write.id,
        "name": write.name,
        "version": 1,
        "hash": write.hash,
        "definition": write.definition,
        "diagnostics": write.diagnostics,
        "created_at": write.ts,
        "updated_at": write.ts,
        "created_by": write.created_by,
    }


def _unknown(workflow_id: str) -> Refused:
    return Refused(code=ErrorCode.NOT_FOUND, detail=f"there is no workflow {workflow_id!r}")


def delete_workflows(tx: Transaction, writes: Sequence[DeleteWorkflow]) -> list[AnyResult]:
    """Remove each."""
    results: list[AnyResult] = []
    for write in writes:
        deleted = tx.connection.execute(
            delete(workflows).where(workflows.c.workspace_id == write.workspace_id, workflows.c.id == write.id)
        ).rowcount
        tx.connection.execute(
            delete(workflow_versions).where(
                workflow_versions.c.workspace_id == write.workspace_id, workflow_versions.c.workflow_id == write.id
            )
        )
        clear_entries(tx, (write.workspace_id, write.id), None, tx.now)
        results.append(Done() if deleted else _unknown(write.id))
    return results


@lru_cache
def _put(dialect: str) -> Insert:
    statement: Any = postgresql.insert(payloads) if dialect == "postgresql" else sqlite.insert(payloads)
    put: Insert = statement.on_conflict_do_update(
        index_elements=["id"],
        set_={"created_at": statement.excluded.created_at},
        where=payloads.c.created_at < statement.excluded.created_at,
    )
    return put


def put_payloads(tx: Transaction, writes: Sequence[PutPayload]) -> list[AnyResult]:
    """Keep blobs; one that is there already has the same bytes, since ids follow from the content, and is as young as
    if it had been put now: whoever collects what nothing names must see that it is wanted again."""
    rows = [
        {
            "workspace_id": write.workspace_id,
            "id": write.id,
            "execution_id": write.execution_id,
            "bytes": len(write.data),
            "data": write.data,
            "created_at": write.ts,
        }
        for write in sorted(writes, key=lambda write: write.id)
    ]
    tx.connection.execute(_put(tx.connection.dialect.name), rows)
    return [Done() for _ in writes]
