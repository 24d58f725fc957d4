"""The check of law L8 notices each leak made by hand, and nothing once it is collected."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from flowray.persistence.database.engine import open_database, writing
from flowray.persistence.migrations import upgrade
from flowray.persistence.payloads.database import DatabasePayloads
from flowray.persistence.payloads.ids import payload_id
from flowray.persistence.sql.committer import SqlCommitter
from flowray.persistence.sql.reader import SqlReader
from flowray.persistence.writes import AnyResult, AnyWrite, PutPayload
from flowray.runtime.doctor import examine
from flowray.runtime.retention import Retention, RetentionPolicy
from flowray.values import describe
from tests.durability.leaks import l8_leaks, leak
from tests.persistence.samples import insert

LATER = 10**15
POLICY = RetentionPolicy(grace_ms=0, history_ms=0)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(f"sqlite:///{tmp_path / 'flowray.db'}")
    upgrade(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def committer(engine: Engine) -> SqlCommitter:
    return SqlCommitter(engine)


def leaks(engine: Engine, at: int = LATER) -> list[str]:
    return l8_leaks(engine, now=0, before=at, history_before=at)


def collect(engine: Engine, committer: SqlCommitter) -> None:
    async def commit(writes: Sequence[AnyWrite]) -> list[AnyResult]:
        return committer.commit(writes)

    with writing(engine).begin() as connection:  # all of it happened a while ago
        for table, column in (
            ("limit_uses", "asked_at"), ("metadata_changes", "changed_at"), ("callbacks", "next_at"),
            ("trigger_firings", "fired_at"), ("waitpoints", "completed_at"), ("executions", "ended_at"),
        ):  # fmt: skip
            connection.execute(text(f"UPDATE {table} SET {column} = 5 WHERE {column} IS NOT NULL"))
    payloads = DatabasePayloads(engine, committer.commit)
    asyncio.run(Retention(SqlReader(engine), commit, payloads, POLICY).run())


def test_nothing_is_no_leak(engine: Engine) -> None:
    assert leaks(engine) == []


def test_l8_each_leak_is_noticed_named_and_collected(engine: Engine, committer: SqlCommitter) -> None:
    leak(committer.commit)
    found = leaks(engine)
    assert [wrong.rpartition(": ")[0] for wrong in found] == [
        "L8: a use of a limit that nobody has", "L8: an old note of a change of metadata", "L8: an old callback",
        "L8: an old firing", "L8: a shared waitpoint that is over",
    ]  # fmt: skip
    assert leaks(engine, at=1) == []
    collect(engine, committer)
    assert leaks(engine) == []


def test_l8_a_value_that_nothing_names_is_noticed_and_collected(engine: Engine, committer: SqlCommitter) -> None:
    """What is named by a row, or by a value that is named, is none."""
    inner = payload_id("e1", b"inner")
    outer_data = b"outer " + inner.encode()
    outer, lost = payload_id("e1", outer_data), payload_id("e1", b"lost")
    row = insert(status="completed", ended_at=5, outputs=describe(outer, None, outer_data))
    values = {inner: b"inner", outer: outer_data, lost: b"lost"}
    puts = [PutPayload(id=name, execution_id="e1", data=data, ts=1) for name, data in values.items()]
    committer.commit([row, *puts])
    assert leaks(engine) == [f"L8: a stored value that nothing names: {lost}"]
    reader, payloads = SqlReader(engine), DatabasePayloads(engine, committer.commit)
    seen = examine(reader, payloads, older_than_ms=0)
    assert (seen.unnamed_values, seen.unnamed_bytes) == (1, 4)
    collect(engine, committer)
    assert leaks(engine) == []
    assert sorted(payloads.get(name) for name in (inner, outer)) == [b"inner", outer_data]
    assert examine(reader, payloads, older_than_ms=0).unnamed_values == 0
