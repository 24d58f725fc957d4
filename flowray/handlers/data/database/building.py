"""Statements of the operations that need no SQL of the author's: names are quoted, values bound. Runs nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.data.database.config import DatabaseConfig
from flowray.handlers.databases import Bound, Dialect, Name, Part, Statement
from flowray.values import Json

_COMPARISONS = {
    "=": "=", "==": "=", "eq": "=", "!=": "<>", "<>": "<>", "ne": "<>", ">": ">", "gt": ">", ">=": ">=", "gte": ">=",
    "<": "<", "lt": "<", "<=": "<=", "lte": "<=", "like": "LIKE", "$eq": "=", "$ne": "<>", "$gt": ">", "$gte": ">=",
    "$lt": "<", "$lte": "<=",
}  # fmt: skip
_REFUSED = re.compile(r"[\x00-\x1f%]")


def built(config: DatabaseConfig, dialect: Dialect) -> Statement:
    """The statement of insert, update, delete or select. Raises INVALID_NODE_CONFIG for what is missing or wrong."""
    table = _table(config)
    match config.its_operation:
        case "insert":
            parts = _insert(table, config)
        case "update":
            parts = [*_update(table, config), *_required_where(config)]
        case "delete":
            parts = ["DELETE FROM ", *table, *_required_where(config)]
        case _:
            return Statement(_select(table, config), config.max_rows)
    return Statement([*parts, *_returning(config, dialect)], config.max_rows)


def _insert(table: list[Part], config: DatabaseConfig) -> list[Part]:
    rows = config.values if isinstance(config.values, list) else [config.values]
    if not rows or not all(isinstance(row, dict) and row for row in rows):
        raise wrong("insert needs values: an object by column, or a list of such objects")
    columns = list(dict.fromkeys(column for row in rows for column in row))
    parts: list[Part] = ["INSERT INTO ", *table, " (", *_names(columns), ") VALUES "]
    for number, row in enumerate(rows):
        values: list[list[Part]] = [[Bound(row.get(column))] for column in columns]
        parts += [", (" if number else "(", *_joined(values, ", "), ")"]
    return parts


def _update(table: list[Part], config: DatabaseConfig) -> list[Part]:
    if not isinstance(config.values, dict) or not config.values:
        raise wrong("update needs values: an object by column")
    changes: list[list[Part]] = [[_name(column), " = ", Bound(value)] for column, value in config.values.items()]
    return ["UPDATE ", *table, " SET ", *_joined(changes, ", ")]


def _select(table: list[Part], config: DatabaseConfig) -> list[Part]:
    columns = [column for column in config.columns or [] if column != "*"]
    parts: list[Part] = ["SELECT ", *(_names(columns) if columns else ["*"]), " FROM ", *table]
    if config.where:
        parts += [" WHERE ", *_conditions(config.where)]
    orders = [config.order_by] if isinstance(config.order_by, str) else config.order_by or []
    if orders:
        written: list[list[Part]] = [[_name(order.lstrip("-")), " DESC" if order[0] == "-" else ""] for order in orders]
        parts += [" ORDER BY ", *_joined(written, ", ")]
    if config.limit is not None:
        parts.append(f" LIMIT {config.limit}")
    if config.offset:
        parts.append(
            f" OFFSET {config.offset}" if config.limit is not None else f" LIMIT {2**62} OFFSET {config.offset}"
        )
    return parts


def _required_where(config: DatabaseConfig) -> list[Part]:
    if config.where:
        return [" WHERE ", *_conditions(config.where)]
    if config.all_rows:
        return []
    raise wrong(f"{config.its_operation} without where would change every row", "set where, or allRows: true")


def _conditions(where: Any) -> list[Part]:
    if not isinstance(where, dict):
        raise wrong("where must be an object by column", "for SQL of your own use operation: query")
    return _joined([_condition(column, value) for column, value in where.items()], " AND ")


def _condition(column: str, value: Json) -> list[Part]:
    name = _name(column)
    if value is None:
        return [name, " IS NULL"]
    if isinstance(value, list):
        return [name, " IN (", *_joined([[Bound(item)] for item in value], ", "), ")"] if value else ["1 = 0"]
    if isinstance(value, dict):
        unknown = [sign for sign in value if str(sign).lower() not in _COMPARISONS]
        if unknown or not value:
            raise wrong(f"unknown comparison {unknown or value} of {column!r}; known: {', '.join(_COMPARISONS)}")
        compared: list[list[Part]] = [
            [name, f" {_COMPARISONS[str(sign).lower()]} ", Bound(other)] for sign, other in value.items()
        ]
        return _joined(compared, " AND ")
    return [name, " = ", Bound(value)]


def _returning(config: DatabaseConfig, dialect: Dialect) -> list[Part]:
    columns = [config.returning] if isinstance(config.returning, str) else config.returning or []
    if not columns:
        return []
    if dialect == "mysql":
        raise wrong("MySQL returns no changed rows", "leave out returning, and select them")
    return [" RETURNING ", *(["*"] if "*" in columns else _names(columns))]


def _table(config: DatabaseConfig) -> list[Part]:
    if not config.table:
        raise wrong(f"{config.its_operation} needs a table, or SQL as query")
    names: list[list[Part]] = [[_name(name)] for name in config.table.split(".", 1)]
    return _joined(names, ".")


def _name(name: str) -> Name:
    if not name or _REFUSED.search(name):
        raise wrong(f"{name!r} is no name of a table or column")
    return Name(name)


def _names(names: Sequence[str]) -> list[Part]:
    return _joined([[_name(name)] for name in names], ", ")


def _joined(pieces: Sequence[list[Part]], separator: str) -> list[Part]:
    joined: list[Part] = []
    for number, piece in enumerate(pieces):
        joined += [separator, *piece] if number else piece
    return joined


def wrong(message: str, hint: str | None = None) -> FlowrayError:
    """INVALID_NODE_CONFIG, as the handler raises it too."""
    return FlowrayError(ErrorCode.INVALID_NODE_CONFIG, message, hint=hint)
