"""The pdfExtract node: pages, shapes, several files."""

from __future__ import annotations

from flowray.errors import ErrorCode
from tests.fakes.made_documents import pdf_of
from tests.fakes.services import fake_services
from tests.fakes.workspace import MemoryWorkspace
from tests.handlers.running import fail, output

FILES = {"a.pdf": pdf_of("One", "Two", "Three", title="T"), "b.pdf": pdf_of("Four"), "c.txt": b"no"}


async def test_text_and_metadata() -> None:
    services = fake_services(files=MemoryWorkspace(FILES))
    found = await output("pdfExtract", {"path": "a.pdf"}, services=services)
    assert (found["text"], found["pageCount"], found["metadata"]["title"]) == ("One\n\nTwo\n\nThree", 3, "T")
    assert (found["fileName"], found["fileType"], "pages" in found) == ("a.pdf", "application/pdf", False)
    assert services.killable.called == ["read_document"]  # type: ignore[attr-defined]


async def test_pages_and_shapes() -> None:
    services = fake_services(files=MemoryWorkspace(FILES))
    config = {"file": {"path": "a.pdf"}, "pageStart": 2, "outputFormat": "json", "extractMetadata": False}
    found = await output("parsePdf", config, services=services)
    assert found["pages"] == [{"pageNumber": 2, "text": "Two"}, {"pageNumber": 3, "text": "Three"}]
    assert "metadata" not in found
    marked = await output("pdfExtract", {"file": "a.pdf", "pages": [3], "format": "markdown"}, services=services)
    assert marked["text"] == "## Page 3\n\nThree"
    several = await output("pdfExtract", {"file": ["a.pdf", "b.pdf"], "pageEnd": 1}, services=services)
    assert (several["text"], several["documentCount"]) == ("One\n\n---\n\nFour", 2)
    assert [one["fileName"] for one in several["documents"]] == ["a.pdf", "b.pdf"]


async def test_what_is_no_pdf() -> None:
    services = fake_services(files=MemoryWorkspace(FILES))
    assert (await fail("pdfExtract", {"file": "c.txt"}, services=services)).code == ErrorCode.UNSUPPORTED_FORMAT
    assert (await fail("pdfExtract", {"file": "none"}, services=services)).code == ErrorCode.NOT_FOUND
    assert (await fail("pdfExtract", {"file": "b.pdf", "pageStart": 2}, services=services)).code == (
        ErrorCode.INVALID_NODE_CONFIG
    )
    assert (await fail("pdfExtract", {}, services=services)).code == ErrorCode.INVALID_NODE_CONFIG
