"""Knowledge bases in every store: documents are replaced whole, and the nearest chunks are found."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from flowray.errors import ErrorCode
from flowray.persistence.database.engine import open_database, writing
from flowray.persistence.knowledge.tables import vector_bytes
from flowray.persistence.records.knowledge import DocumentRecord, KnowledgeBaseRecord, PassageRecord
from flowray.persistence.writes import Done, Existing, Inserted, Refused
from flowray.persistence.writes.knowledge import (
    DeleteDocument,
    DeleteKnowledgeBase,
    NewChunk,
    PutDocument,
    SaveKnowledgeBase,
)
from tests.conformance.emptied import module_url, stores
from tests.conformance.test_stores import Stores

__all__ = ["module_url", "stores"]


def base(base_id: str = "kb", **fields: str) -> SaveKnowledgeBase:
    return SaveKnowledgeBase(base_id=base_id, ts=1_000, **fields)


def document(name: str = "a", *chunks: tuple[str, list[float]], base_id: str = "kb", **fields: object) -> PutDocument:
    made = tuple(NewChunk(content, vector_bytes(vector)) for content, vector in chunks)
    return PutDocument(base_id=base_id, name=name, hash=f"h-{name}", ts=2_000, chunks=made, **fields)  # type: ignore[arg-type]


def found(stores: Stores, *vector: float, most: int = 5, at_least: float = -1.0, base_id: str = "kb") -> list[str]:
    rows = stores.reader.knowledge.search(base_id, vector_bytes(vector), most=most, at_least=at_least)
    return [row.content for row in rows]


def test_a_base_is_created_once_and_stays_as_it_is(stores: Stores) -> None:
    assert stores.one(base(name="Docs", provider="p", model="m")) == Inserted(id="kb")
    assert stores.one(base(name="Other")) == Existing(id="kb")
    assert stores.reader.knowledge.base("kb") == KnowledgeBaseRecord(
        id="kb", name="Docs", provider="p", model="m", created_at=1_000, updated_at=1_000
    )
    assert stores.reader.knowledge.base("none") is None


def test_a_document_is_replaced_whole_and_a_repeat_does_not_double_it(stores: Stores) -> None:
    stores.one(base())
    first = document("a", ("one", [1, 0]), ("two", [0, 1]), metadata={"page": 1})
    assert stores.commit(first, first) == [Done(), Done()]
    assert stores.one(document("a", ("three \u00fc", [1, 1]))) == Done()
    assert stores.one(document("b", ("four", [-1, 0]))) == Done()
    record = stores.reader.knowledge.base("kb")
    assert record is not None
    assert (record.documents, record.chunks, record.dimensions, record.updated_at) == (2, 2, 2, 2_000)
    assert found(stores, 1, 0) == ["three \u00fc", "four"]
    assert stores.reader.knowledge.document("kb", "a") == DocumentRecord(
        base_id="kb", name="a", hash="h-a", chunks=1, updated_at=2_000
    )
    assert stores.reader.knowledge.document("kb", "c") is None


def test_the_nearest_come_first(stores: Stores) -> None:
    stores.one(base())
    stores.one(document("a", ("east", [2, 0]), ("north", [0, 3]), ("nothing", [0, 0]), metadata={"of": "a"}))
    stores.one(document("b", ("north-east", [1, 1]), ("west", [-1, 0])))
    assert found(stores, 4, 0, at_least=-0.5) == ["east", "north-east", "north", "nothing"]
    assert found(stores, 4, 0, most=2) == ["east", "north-east"]
    assert found(stores, 4, 0, at_least=0.7) == ["east", "north-east"]
    assert stores.reader.knowledge.search("kb", vector_bytes([1, 0]), most=1) == [
        PassageRecord(document="a", number=0, content="east", similarity=1.0, metadata={"of": "a"})
    ]
    assert stores.reader.knowledge.search("kb", vector_bytes([1, 0]), most=2)[1].similarity == pytest.approx(0.707107)
    assert found(stores, 1, 0, base_id="none") == []
    assert found(stores, 1, 0, 0) == []


def test_what_does_not_fit_is_refused_and_changes_nothing(stores: Stores) -> None:
    refused = stores.one(document())
    assert isinstance(refused, Refused)
    assert (refused.code, refused.detail) == (ErrorCode.NOT_FOUND, "there is no knowledge base 'kb'")
    stores.commit(base(), document("a", ("one", [1, 0])))
    for wrong in (document("a", ("x", [1, 0, 0])), document("b", ("x", [1, 0]), ("y", [1]))):
        refused = stores.one(wrong)
        assert isinstance(refused, Refused)
        assert refused.code == ErrorCode.INVALID_REQUEST
    assert found(stores, 1, 0) == ["one"]


def test_a_document_without_text_has_no_chunks(stores: Stores) -> None:
    stores.commit(base(), document("a", ("one", [1, 0])), document("a"))
    assert found(stores, 1, 0) == []
    kept = stores.reader.knowledge.document("kb", "a")
    assert kept is not None
    assert kept.chunks == 0


def test_documents_and_bases_go_with_all_that_is_in_them(stores: Stores) -> None:
    stores.commit(base(), base("other"))
    stores.commit(document("a", ("one", [1, 0])), document("b", ("two", [1, 0])))
    stores.one(document("a", ("else", [1, 0]), base_id="other"))
    for _ in range(2):
        assert stores.one(DeleteDocument(base_id="kb", name="a")) == Done()
    assert found(stores, 1, 0) == ["two"]
    for _ in range(2):
        assert stores.one(DeleteKnowledgeBase(base_id="kb")) == Done()
    assert stores.reader.knowledge.base("kb") is None
    assert found(stores, 1, 0) == []
    assert found(stores, 1, 0, base_id="other") == ["else"]


def test_bases_and_documents_are_listed_a_page_at_a_time(stores: Stores) -> None:
    stores.commit(*(base(name) for name in ("c", "a", "b")))
    stores.commit(*(document(name, base_id="a") for name in ("z", "x", "y")))
    page = stores.reader.knowledge.bases(limit=2)
    assert [row.id for row in page.data] == ["a", "b"]
    assert [row.id for row in stores.reader.knowledge.bases(limit=2, cursor=page.next_cursor).data] == ["c"]
    page = stores.reader.knowledge.documents("a", limit=2)
    assert [row.name for row in page.data] == ["x", "y"]
    assert [row.name for row in stores.reader.knowledge.documents("a", limit=2, cursor=page.next_cursor).data] == ["z"]


def test_workspaces_are_apart(stores: Stores) -> None:
    stores.commit(base(), SaveKnowledgeBase(base_id="kb", ts=1, workspace_id="w2", name="Two"))
    stores.one(document("a", ("mine", [1, 0])))
    stores.one(document("a", ("theirs", [1, 0]), workspace_id="w2"))
    assert found(stores, 1, 0) == ["mine"]
    theirs = stores.reader.knowledge.search("kb", vector_bytes([1, 0]), most=5, workspace_id="w2")
    assert [row.content for row in theirs] == ["theirs"]
    assert [row.name for row in stores.reader.knowledge.bases(workspace_id="w2").data] == ["Two"]


def test_pgvector_finds_the_same_where_it_is(stores: Stores, module_url: str | None) -> None:
    if module_url is None or not module_url.startswith("postgresql"):
        pytest.skip("pgvector is an extension of PostgreSQL")
    engine = open_database(module_url)
    with writing(engine).begin() as connection:
        names = connection.execute(text("SELECT name FROM pg_available_extensions")).scalars().all()
    if "vector" not in names:
        pytest.skip("this PostgreSQL has no pgvector")
    try:
        stores.one(base())
        stores.one(document("a", ("east", [2, 0]), ("north", [0, 3]), ("nothing", [0, 0])))
        stores.one(document("b", ("north-east", [1, 1]), ("west", [-1, 0]), metadata={"of": "b"}))
        plain = stores.reader.knowledge.search("kb", vector_bytes([3, 1]), most=3)
        with writing(engine).begin() as connection:
            connection.execute(text("CREATE EXTENSION vector"))
        assert stores.reader.knowledge.search("kb", vector_bytes([3, 1]), most=3) == plain
        assert found(stores, 1, 0, most=9, at_least=0.5) == ["east", "north-east"]
        assert found(stores, 0, 0) == []
    finally:
        with writing(engine).begin() as connection:
            connection.execute(text("DROP EXTENSION IF EXISTS vector"))
        engine.dispose()
