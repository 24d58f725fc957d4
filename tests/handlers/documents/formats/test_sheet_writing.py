"""Spreadsheets that are written say the same when they are read, and run nothing."""

from __future__ import annotations

import io

import openpyxl

from flowray.handlers.documents.formats.reading import ReadOptions, read_document
from flowray.handlers.documents.formats.sheet_writing import Sheet, SheetLook, write_csv, write_xlsx

SHEET = Sheet("People", ("name", "age", "formula"), (("Ann", 40, "=1+1"), ("Bob\x07", None, True), ("Cid", 1.5, "-2")))


def test_an_excel_file() -> None:
    data = write_xlsx([SHEET, Sheet("Empty", (), ())], SheetLook(True, "4472C4", "FFFFFF", True, True))
    found = read_document("xlsx", data, ReadOptions())
    assert found["records"] == [
        {"name": "Ann", "age": 40, "formula": "=1+1"}, {"name": "Bob", "age": None, "formula": True},
        {"name": "Cid", "age": 1.5, "formula": "-2"},
    ]  # fmt: skip
    assert found["metadata"] == {"sheetNames": ["People", "Empty"]}
    sheet = openpyxl.load_workbook(io.BytesIO(data))["People"]
    head, formula = sheet["A1"], sheet["C2"]
    assert (head.font.bold, head.font.color.rgb, head.fill.start_color.rgb) == (True, "00FFFFFF", "004472C4")
    assert (formula.data_type, sheet.freeze_panes) == ("s", "A2")
    assert (sheet["A3"].fill.fill_type, sheet["A2"].fill.fill_type) == ("solid", None)


def test_a_csv_file() -> None:
    text = write_csv(SHEET, ",", True).decode("utf-8-sig")
    assert text == "name,age,formula\r\nAnn,40,'=1+1\r\nBob\x07,,true\r\nCid,1.5,-2\r\n"
    assert write_csv(SHEET, ";", False).decode("utf-8-sig").splitlines()[1] == "Ann;40;=1+1"
    assert write_csv(Sheet("x", (), (("a,b", 'c"d'),)), ",", True).decode("utf-8-sig") == '"a,b","c""d"\r\n'
