"""The contracts of the types that make documents: the files are read back by other libraries."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pypdf
from PIL import Image

from flowray.errors import ErrorCode
from tests.contracts.contract import Case, Contract
from tests.contracts.filing import has_code, on_disk

RECORDS = [{"month": "Jan", "sales": 10}, {"month": "Feb", "sales": 20}]


def _chart_cases(folder: Path) -> Sequence[Case]:
    def drawn(path: str, size: tuple[int, int]) -> Any:
        def check(output: Any) -> None:
            assert output["path"] == path
            image = Image.open(io.BytesIO((folder / path).read_bytes()))
            assert (image.format, image.size) == ("PNG", size)

        return check

    bars = {"chartType": "bar", "dataSource": RECORDS, "width": 500, "height": 300, "filename": "bars.png"}
    pie = {"chartType": "pie", "data": {"a": 1, "b": 2}, "filename": "pie", "title": "Shares"}
    return [
        Case("bars", bars, drawn("outputs/bars.png", (500, 300))),
        Case("a pie", pie, drawn("outputs/pie.png", (800, 600))),
        Case("nothing", {"data": "prose"}, has_code(ErrorCode.INVALID_NODE_CONFIG), fails=True),
    ]


def _sheet_cases(folder: Path) -> Sequence[Case]:
    def excel(output: Any) -> None:
        sheet = openpyxl.load_workbook(folder / output["path"])["Sales"]
        assert [[cell.value for cell in row] for row in sheet] == [["month", "sales"], ["Jan", 10], ["Feb", 20]]
        assert sheet["A1"].font.bold

    def text(output: Any) -> None:
        assert (folder / output["path"]).read_text("utf-8-sig") == "month,sales\nJan,10\nFeb,20\n"
        assert output["rowCount"] == 2

    return [
        Case("Excel", {"data": RECORDS, "sheetName": "Sales", "filename": "a/s.xlsx"}, excel),
        Case("CSV", {"dataSource": RECORDS, "format": "csv"}, text),
        Case("no table", {"data": 7}, has_code(ErrorCode.INVALID_NODE_CONFIG), fails=True),
    ]


def _pdf_cases(folder: Path) -> Sequence[Case]:
    def says(*texts: str) -> Any:
        def check(output: Any) -> None:
            reader = pypdf.PdfReader(folder / output["path"])
            text = "\n".join(page.extract_text() for page in reader.pages)
            assert all(part in text for part in texts), text
            assert output["pageCount"] == len(reader.pages)

        return check

    return [
        Case(
            "Markdown",
            {"content": "# Report\n\n- Δ one", "footerText": "Confidential"},
            says("Report", "Δ one", "Confidential"),
        ),
        Case("HTML", {"content": "<h1>Page</h1><p>two</p>", "format": "html", "filename": "p"}, says("Page", "two")),
        Case("nothing", {"content": " "}, has_code(ErrorCode.INVALID_NODE_CONFIG), fails=True),
    ]


CONTRACTS = [
    Contract("chartGeneration", "PNG files drawn by matplotlib, read by Pillow", lambda: on_disk(_chart_cases)),
    Contract("spreadsheetGeneration", "xlsx and CSV files on disk", lambda: on_disk(_sheet_cases)),
    Contract("pdfGeneration", "PDF files laid out by fpdf2, read by pypdf", lambda: on_disk(_pdf_cases)),
]
