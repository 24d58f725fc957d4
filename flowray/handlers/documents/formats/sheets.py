"""Rows of spreadsheets: xlsx by openpyxl, CSV by the standard library. Values, not formulas and not formats."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from flowray.handlers.documents.formats.limits import ReadLimits, Text, check_archive, passed, unreadable
from flowray.handlers.documents.formats.plain import decode
from flowray.handlers.extras import load_extra

_SAMPLE_CHARS = 8_192
_DELIMITERS = ",;\t|"


def read_xlsx(data: bytes, limits: ReadLimits) -> dict[str, Any]:
    """``{text, sheets: [{name, columns, rows, records}], rows, records, metadata}``, the latter of the first sheet.

    Dates are ISO 8601. Raises UNSUPPORTED_FORMAT, FILE_LIMIT_EXCEEDED.
    """
    openpyxl = load_extra("openpyxl", "documents")
    check_archive(data, "xlsx", limits)
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        cells, sheets, text = _Cells(limits), [], Text(limits, "the spreadsheet")
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # They are what the file claims, and many claim a million rows.
            rows = list(cells.counted(sheet.iter_rows(values_only=True)))
            sheets.append({"name": sheet.title, **_table(rows)})
            text.add("\n".join("\t".join(_shown(value) for value in row) for row in rows))
    except (KeyError, ValueError, TypeError, SyntaxError, zipfile.BadZipFile, OSError, AttributeError) as error:
        raise unreadable("xlsx", f"{type(error).__name__}: {error}") from error
    first = sheets[0] if sheets else {"rows": [], "records": [], "columns": []}
    names = [sheet["name"] for sheet in sheets]
    return {
        "text": text.joined("\n\n"), "sheets": sheets, "columns": first["columns"], "rows": first["rows"],
        "records": first["records"], "metadata": {"sheetNames": names},
    }  # fmt: skip


def read_csv(data: bytes, delimiter: str, limits: ReadLimits) -> dict[str, Any]:
    """``{text, columns, rows, records, rowCount}``: ``records`` by the names in the first row. An empty ``delimiter``
    is found out. Raises UNSUPPORTED_FORMAT, FILE_LIMIT_EXCEEDED.
    """
    text = decode(data)
    if len(text) > limits.chars:
        raise passed("the CSV file", limits.chars, "characters")
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or _delimiter(text))
        rows = list(_Cells(limits).counted(row for row in reader if row))
    except csv.Error as error:
        raise unreadable("CSV", str(error)) from error
    return {"text": text, **_table(rows), "rowCount": max(len(rows) - 1, 0), "metadata": {}}


def _delimiter(text: str) -> str:
    try:
        return csv.Sniffer().sniff(text[:_SAMPLE_CHARS], _DELIMITERS).delimiter
    except csv.Error:
        return ","  # One column, or too little to tell.


class _Cells:
    """Counts cells, those of empty rows too: a file may claim many of these for nothing."""

    def __init__(self, limits: ReadLimits) -> None:
        self._left = limits.cells
        self._limit = limits.cells

    def counted(self, rows: Iterable[Iterable[Any]]) -> Iterator[list[Any]]:
        empty: list[list[Any]] = []
        for row in rows:
            plain = [_plain(value) for value in row]
            self._left -= max(len(plain), 1)
            if self._left < 0:
                raise passed("the spreadsheet", self._limit, "cells")
            if any(value is not None for value in plain):
                # Empty rows count only where something follows them.
                yield from empty
                empty = []
                yield plain
            else:
                empty.append([])


def _table(rows: list[list[Any]]) -> dict[str, Any]:
    """Columns and records by the first row. Names that are missing or come twice get the number of their column."""
    columns: list[str] = []
    for at, value in enumerate(rows[0] if rows else [], start=1):
        name = _shown(value).strip() or f"column{at}"
        columns.append(name if name not in columns else f"{name}_{at}")
    records = [{name: row[at] if at < len(row) else None for at, name in enumerate(columns)} for row in rows[1:] if row]
    return {"columns": columns, "rows": rows, "records": records}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()  # A day: spreadsheets know no other.
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _shown(value: Any) -> str:
    return "" if value is None else str(value)
