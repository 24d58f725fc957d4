"""The stores of ``test_stores``, but one database for a file, emptied before each test: migrating takes longest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import Engine

from flowray.persistence.database.engine import open_database, writing
from flowray.persistence.database.tables import metadata
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.migrations import upgrade
from flowray.persistence.payloads.database import DatabasePayloads
from flowray.persistence.sql.committer import SqlCommitter
from flowray.persistence.sql.reader import SqlReader
from flowray.persistence.stores import Committer
from tests.conformance.test_stores import Stores
from tests.databases import postgres_database


@pytest.fixture(scope="module", params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def module_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str | None]:
    """A migrated database; None for memory."""
    with ExitStack() as stack:
        url = None
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('stores') / 'flowray.db'}"
        elif request.param == "postgresql":
            url = stack.enter_context(postgres_database())
        if url is not None:
            engine = open_database(url)
            upgrade(engine)
            engine.dispose()
        yield url


@pytest.fixture
def stores(module_url: str | None) -> Iterator[Stores]:
    """Empty stores."""
    if module_url is None:
        memory = MemoryStore()
        yield Stores(memory, memory, memory.payloads, lambda: memory)
        return
    engines: list[Engine] = [open_database(module_url)]
    with writing(engines[0]).begin() as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name != "settings":
                connection.execute(table.delete())

    def another() -> Committer:
        engines.append(open_database(module_url))
        return SqlCommitter(engines[-1])

    committer = SqlCommitter(engines[0])
    yield Stores(committer, SqlReader(engines[0]), DatabasePayloads(engines[0], committer.commit), another)
    for engine in engines:
        engine.dispose()
