"""Writes tables as xlsx by openpyxl, and as CSV. Text that begins like a formula stays text."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flowray.handlers.extras import load_extra

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_CELL_CHARS = 32_767
"""Longest text of a cell in Excel."""

_MEASURED_ROWS = 200
_WIDEST = 60
_SHADE = "F2F2F2"


@dataclass(frozen=True)
class Sheet:
    """``columns`` is the first row, empty for rows without names. Cells are text, numbers, booleans or None."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class SheetLook:
    """Colours as RRGGBB, empty for none."""

    bold: bool = True
    background: str = ""
    color: str = ""
    alternate: bool = False
    freeze: bool = False


def write_xlsx(sheets: Sequence[Sheet], look: SheetLook) -> bytes:
    """An Excel file. Raises MISSING_EXTRA."""
    openpyxl = load_extra("openpyxl", "documents")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for sheet in sheets:
        _fill(book.create_sheet(sheet.name), sheet, look)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def write_csv(sheet: Sheet, delimiter: str, escape_formulas: bool) -> bytes:
    """UTF-8 with a mark, which Excel needs; lines end as RFC 4180 says. ``escape_formulas``: text that a spreadsheet
    would take for a formula gets an apostrophe before it.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter)
    rows = (sheet.columns, *sheet.rows) if sheet.columns else sheet.rows
    writer.writerows([_csv_cell(value, escape_formulas) for value in row] for row in rows)
    return buffer.getvalue().encode("utf-8-sig", "replace")


def _csv_cell(value: Any, escape: bool) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if escape and isinstance(value, str) and value.startswith(_FORMULA) and not _is_number(value):
        return f"'{value}"
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _fill(target: Any, sheet: Sheet, look: SheetLook) -> None:
    styles = load_extra("openpyxl.styles", "documents")
    illegal = load_extra("openpyxl.cell.cell", "documents").ILLEGAL_CHARACTERS_RE
    at = 0
    for at, row in enumerate((sheet.columns, *sheet.rows) if sheet.columns else sheet.rows, start=1):
        for column, value in enumerate(row, start=1):
            if value is None:
                continue
            cell = target.cell(at, column)
            cell.value = illegal.sub("", value)[:_CELL_CHARS] if isinstance(value, str) else value
            if isinstance(value, str):
                cell.data_type = "s"  # Else what begins with = would be a formula.
    if sheet.columns:
        _mark_header(target, len(sheet.columns), look, styles)
        if look.freeze:
            target.freeze_panes = "A2"
    if look.alternate:
        shade = styles.PatternFill("solid", start_color=_SHADE)
        for number in range(3 if sheet.columns else 2, at + 1, 2):
            for cell in target[number]:
                cell.fill = shade
    _set_widths(target, sheet)


def _mark_header(target: Any, columns: int, look: SheetLook, styles: Any) -> None:
    font = styles.Font(bold=look.bold, color=look.color or None)
    fill = styles.PatternFill("solid", start_color=look.background) if look.background else None
    for column in range(1, columns + 1):
        cell = target.cell(1, column)
        cell.font = font
        if fill is not None:
            cell.fill = fill


def _set_widths(target: Any, sheet: Sheet) -> None:
    letters = load_extra("openpyxl.utils", "documents").get_column_letter
    rows = (sheet.columns, *sheet.rows[:_MEASURED_ROWS])
    for column in range(max((len(row) for row in rows), default=0)):
        longest = max(
            (len(str(row[column])) for row in rows if column < len(row) and row[column] is not None), default=0
        )
        target.column_dimensions[letters(column + 1)].width = min(max(longest + 2, 8), _WIDEST)
