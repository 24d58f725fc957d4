"""The contracts of the types that read documents: real files, made by other libraries, on a real disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flowray.errors import ErrorCode
from tests.contracts.contract import Case, Contract
from tests.contracts.filing import gives, has_code, on_disk
from tests.fakes.made_documents import as_base64, docx_of, pdf_of, xlsx_of, zip_bomb

INVOICE = pdf_of("Invoice 123", "Amount: $10.00", title="Bill")
CONTRACT = docx_of("Service Contract", "Between us.", table=[["party", "role"], ["Ann", "client"]])
PEOPLE = xlsx_of(["name", "age"], ["Ann", 40], ["Bob", 41])
FILES = {
    "invoice.pdf": INVOICE, "contract.docx": CONTRACT, "people.xlsx": PEOPLE, "people.csv": b"name;age\nAnn;40\n",
    "page.html": b"<title>T</title><h1>Hi</h1><p>there</p>", "data.json": b'{"a": [1, 2]}',
    "bomb.docx": zip_bomb("word/document.xml"),
}  # fmt: skip


def _pdf_cases(folder: Path) -> Sequence[Case]:
    return [
        Case("all", {"file": "invoice.pdf"}, gives(text="Invoice 123\n\nAmount: $10.00", pageCount=2)),
        Case("one page", {"file": "invoice.pdf", "specificPages": [2]}, gives(text="Amount: $10.00")),
        Case("no PDF", {"file": "data.json"}, has_code(ErrorCode.UNSUPPORTED_FORMAT), fails=True),
    ]


def _document_cases(folder: Path) -> Sequence[Case]:
    return [
        Case("Word", {"file": "contract.docx"}, gives(text="Service Contract\nBetween us.\nparty\trole\nAnn\tclient")),
        Case("PDF", {"file": "invoice.pdf"}, gives(text="Invoice 123\n\nAmount: $10.00", format="pdf")),
        Case("Excel", {"file": "people.xlsx"}, gives(records=[{"name": "Ann", "age": 40}, {"name": "Bob", "age": 41}])),
        Case("CSV", {"file": "people.csv"}, gives(records=[{"name": "Ann", "age": "40"}])),
        Case("HTML", {"file": "page.html"}, gives(title="T", text="Hi\nthere")),
        Case("JSON", {"file": "data.json"}, gives(data={"a": [1, 2]})),
        Case("a bomb", {"file": "bomb.docx"}, has_code(ErrorCode.FILE_LIMIT_EXCEEDED), fails=True),
    ]


def _files_cases(folder: Path) -> Sequence[Case]:
    def kept(path: str, data: bytes) -> Any:
        def check(output: Any) -> None:
            assert output["path"] == path
            assert (folder / path).read_bytes() == data

        return check

    invoice = {"fileName": "bill.pdf", "fileType": "pdf", "base64": as_base64(INVOICE)}
    inputs = {"inputs": {"doc": invoice, "note": "data:text/plain;name=a.txt;base64,b25l", "both": [invoice, invoice]}}
    return [
        Case("read", {"inputName": "doc"}, gives(text="Invoice 123\n\nAmount: $10.00", fileCount=1), task=inputs),
        Case("kept", {"inputName": "doc"}, kept("inputs/bill.pdf", INVOICE), task=inputs),
        Case("text", {"inputName": "note"}, gives(text="one", fileType="text/plain", path="inputs/a.txt"), task=inputs),
        Case("two", {"inputName": "both"}, gives(fileCount=2, totalChunkCount=2), task=inputs),
        Case("none", {"inputName": "other"}, has_code(ErrorCode.INVALID_INPUT), fails=True, task=inputs),
    ]


def _template_cases(folder: Path) -> Sequence[Case]:
    task = {"inputs": {"name": "Ann"}}
    html = {"outputName": "page", "template": "# Hi {{name}}\n\n- a\n- b", "outputFormat": "html"}
    return [
        Case("Markdown", {"outputName": "a", "template": "# {{name}}"}, gives(a="# Ann"), task=task),
        Case("HTML", html, gives(page="<h1>Hi Ann</h1>\n<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"), task=task),
        Case("no name", {"template": "x"}, has_code(ErrorCode.INVALID_NODE_CONFIG), fails=True, task=task),
    ]


CONTRACTS = [
    Contract("pdfExtract", "PDF files made by fpdf2", lambda: on_disk(_pdf_cases, FILES)),
    Contract("parseDocument", "docx, xlsx, PDF, CSV, HTML and JSON files", lambda: on_disk(_document_cases, FILES)),
    Contract("files", "a PDF and a data URL, kept on disk", lambda: on_disk(_files_cases)),
    Contract("templateOutput", "markdown-it in its process", lambda: on_disk(_template_cases)),
]
