"""Rows of one table in few statements. Not where each row's outcome matters.

Python's ``sqlite3`` lets go of the interpreter for every row of an ``executemany`` and has to wait for it afterwards: a
thread that computes meanwhile keeps it for 5 ms each time. A statement with many rows lets go of it once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Column, Connection, Dialect, Insert, Table

from flowray.persistence.database.prepared import bind_processor

LARGEST_BLOCK = 256
"""Rows of one statement. SQLite allows 32,766 values in one; executions, the widest table, have about fifty columns."""


def insert_rows(connection: Connection, statement: Insert, rows: Sequence[Mapping[str, Any]]) -> int:
    """Run an INSERT without values of its own for these rows, which all have the same keys. Returns how many rows were
    inserted or updated, as the database counts them.
    """
    if connection.dialect.name != "sqlite":
        return connection.execute(statement, rows).rowcount
    blocks = _blocks_of(statement, tuple(rows[0]), connection.dialect)
    return sum(
        connection.exec_driver_sql(blocks.text(len(block)), blocks.values(block)).rowcount for block in cut(rows)
    )


def cut(rows: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Blocks whose sizes are powers of two: few different statements, which SQLite has to parse once each."""
    start, size = 0, LARGEST_BLOCK
    while start < len(rows):
        while start + size > len(rows):
            size //= 2
        yield rows[start : start + size]
        start += size


class _Blocks:
    """An INSERT as text for any number of rows, and rows as its values."""

    def __init__(self, statement: Insert, names: tuple[str, ...], dialect: Dialect) -> None:
        table = statement.table
        assert isinstance(table, Table)
        columns: list[Column[Any]] = [column for column in table.columns if column.name in names]
        compiled = str(statement.compile(dialect=dialect, column_keys=[column.name for column in columns]))
        self._row = f"({', '.join('?' * len(columns))})"
        self._head, self._tail = compiled.split(self._row)
        self._texts: dict[int, str] = {}
        self._pick = itemgetter(*(column.name for column in columns))
        processors = [bind_processor(column.type, dialect) for column in columns]
        self._process = [(place, process) for place, process in enumerate(processors) if process is not None]

    def text(self, count: int) -> str:
        text = self._texts.get(count)
        if text is None:
            text = self._texts[count] = self._head + ", ".join([self._row] * count) + self._tail
        return text

    def values(self, rows: Sequence[Mapping[str, Any]]) -> tuple[Any, ...]:
        found: list[Any] = []
        for row in rows:
            start = len(found)
            found.extend(self._pick(row))
            for place, process in self._process:
                if (value := found[start + place]) is not None:
                    found[start + place] = process(value)
        return tuple(found)


@lru_cache(maxsize=64)
def _blocks_of(statement: Insert, names: tuple[str, ...], dialect: Dialect) -> _Blocks:
    return _Blocks(statement, names, dialect)
