"""Many rows in few statements: the same rows as one by one, whatever their number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import BigInteger, Boolean, Column, Connection, MetaData, Table, Text, event, insert, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import IntegrityError

from flowray.persistence.database.blocks import LARGEST_BLOCK, insert_rows
from flowray.persistence.database.engine import open_database
from flowray.persistence.database.tables import JsonText

things = Table(
    "things",
    MetaData(),
    Column("id", BigInteger, primary_key=True),
    Column("trigger", Text, nullable=False),
    Column("data", JsonText),
    Column("done", Boolean),
    Column("kind", Text, server_default="plain"),
)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    engine = open_database(f"sqlite:///{tmp_path / 'things.db'}")
    things.metadata.create_all(engine)
    with engine.begin() as opened:
        yield opened
    engine.dispose()


def rows(count: int) -> list[dict[str, Any]]:
    return [
        {"data": {"n": [number, None]} if number % 3 else None, "id": number, "trigger": f"t{number}", "done": True}
        for number in range(count)
    ]


def stored(connection: Connection) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(select(things).order_by(things.c.id))]


@pytest.mark.parametrize("count", [1, 2, 7, LARGEST_BLOCK, LARGEST_BLOCK * 2 + 3])
def test_rows_are_those_that_were_given(connection: Connection, count: int) -> None:
    given = rows(count)
    assert insert_rows(connection, insert(things), given) == count
    assert stored(connection) == [(row["id"], row["trigger"], row["data"], True, "plain") for row in given]


def test_so_many_rows_need_few_statements(connection: Connection) -> None:
    texts: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda *said: texts.append(said[2]))
    insert_rows(connection, insert(things), rows(LARGEST_BLOCK + 5))
    assert [text.count("(?, ?, ?, ?)") for text in texts] == [LARGEST_BLOCK, 4, 1]


def test_what_is_there_is_left_out_or_changed_row_by_row(connection: Connection) -> None:
    insert_rows(connection, insert(things), rows(2))
    assert insert_rows(connection, sqlite.insert(things).on_conflict_do_nothing(), rows(5)) == 3
    replacing = sqlite.insert(things)
    replacing = replacing.on_conflict_do_update(index_elements=["id"], set_={"trigger": replacing.excluded.trigger})
    twice = [{**rows(2)[1], "trigger": "first"}, {**rows(2)[1], "trigger": "last"}]
    assert insert_rows(connection, replacing, twice) == 2
    assert [row[1] for row in stored(connection)] == ["t0", "last", "t2", "t3", "t4"]


def test_a_row_that_the_database_refuses_is_an_error(connection: Connection) -> None:
    with pytest.raises(IntegrityError):
        insert_rows(connection, insert(things), [*rows(2), rows(1)[0]])
