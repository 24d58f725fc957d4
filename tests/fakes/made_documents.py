"""Real documents for tests, made by libraries other than those that read them where there are such."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Sequence
from typing import Any

import docx
import fpdf
import openpyxl


def pdf_of(*pages: str, title: str = "") -> bytes:
    """A PDF with one line of text on each page."""
    made = fpdf.FPDF()
    made.set_font("helvetica", size=12)
    if title:
        made.set_title(title)
    for text in pages:
        made.add_page()
        made.multi_cell(0, text=text)
    return bytes(made.output())


def docx_of(heading: str, *paragraphs: str, table: Sequence[Sequence[str]] = ()) -> bytes:
    """A Word document with a heading, paragraphs and at most one table."""
    made = docx.Document()
    made.add_heading(heading, level=1)
    for text in paragraphs:
        made.add_paragraph(text)
    if table:
        grid = made.add_table(len(table), len(table[0]))
        for at, row in enumerate(table):
            for column, text in enumerate(row):
                grid.cell(at, column).text = text
    buffer = io.BytesIO()
    made.save(buffer)
    return buffer.getvalue()


def xlsx_of(*rows: Sequence[Any], sheet: str = "Sheet1") -> bytes:
    """An Excel file with one sheet."""
    made = openpyxl.Workbook()
    assert made.active is not None
    made.active.title = sheet
    for row in rows:
        made.active.append(list(row))
    buffer = io.BytesIO()
    made.save(buffer)
    return buffer.getvalue()


def zip_bomb(name: str, size: int = 400 * 1024 * 1024) -> bytes:
    """A small archive that unpacks to much."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(name, "w", force_zip64=True) as entry,
    ):
        for _ in range(size // (1024 * 1024)):
            entry.write(b"0" * 1024 * 1024)
    return buffer.getvalue()


def as_base64(data: bytes) -> str:
    """Text of bytes, as inputs of executions carry it."""
    return base64.b64encode(data).decode()
