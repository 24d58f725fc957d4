"""What is read of knowledge bases, in SQL: searched in the database where pgvector is, else over all vectors of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, and_, bindparam, func, or_, select, text

from flowray.persistence.cursors import cut_page, decode_cursor
from flowray.persistence.database.engine import is_postgresql, query, reading
from flowray.persistence.knowledge.similarity import DIGITS, most_similar
from flowray.persistence.knowledge.tables import floats, knowledge_bases, knowledge_chunks, knowledge_documents
from flowray.persistence.records import DEFAULT_WORKSPACE, Page
from flowray.persistence.records.knowledge import DocumentRecord, KnowledgeBaseRecord, PassageRecord
from flowray.persistence.rows import from_row

_b, _d, _c = knowledge_bases.c, knowledge_documents.c, knowledge_chunks.c

_OF_CHUNK = and_(_d.workspace_id == _c.workspace_id, _d.base_id == _c.base_id, _d.name == _c.document)
_SHOWN = (_c.document, _c.number, _c.content, _d.metadata)
_IN_BASE = and_(_c.workspace_id == bindparam("its_workspace"), _c.base_id == bindparam("its_base"))

_HAS_PGVECTOR = text("SELECT 1 FROM pg_extension WHERE extname = 'vector'")
_NEAREST = text("""
    SELECT c.document, c.number, c.content, d.metadata, 1 - (c.vector::vector <=> CAST(:query AS vector)) AS similarity
    FROM knowledge_chunks c
    JOIN knowledge_documents d ON (d.workspace_id, d.base_id, d.name) = (c.workspace_id, c.base_id, c.document)
    WHERE c.workspace_id = :its_workspace AND c.base_id = :its_base AND cardinality(c.vector) = :size
    ORDER BY c.vector::vector <=> CAST(:query AS vector), c.document, c.number
    LIMIT :most
""").columns(_c.document, _c.number, _c.content, _d.metadata)


class SqlKnowledge:
    """A KnowledgeReader over the tables. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = reading(engine)
        self._is_postgresql = is_postgresql(engine)

    def base(self, base_id: str, workspace_id: str = DEFAULT_WORKSPACE) -> KnowledgeBaseRecord | None:
        counted = select(func.count(), func.coalesce(func.sum(_d.chunks), 0)).where(
            _d.workspace_id == workspace_id, _d.base_id == base_id
        )
        statement = select(knowledge_bases).where(_b.workspace_id == workspace_id, _b.id == base_id)

        def found(connection: Connection) -> KnowledgeBaseRecord | None:
            row = connection.execute(statement).mappings().one_or_none()
            if row is None:
                return None
            documents, chunks = connection.execute(counted).one()
            return from_row(KnowledgeBaseRecord, {**row, "documents": documents, "chunks": int(chunks)})

        return query(self._engine, "read a knowledge base", found)

    def bases(self, *, limit: int = 50, cursor: str | None = None, workspace_id: str = DEFAULT_WORKSPACE) -> Page:
        statement = select(knowledge_bases).where(_b.workspace_id == workspace_id)
        if (after := decode_cursor("knowledge", cursor)) is not None:
            statement = statement.where(_b.id > after[1])
        rows = self._rows(statement.order_by(_b.id).limit(limit + 1))
        found = [from_row(KnowledgeBaseRecord, row) for row in rows]
        return cut_page("knowledge", found, limit, lambda row: (0, row.id))

    def document(self, base_id: str, name: str, workspace_id: str = DEFAULT_WORKSPACE) -> DocumentRecord | None:
        statement = select(knowledge_documents).where(
            _d.workspace_id == workspace_id, _d.base_id == base_id, _d.name == name
        )
        rows = self._rows(statement)
        return from_row(DocumentRecord, rows[0]) if rows else None

    def documents(
        self, base_id: str, *, limit: int = 50, cursor: str | None = None, workspace_id: str = DEFAULT_WORKSPACE
    ) -> Page:
        listing = f"knowledge {base_id}"
        statement = select(knowledge_documents).where(_d.workspace_id == workspace_id, _d.base_id == base_id)
        if (after := decode_cursor(listing, cursor)) is not None:
            statement = statement.where(_d.name > after[1])
        rows = self._rows(statement.order_by(_d.name).limit(limit + 1))
        found = [from_row(DocumentRecord, row) for row in rows]
        return cut_page(listing, found, limit, lambda row: (0, row.name))

    def search(
        self, base_id: str, vector: bytes, *, most: int, at_least: float = -1.0, workspace_id: str = DEFAULT_WORKSPACE
    ) -> list[PassageRecord]:
        place = {"its_workspace": workspace_id, "its_base": base_id}

        def found(connection: Connection) -> list[PassageRecord]:
            if self._is_postgresql and connection.execute(_HAS_PGVECTOR).first() is not None:
                return _by_pgvector(connection, place, vector, most, at_least)
            return _by_all_vectors(connection, place, vector, most, at_least)

        return query(self._engine, "search a knowledge base", found)

    def _rows(self, statement: Any) -> Sequence[Any]:
        return query(
            self._engine, "read knowledge bases", lambda connection: connection.execute(statement).mappings().all()
        )


def _by_pgvector(
    connection: Connection, place: dict[str, str], vector: bytes, most: int, at_least: float
) -> list[PassageRecord]:
    numbers = floats(vector).tolist()
    if not any(numbers):
        return []  # what has no direction is like nothing; pgvector gives NaN
    given = {**place, "query": str(numbers), "size": len(numbers), "most": most}
    rows = connection.execute(_NEAREST, given).mappings().all()
    # A stored zero vector has NaN for its similarity, which is not at least anything.
    return [_passage(row, row["similarity"]) for row in rows if row["similarity"] >= at_least]


def _by_all_vectors(
    connection: Connection, place: dict[str, str], vector: bytes, most: int, at_least: float
) -> list[PassageRecord]:
    statement = select(_c.document, _c.number, _c.vector).where(_IN_BASE).order_by(_c.document, _c.number)
    rows = connection.execute(statement, place).all()
    best = most_similar([row.vector for row in rows], vector, most, at_least)
    keys = [(rows[at].document, rows[at].number, value) for at, value in best]
    if not keys:
        return []
    wanted = or_(*(and_(_c.document == document, _c.number == number) for document, number, _ in keys))
    shown = select(*_SHOWN).join(knowledge_documents, _OF_CHUNK).where(_IN_BASE, wanted)
    contents = {(row["document"], row["number"]): row for row in connection.execute(shown, place).mappings()}
    return [
        _passage(contents[document, number], value)
        for document, number, value in keys
        if (document, number) in contents
    ]


def _passage(row: Any, similarity: float) -> PassageRecord:
    return PassageRecord(
        document=row["document"], number=row["number"], content=row["content"], metadata=row["metadata"] or {},
        similarity=round(float(similarity), DIGITS),
    )  # fmt: skip
