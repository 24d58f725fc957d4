"""Writes of knowledge bases, in SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select, update

from flowray.errors import ErrorCode
from flowray.persistence.database.transaction import Transaction, insert_or_update
from flowray.persistence.knowledge.tables import knowledge_bases, knowledge_chunks, knowledge_documents
from flowray.persistence.writes.codec import AnyResult, AnyWrite
from flowray.persistence.writes.knowledge import (
    AnyKnowledgeWrite,
    DeleteDocument,
    DeleteKnowledgeBase,
    PutDocument,
    SaveKnowledgeBase,
)
from flowray.persistence.writes.results import Done, Existing, Inserted, Refused

_b, _d, _c = knowledge_bases.c, knowledge_documents.c, knowledge_chunks.c

_THE_BASE = (_b.workspace_id == bindparam("its_workspace"), _b.id == bindparam("its_base"))
_LOCK = select(_b.dimensions).where(*_THE_BASE).with_for_update()
_GROWN = update(knowledge_bases).where(*_THE_BASE).values(dimensions=bindparam("size"), updated_at=bindparam("ts"))


def save_bases(tx: Transaction, writes: Sequence[SaveKnowledgeBase]) -> list[AnyResult]:
    """Create those that are not there."""
    results: list[AnyResult] = []
    for write in writes:
        row = {
            "workspace_id": write.workspace_id, "id": write.base_id, "name": write.name, "provider": write.provider,
            "model": write.model, "dimensions": 0, "created_at": write.ts, "updated_at": write.ts,
        }  # fmt: skip
        inserted = tx.connection.execute(tx.insert(knowledge_bases).returning(_b.id), row).first() is not None
        results.append(Inserted(id=write.base_id) if inserted else Existing(id=write.base_id))
    return results


def delete_bases(tx: Transaction, writes: Sequence[DeleteKnowledgeBase]) -> list[AnyResult]:
    """Remove them with all that is in them."""
    for write in writes:
        place = {"its_workspace": write.workspace_id, "its_base": write.base_id}
        for columns, table in ((_c, knowledge_chunks), (_d, knowledge_documents)):
            tx.connection.execute(delete(table).where(
                columns.workspace_id == bindparam("its_workspace"), columns.base_id == bindparam("its_base")
            ), place)  # fmt: skip
        tx.connection.execute(delete(knowledge_bases).where(*_THE_BASE), place)
    return [Done() for _ in writes]


def put_documents(tx: Transaction, writes: Sequence[PutDocument]) -> list[AnyResult]:
    """Each in the place of the one before it."""
    return [_put(tx, write) for write in writes]


def _put(tx: Transaction, write: PutDocument) -> AnyResult:
    place = {"its_workspace": write.workspace_id, "its_base": write.base_id}
    base = tx.connection.execute(_LOCK, place).one_or_none()
    refused = refusal(write, None if base is None else base.dimensions)
    if base is None or refused is not None:
        return refused or Done()
    _remove(tx, write, write.name)
    of_base = {"workspace_id": write.workspace_id, "base_id": write.base_id}
    row = {
        **of_base, "name": write.name, "hash": write.hash, "chunks": len(write.chunks), "metadata": write.metadata,
        "updated_at": write.ts,
    }  # fmt: skip
    tx.connection.execute(insert_or_update(tx.connection.dialect.name, knowledge_documents), row)
    rows = [
        {**of_base, "document": write.name, "number": number, "content": chunk.content, "vector": chunk.vector}
        for number, chunk in enumerate(write.chunks)
    ]
    if rows:
        tx.connection.execute(knowledge_chunks.insert(), rows)
    size = write.dimensions or base.dimensions
    tx.connection.execute(_GROWN, {**place, "size": size, "ts": write.ts})
    return Done()


def refusal(write: PutDocument, dimensions: int | None) -> Refused | None:
    """Why a document cannot go into a base of that many dimensions; None dimensions: there is no such base."""
    if dimensions is None:
        return Refused(code=ErrorCode.NOT_FOUND, detail=f"there is no knowledge base {write.base_id!r}")
    sizes = {len(chunk.vector) // 4 for chunk in write.chunks}
    if sizes and (len(sizes) > 1 or dimensions not in (0, *sizes)):
        detail = f"the vectors have {sorted(sizes)} dimensions, those of the base {dimensions or 'one number of them'}"
        return Refused(code=ErrorCode.INVALID_REQUEST, detail=detail)
    return None


def delete_documents(tx: Transaction, writes: Sequence[DeleteDocument]) -> list[AnyResult]:
    """Remove them with their chunks."""
    for write in writes:
        _remove(tx, write, write.name)
    return [Done() for _ in writes]


def _remove(tx: Transaction, write: AnyKnowledgeWrite, name: str) -> None:
    tx.connection.execute(
        delete(knowledge_chunks).where(
            _c.workspace_id == write.workspace_id, _c.base_id == write.base_id, _c.document == name
        )
    )
    tx.connection.execute(
        delete(knowledge_documents).where(
            _d.workspace_id == write.workspace_id, _d.base_id == write.base_id, _d.name == name
        )
    )


APPLY: dict[type[AnyWrite], Callable[[Transaction, Sequence[Any]], list[AnyResult]]] = {
    SaveKnowledgeBase: save_bases,
    DeleteKnowledgeBase: delete_bases,
    PutDocument: put_documents,
    DeleteDocument: delete_documents,
}
