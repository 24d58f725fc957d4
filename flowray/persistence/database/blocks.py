"""Rows of one table in few statements. Not where each row's outcome matters.

Python's ``sqlite3`` lets go of the interpreter for every row of an ``executemany`` and has to wait for it afterwards: a
thread that computes meanwhile keeps it for 5 ms each time. A statement with many rows lets go of it once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeAlias

from sqlalchemy import Column, Connection, Dialect, Insert, Table

from flowray.persistence.database.prepared import bind_processor

Row: TypeAlias = Mapping[str, Any]

LARGEST_BLOCK = 256
"""Rows of one statement. SQLite allows 32,766 values in one; executions, the widest table, have about fifty columns."""


def insert_rows(connection: Connection, statement: Insert, rows: Sequence[Row]) -> int:
    """Run an INSERT without values of its own for these rows, which all have the same keys. Returns how many rows were
    inserted or updated, as the database counts them.
    """
    if connection.dialect.name != "sqlite":
        return connection.execute(statement, rows).rowcount
    return _blocks_of(statement, tuple(rows[0]), connection.dialect).execute(connection, rows)


def _cut(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Blocks whose sizes are powers of two: few different statements, which SQLite has to parse once each."""
    start, size = 0, LARGEST_BLOCK
    while start < len(rows):
        while start + size > len(rows):
            size //= 2
        yield rows[start : start + size]
        start += size


class Blocks:
    """A statement with a list of rows of so many values each, as text for any number of them.

    ``head`` and ``tail`` are what stands before and behind the rows; ``values`` flattens rows to what the driver takes.
    """

    def __init__(self, head: str, tail: str, width: int, values: Callable[[Sequence[Row]], tuple[Any, ...]]) -> None:
        self._head, self._tail, self._row, self._values = head, tail, row_of(width), values
        self._texts: dict[int, str] = {}

    def execute(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Run it for these rows. Returns how many rows were changed, as the database counts them."""
        return sum(
            connection.exec_driver_sql(self._text(len(block)), self._values(block)).rowcount for block in _cut(rows)
        )

    def _text(self, count: int) -> str:
        text = self._texts.get(count)
        if text is None:
            text = self._texts[count] = self._head + ", ".join([self._row] * count) + self._tail
        return text


def row_of(width: int) -> str:
    """The placeholders of one row."""
    return f"({', '.join('?' * width)})"


class _InsertValues:
    """Rows as the values of an INSERT."""

    def __init__(self, columns: Sequence[Column[Any]], dialect: Dialect) -> None:
        self._pick = itemgetter(*(column.name for column in columns))
        processors = [bind_processor(column.type, dialect) for column in columns]
        self._process = [(place, process) for place, process in enumerate(processors) if process is not None]

    def __call__(self, rows: Sequence[Row]) -> tuple[Any, ...]:
        found: list[Any] = []
        for row in rows:
            start = len(found)
            found.extend(self._pick(row))
            for place, process in self._process:
                if (value := found[start + place]) is not None:
                    found[start + place] = process(value)
        return tuple(found)


@lru_cache(maxsize=64)
def _blocks_of(statement: Insert, names: tuple[str, ...], dialect: Dialect) -> Blocks:
    table = statement.table
    assert isinstance(table, Table)
    columns: list[Column[Any]] = [column for column in table.columns if column.name in names]
    compiled = str(statement.compile(dialect=dialect, column_keys=[column.name for column in columns]))
    head, tail = compiled.split(row_of(len(columns)))
    return Blocks(head, tail, len(columns), _InsertValues(columns, dialect))
