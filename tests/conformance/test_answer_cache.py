"""What every cache of answers does: in memory, in SQLite's own file, in PostgreSQL."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from flowray.handlers.answers import MAX_ANSWERS, Answers, MemoryAnswers
from flowray.persistence.database.engine import is_postgresql, open_database
from flowray.persistence.llm_cache.sql import SqlAnswers
from flowray.persistence.llm_cache.tables import llm_cache
from flowray.persistence.migrations import upgrade

NOW_MS = 1_750_000_000_000


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    opened = open_database(database_url)
    if is_postgresql(opened):
        upgrade(opened)
    yield opened
    opened.dispose()


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def answers(request: pytest.FixtureRequest) -> Iterator[Answers]:
    if request.param == "memory":
        yield MemoryAnswers()
        return
    opened = open_database(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))
    if is_postgresql(opened):
        upgrade(opened)
    yield SqlAnswers(lambda: opened)
    opened.dispose()


async def test_what_is_kept_is_found_until_its_time_is_over(answers: Answers) -> None:
    assert await answers.get("k", NOW_MS) is None
    await answers.put("k", {"text": "ü", "n": [1, None]}, NOW_MS, 1_000)
    assert await answers.get("k", NOW_MS + 999) == {"text": "ü", "n": [1, None]}
    assert await answers.get("k", NOW_MS + 1_000) is None
    assert await answers.get("other", NOW_MS) is None


async def test_the_later_answer_stays(answers: Answers) -> None:
    await answers.put("k", "first", NOW_MS, 1_000)
    await answers.put("k", "second", NOW_MS + 5_000, 1_000)
    assert await answers.get("k", NOW_MS + 5_500) == "second"


async def test_several_may_write_at_once(answers: Answers) -> None:
    await asyncio.gather(*(answers.put(f"k{number % 3}", number, NOW_MS, 1_000) for number in range(12)))
    assert all([await answers.get(f"k{number}", NOW_MS) is not None for number in range(3)])


async def test_rows_go_when_their_time_is_over(engine: Engine) -> None:
    answers = SqlAnswers(lambda: engine)
    for number in range(5):
        await answers.put(f"k{number}", number, NOW_MS, 1_000)
    await answers.put("late", 1, NOW_MS + 2_000, 1_000)
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(llm_cache)).scalar() == 1


async def test_in_memory_the_latest_stay() -> None:
    answers = MemoryAnswers()
    for number in range(MAX_ANSWERS + 2):
        await answers.put(str(number), number, NOW_MS, 1_000)
    assert (await answers.get("1", NOW_MS), await answers.get("2", NOW_MS)) == (None, 2)


async def test_a_cache_that_fails_costs_a_call_and_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "cache.db").write_text("no database " * 100)
    answers = SqlAnswers(lambda: open_database(f"sqlite:///{tmp_path / 'cache.db'}"))
    with caplog.at_level(logging.WARNING):
        await answers.put("k", 1, NOW_MS, 1_000)
        assert await answers.get("k", NOW_MS) is None
    assert "cannot write the cache of answers" in caplog.text
