"""The spreadsheetGeneration node: a file in the workspace."""

from __future__ import annotations

from flowray.errors import ErrorCode
from tests.fakes.services import fake_services
from tests.fakes.workspace import MemoryWorkspace
from tests.handlers.running import fail, output

DATA = [{"a": 1, "b": "x"}, {"a": 2}]


async def test_both_formats() -> None:
    files = MemoryWorkspace()
    services = fake_services(files=files)
    config = {"data": DATA, "sheetName": "My Sheet", "filename": "sales.xlsx", "headerBackgroundColor": "#4472C4"}
    found = await output("spreadsheetGeneration", config, services=services)
    assert (found["path"], found["rowCount"], found["columnCount"], found["sheets"]) == (
        "outputs/sales.xlsx", 2, 2, ["My Sheet"],
    )  # fmt: skip
    assert files.files["e1", "outputs/sales.xlsx"].startswith(b"PK")
    found = await output("spreadsheetGeneration", {"data": DATA, "format": "csv"}, services=services)
    assert (found["path"], found["mimeType"]) == ("outputs/n1.csv", "text/csv")
    assert files.files["e1", "outputs/n1.csv"].decode("utf-8-sig") == "a,b\r\n1,x\r\n2,\r\n"


async def test_what_is_no_table() -> None:
    for config in ({"data": None}, {"data": DATA, "headerFontColor": "red"}, {"data": DATA, "format": "ods"}, {}):
        assert (await fail("spreadsheetGeneration", config)).code == ErrorCode.INVALID_NODE_CONFIG, config
