"""Statements compiled once and given to the driver as they are: for those that each commit of an execution takes.

SQLAlchemy builds them, binds their values and translates what the driver raises; what is left out is its way through
the caches of its compiler for each call. Values come back as the driver has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult, Dialect, Select, Update
from sqlalchemy.types import TypeEngine


class Prepared:
    """A statement whose values are all bound by name. Thread-safe."""

    def __init__(self, statement: Select[Any] | Update) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def execute(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> CursorResult[Any]:
        """Once for each row, in order."""
        dialect = connection.dialect
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = _Compiled(self._statement, dialect)
        values = [compiled.values(row) for row in rows]
        return connection.exec_driver_sql(compiled.text, values if len(values) > 1 else values[0])


class _Compiled:
    """A statement in the words of one database."""

    def __init__(self, statement: Select[Any] | Update, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        self.text = str(compiled)
        self._is_positional: bool = compiled.positional
        names: Sequence[str] = compiled.positiontup if compiled.positional else list(compiled.binds)
        self._binding = [(name, bind_processor(compiled.binds[name].type, dialect)) for name in names]

    def values(self, row: Mapping[str, Any]) -> Any:
        """As the driver takes them: by place, or by name."""
        bound = [(name, row[name] if bind is None else bind(row[name])) for name, bind in self._binding]
        return tuple([value for _, value in bound]) if self._is_positional else dict(bound)


def bind_processor(kind: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    """What turns a value of a type into the driver's; None if it is that already."""
    found: Callable[[Any], Any] | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return found
