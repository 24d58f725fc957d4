"""Tables for spreadsheets, out of the shapes in which data comes: records, rows, one record, or several sheets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.documents.formats.sheet_writing import Sheet
from flowray.handlers.documents.json_text import from_text
from flowray.handlers.node_config import text_of
from flowray.values import Json

MAX_CELLS = 2_000_000
MAX_ROWS, MAX_COLUMNS = 1_048_576, 16_384
"""Of one sheet, as Excel has it."""

_SHEET_CHARS = re.compile(r"[\[\]:*?/\\\x00-\x1f]")


def sheets_of(data: Json, name: str, columns: Sequence[str] | None = None) -> list[Sheet]:
    """A list of records or of rows, one record, ``{columns, rows}``, an object of such lists by the name of their
    sheet, or JSON text of them. ``columns`` picks and orders those of records.

    Raises INVALID_NODE_CONFIG for what is no table, FILE_LIMIT_EXCEEDED.
    """
    data = from_text(data)
    tables: Mapping[str, Any] = {name: data}
    if isinstance(data, Mapping) and data and not set(data) <= {"columns", "headers", "rows"}:
        tables = data if all(_is_table(item) for item in data.values()) else tables
    found: list[Sheet] = []
    for key, table in tables.items():
        found.append(_sheet(_sheet_name(str(key), [sheet.name for sheet in found]), table, columns))
    cells = sum(max(len(row), 1) for sheet in found for row in sheet.rows)
    if cells > MAX_CELLS or any(len(sheet.rows) >= MAX_ROWS for sheet in found):
        raise _too_large("cells", MAX_CELLS)
    if any(len(row) > MAX_COLUMNS for sheet in found for row in (sheet.columns, *sheet.rows)):
        raise _too_large("columns", MAX_COLUMNS)
    return found


def _is_table(items: Any) -> bool:
    return isinstance(items, list) and all(isinstance(item, Mapping | list) for item in items)


def _sheet(name: str, table: Json, picked: Sequence[str] | None) -> Sheet:
    if isinstance(table, Mapping):
        rows, head = table.get("rows"), table.get("columns") or table.get("headers")
        if isinstance(rows, list) and isinstance(head, list):
            return Sheet(name, tuple(text_of(one) for one in head), _rows(rows))
        table = [table]
    if not isinstance(table, list):
        kind = "null" if table is None else type(table).__name__
        raise FlowrayError(
            ErrorCode.INVALID_NODE_CONFIG, f"the data of the spreadsheet is no table, but {kind}",
            details={"data": text_of(table)[:200]}, hint="give a list of records, or of rows",
        )  # fmt: skip
    if table and all(isinstance(record, Mapping) for record in table):
        columns = tuple(picked or dict.fromkeys(str(key) for record in table for key in record))
        return Sheet(name, columns, tuple(tuple(_cell(record.get(key)) for key in columns) for record in table))
    return Sheet(name, tuple(picked or ()), _rows(table))


def _rows(rows: Sequence[Any]) -> tuple[tuple[Any, ...], ...]:
    return tuple(tuple(_cell(cell) for cell in row) if isinstance(row, list) else (_cell(row),) for row in rows)


def _cell(value: Json) -> str | int | float | bool | None:
    return value if value is None or isinstance(value, str | int | float | bool) else text_of(value)


def _sheet_name(name: str, taken: Sequence[str]) -> str:
    """At most 31 characters without what Excel forbids, and none twice."""
    plain = _SHEET_CHARS.sub("_", name).strip("' ")[:31] or "Sheet"
    number, found = 2, plain
    while found.casefold() in {other.casefold() for other in taken}:
        found, number = f"{plain[:27]} {number}", number + 1
    return found


def _too_large(unit: str, limit: int) -> FlowrayError:
    return FlowrayError(
        ErrorCode.FILE_LIMIT_EXCEEDED, f"the spreadsheet would have more than {limit} {unit}",
        details={"limit": limit}, hint="split the data into several files",
    )  # fmt: skip
