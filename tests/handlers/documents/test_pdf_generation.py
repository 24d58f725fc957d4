"""The pdfGeneration node: a file in the workspace, with pictures of it."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from pydantic import ValidationError

from flowray.errors import ErrorCode
from flowray.handlers.documents.formats.reading import ReadOptions, read_document
from flowray.handlers.documents.pdf_generation import PdfGenerationConfig
from tests.fakes.services import fake_services
from tests.fakes.workspace import MemoryWorkspace
from tests.handlers.running import fail, output


async def test_a_pdf_is_a_file_of_the_workspace() -> None:
    files = MemoryWorkspace()
    config = {
        "content": "# {{name}}",
        "format": "markdown",
        "filename": "report",
        "pageSize": "LETTER",
        "headerText": 7,
    }
    found = await output("pdfGeneration", config, inputs={"name": "Ann"}, services=fake_services(files=files))
    assert (found["path"], found["mimeType"], found["pageCount"]) == ("outputs/report.pdf", "application/pdf", 1)
    text = read_document("pdf", files.files["e1", "outputs/report.pdf"], ReadOptions())["text"]
    assert text == "7\nAnn"
    named = await output("pdfGeneration", {"html": "<p>x</p>", "format": "html", "template": "industry-report"})
    assert named["path"] == "outputs/n1.pdf"
    assert (await output("pdfGeneration", {"content": {"a": 1}, "format": "text"}))["size"] > 500


async def test_pictures_come_from_the_workspace_only() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (10, 10)).save(buffer, "png")
    services = fake_services(files=MemoryWorkspace({"c.png": buffer.getvalue()}))
    found = await output("pdfGeneration", {"content": "![c](c.png)"}, services=services)
    assert found["pageCount"] == 1
    for content, code in (
        ("![c](none.png)", ErrorCode.NOT_FOUND), ("![c](../c.png)", ErrorCode.FORBIDDEN),
        ("![c](c.png)" + "".join(f"![c]({at}.png)" for at in range(100)), ErrorCode.FILE_LIMIT_EXCEEDED),
    ):  # fmt: skip
        assert (await fail("pdfGeneration", {"content": content}, services=services)).code == code


async def test_what_cannot_be_laid_out() -> None:
    for config in ({"content": "  "}, {"content": "x", "format": "rtf"}, {}):
        assert (await fail("pdfGeneration", config)).code == ErrorCode.INVALID_NODE_CONFIG
    error = await fail("pdfGeneration", {"content": "{{long}}"}, inputs={"long": "x" * 2_000_001})
    assert error.code == ErrorCode.FILE_LIMIT_EXCEEDED


@pytest.mark.parametrize(
    ("written", "millimetres"), [(15, 15), ("15", 15), ("10mm", 10), ("2 cm", 20), ("1in", 25.4), ("72pt", 25.4)]
)
def test_margins_have_units_if_they_are_text(written: object, millimetres: float) -> None:
    config = PdfGenerationConfig.model_validate({"content": "x", "marginTop": written})
    assert config.margin_top == pytest.approx(millimetres)


def test_a_margin_that_is_no_length_is_refused() -> None:
    with pytest.raises(ValidationError):
        PdfGenerationConfig.model_validate({"content": "x", "marginTop": "wide"})
