"""The parseDocument node: it finds out what a document is, or is told."""

from __future__ import annotations

from flowray.errors import ErrorCode
from tests.fakes.made_documents import docx_of, pdf_of, xlsx_of
from tests.fakes.services import fake_services
from tests.fakes.workspace import MemoryWorkspace
from tests.handlers.running import fail, output

FILES = {
    "a.docx": docx_of("Service Contract", "Between us."), "b.xlsx": xlsx_of(["n"], [1]), "c.csv": b"n\n2\n",
    "d": b"n;m\n3;4\n",
    "e.pdf": pdf_of("Invoice 123"), "f.png": b"\x89PNG\r\n\x1a\n", "g.bin": b"\0",
}  # fmt: skip


async def test_every_kind_by_its_name() -> None:
    services = fake_services(files=MemoryWorkspace(FILES))
    texts = {
        name: (await output("parseDocument", {"file": name}, services=services))["text"]
        for name in ("a.docx", "b.xlsx", "c.csv", "e.pdf")
    }
    assert texts == {
        "a.docx": "Service Contract\nBetween us.",
        "b.xlsx": "n\n1",
        "c.csv": "n\n2\n",
        "e.pdf": "Invoice 123",
    }
    html = "data:text/html;base64,PGgxPlNlcnZpY2UgQ29udHJhY3Q8L2gxPg=="
    assert (await output("parseDocument", {"document": html}))["markdown"] == "# Service Contract"


async def test_a_kind_that_is_said_wins() -> None:
    services = fake_services(files=MemoryWorkspace(FILES))
    found = await output("parseDocument", {"file": "d", "format": "csv", "delimiter": ";"}, services=services)
    assert found["records"] == [{"n": "3", "m": "4"}]
    several = await output("parseDocument", {"documents": ["b.xlsx", "c.csv"]}, services=services)
    assert [one["records"] for one in several["documents"]] == [[{"n": 1}], [{"n": "2"}]]


async def test_what_cannot_be_read_says_what_can() -> None:
    services = fake_services(files=MemoryWorkspace(FILES))
    image = await fail("parseDocument", {"file": "f.png"}, services=services)
    assert (image.code, image.hint) == (ErrorCode.UNSUPPORTED_FORMAT, "an image needs an ocrExtraction node")
    other = await fail("parseDocument", {"file": "g.bin"}, services=services)
    assert (other.code, "docx" in (other.hint or "")) == (ErrorCode.UNSUPPORTED_FORMAT, True)
    assert (await fail("parseDocument", {"file": "a.docx", "format": "xlsx"}, services=services)).code == (
        ErrorCode.UNSUPPORTED_FORMAT
    )
