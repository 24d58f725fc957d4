"""An UPDATE of many rows that are found by their keys, each with values of its own. For the compare-and-set of appends.

SQLite gets it as one statement over a list of values, so that Python's ``sqlite3`` lets go of the interpreter once and
not for every row (see ``blocks.py``). psycopg sends the rows of an ``executemany`` in one go by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Table, bindparam, literal_column, null, update

from flowray.persistence.database.blocks import Blocks, Row
from flowray.persistence.database.prepared import Prepared, bind_processor


class KeyedUpdate:
    """``UPDATE table SET columns WHERE keys``; ``cleared`` are columns that become NULL. Thread-safe.

    A row gives the keys as ``its_<column>`` and the values as ``new_<column>``.
    """

    def __init__(self, table: Table, keys: Sequence[str], columns: Sequence[str], cleared: Sequence[str] = ()) -> None:
        self._table = table
        self._keys, self._columns = tuple(keys), tuple(columns)
        self._nulls = {name: null() for name in cleared}
        where = [table.c[name] == bindparam(f"its_{name}", type_=table.c[name].type) for name in keys]
        new = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in columns}
        self._one = Prepared(update(table).where(*where).values(new | self._nulls))
        self._many: Blocks | None = None

    def execute(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
        """Update the rows that have these keys, of which no two may be equal. Returns how many there were."""
        if len(rows) == 1 or connection.dialect.name != "sqlite":
            return self._one.execute(connection, rows).rowcount
        if self._many is None:
            self._many = _blocks_of(self._table, self._keys, self._columns, self._nulls, connection.dialect)
        return self._many.execute(connection, rows)


def _blocks_of(
    table: Table, keys: tuple[str, ...], columns: tuple[str, ...], nulls: Mapping[str, Any], dialect: Dialect
) -> Blocks:
    names = [f"its_{name}" for name in keys] + [f"new_{name}" for name in columns]
    kinds = [table.c[name].type for name in (*keys, *columns)]
    # SQLite calls the columns of a list of values so. The list may not come first: Python's driver counts the rows
    # of statements that begin with UPDATE only.
    given: dict[str, Any] = {name: literal_column(f"given.column{place}") for place, name in enumerate(names, 1)}
    statement = (
        update(table)
        .where(*(table.c[name] == given[f"its_{name}"] for name in keys))
        .values({name: given[f"new_{name}"] for name in columns} | dict(nulls))
    )
    head, tail = str(statement.compile(dialect=dialect)).split(" WHERE ")
    binding = [(name, bind_processor(kind, dialect)) for name, kind in zip(names, kinds, strict=True)]

    def values(rows: Sequence[Row]) -> tuple[Any, ...]:
        return tuple([row[name] if bind is None else bind(row[name]) for row in rows for name, bind in binding])

    return Blocks(f"{head} FROM (VALUES ", f") AS given WHERE {tail}", len(names), values)
