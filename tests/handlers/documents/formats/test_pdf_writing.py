"""PDF files say what their content says, whatever it is, and fetch nothing."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.documents.formats import pdf_writing
from flowray.handlers.documents.formats.fonts import FAMILY, font_files, is_plain
from flowray.handlers.documents.formats.pdf_writing import PdfLook, pictures_of, write_pdf
from flowray.handlers.documents.formats.reading import ReadOptions, read_document
from flowray.handlers.documents.formats.safe_html import safe_html

PLAIN = PdfLook()


def text_of(content: str, kind: str = "markdown", look: PdfLook = PLAIN) -> str:
    return str(read_document("pdf", write_pdf(content, kind, look)[0], ReadOptions())["text"])


def picture() -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (10, 10), "red").save(buffer, "png")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def test_markdown() -> None:
    content = "# Invoice 123\n\nHello **bold** `code`\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> said\n"
    text = text_of(
        content, look=PdfLook(header="Top", footer="Bottom", numbers=True, landscape=True, page_size="letter")
    )
    for part in ("Invoice 123", "Hello bold code", "one", "two", "1 2", "said", "Top", "Bottom", "1 / 1"):
        assert part in text, text
    assert write_pdf(content, "markdown", PLAIN) == write_pdf(content, "markdown", PLAIN)


def test_text_stays_as_it_is_and_letters_of_all_kinds_are_shown() -> None:
    assert text_of("<b>x</b>\n# y", "text") == "<b>x</b>\n# y"
    assert "Ω “quoted” — žluťoučký €" in text_of("Ω “quoted” — žluťoučký €")
    assert (is_plain("é"), is_plain("€")) == (True, False)
    assert (FAMILY, "") in font_files()


def test_pages_are_counted_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert write_pdf("\n\n".join(f"line {at}" for at in range(200)), "markdown", PLAIN)[1] > 2
    monkeypatch.setattr(pdf_writing, "MAX_PAGES", 3)
    with pytest.raises(FlowrayError) as raised:
        write_pdf("x\n" * 1_000, "text", PLAIN)
    assert raised.value.code == ErrorCode.FILE_LIMIT_EXCEEDED


def test_nothing_is_fetched_and_no_file_of_the_machine_is_shown() -> None:
    sources = ("http://127.0.0.1:1/x.png", "/etc/passwd", "file:///etc/passwd", "data:image/svg+xml;base64,AA", "//h/x")
    for source in sources:
        assert "shown instead" in text_of(f'<p>a</p><img src="{source}" alt="shown instead">', "html")
    markup = safe_html('<p onclick="x()">a<script>x()</script><a href="javascript:x()">b</a><custom>c</custom></p>')
    assert markup == "<p>abc</p>"


def test_pictures_of_the_workspace() -> None:
    content = f'![c](outputs/chart.png) <img src="b.png"> ![u](http://h/x.png) ![d]({picture()})'
    assert pictures_of(content, "markdown") == ["outputs/chart.png", "b.png"]
    assert pictures_of(content, "text") == []
    look = PdfLook(images={"outputs/chart.png": picture(), "b.png": picture()})
    assert len(write_pdf(content, "markdown", look)[0]) > len(write_pdf(content, "markdown", PLAIN)[0])
    with pytest.raises(FlowrayError) as raised:
        write_pdf('<img src="a.png">', "html", PdfLook(images={"a.png": "data:image/png;base64,AAAA"}))
    assert raised.value.code == ErrorCode.UNSUPPORTED_FORMAT
