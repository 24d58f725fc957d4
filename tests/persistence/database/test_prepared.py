"""What a prepared statement sends is what SQLAlchemy itself would send, for the databases' drivers and their types."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, Text, bindparam, insert, null, select, update

from flowray.persistence.database.engine import open_database
from flowray.persistence.database.prepared import Prepared
from flowray.persistence.database.tables import JsonText

_TABLE = Table(
    "prepared_notes",
    MetaData(),
    Column("id", Text, primary_key=True),
    Column("size", Integer),
    Column("data", JsonText),
)
_SET = Prepared(
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("its_id"))
    .values(size=bindparam("new_size"), data=bindparam("new_data", type_=JsonText()))
)
_CLEAR = Prepared(update(_TABLE).where(_TABLE.c.id == bindparam("its_id")).values(data=null()))
_ONE = Prepared(select(_TABLE).where(_TABLE.c.id == bindparam("its_id")).with_for_update())


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    opened = open_database(database_url)
    _TABLE.create(opened)
    with opened.begin() as connection:
        connection.execute(insert(_TABLE), [{"id": its_id, "size": 0, "data": None} for its_id in ("a", "b", "c")])
    yield opened
    opened.dispose()


def test_values_are_bound_as_their_types_say(engine: Engine) -> None:
    rows = [
        {"its_id": "a", "new_size": 1, "new_data": {"percent": "100 %", "quote": "it's"}},
        {"its_id": "b", "new_size": 2, "new_data": None},
    ]
    with engine.begin() as connection:
        assert _SET.execute(connection, rows).rowcount == 2
        assert _SET.execute(connection, [{"its_id": "nobody", "new_size": 1, "new_data": None}]).rowcount == 0
        found = connection.execute(select(_TABLE).order_by(_TABLE.c.id)).all()
    assert [tuple(row) for row in found] == [
        ("a", 1, {"percent": "100 %", "quote": "it's"}), ("b", 2, None), ("c", 0, None),
    ]  # fmt: skip


def test_values_come_back_as_the_driver_has_them(engine: Engine) -> None:
    with engine.begin() as connection:
        _SET.execute(connection, [{"its_id": "a", "new_size": 1, "new_data": [1, 2]}])
        (row,) = _ONE.execute(connection, [{"its_id": "a"}])
        assert (row.id, row.size, row.data) == ("a", 1, "[1,2]")
        _CLEAR.execute(connection, [{"its_id": "a"}])
        (row,) = _ONE.execute(connection, [{"its_id": "a"}])
        assert row.data is None
