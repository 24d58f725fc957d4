"""Many rows in one UPDATE: those that have the keys get their own values, whatever their number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import BigInteger, Column, Engine, MetaData, Table, Text, event, insert, select

from flowray.persistence.database.blocks import LARGEST_BLOCK
from flowray.persistence.database.engine import is_postgresql, open_database
from flowray.persistence.database.keyed_updates import KeyedUpdate
from flowray.persistence.database.tables import JsonText

_TABLE = Table(
    "keyed_things",
    MetaData(),
    Column("id", Text, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("data", JsonText),
    Column("owner", Text),
)
_SET = KeyedUpdate(_TABLE, ("id", "epoch"), ("epoch", "data"))
_RELEASE = KeyedUpdate(_TABLE, ("id", "epoch"), ("data",), ("owner",))


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    opened = open_database(database_url)
    _TABLE.create(opened)
    with opened.begin() as connection:
        rows = [{"id": f"t{number}", "epoch": 1, "data": None, "owner": "o"} for number in range(LARGEST_BLOCK + 40)]
        connection.execute(insert(_TABLE), rows)
    yield opened
    opened.dispose()


def stored(engine: Engine) -> dict[str, tuple[Any, ...]]:
    with engine.connect() as connection:
        rows = connection.execute(select(_TABLE)).all()
    return {row.id: (row.epoch, row.data, row.owner) for row in rows}


@pytest.mark.parametrize("count", [1, 2, 7, LARGEST_BLOCK + 33])
def test_each_row_gets_its_own_values(engine: Engine, count: int) -> None:
    rows = [
        {"its_id": f"t{number}", "its_epoch": 1, "new_epoch": number, "new_data": {"it's": [number, None, "1"]}}
        for number in range(count)
    ]
    with engine.begin() as connection:
        assert _SET.execute(connection, rows) == count
    found = stored(engine)
    assert all(found[f"t{number}"] == (number, {"it's": [number, None, "1"]}, "o") for number in range(count))
    assert sum(row == (1, None, "o") for row in found.values()) >= LARGEST_BLOCK + 40 - count - 1


def test_only_rows_that_have_all_keys_count(engine: Engine) -> None:
    rows = [
        {"its_id": "t1", "its_epoch": 1, "new_data": None},
        {"its_id": "t2", "its_epoch": 9, "new_data": 2},
        {"its_id": "nobody", "its_epoch": 1, "new_data": 3},
    ]
    with engine.begin() as connection:
        assert _RELEASE.execute(connection, rows) == 1
    found = stored(engine)
    assert (found["t1"], found["t2"]) == ((1, None, None), (1, None, "o"))


def test_sqlite_gets_few_statements_and_never_one_for_each_row(engine: Engine) -> None:
    many: list[bool] = []
    event.listen(engine, "before_cursor_execute", lambda *said: many.append(said[5]))
    rows = [{"its_id": f"t{number}", "its_epoch": 1, "new_data": 1} for number in range(48)]
    with engine.begin() as connection:
        _RELEASE.execute(connection, rows)
    assert many == ([True] if is_postgresql(engine) else [False, False])
