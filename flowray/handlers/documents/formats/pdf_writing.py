"""Writes PDF files by fpdf2: Markdown, simple HTML or text. Fetches nothing, and reads no files but fonts."""

from __future__ import annotations

import html
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.documents.formats.fonts import FAMILY, MONOSPACED, font_files, is_plain
from flowray.handlers.documents.formats.limits import passed
from flowray.handlers.documents.formats.markup import markdown_to_html
from flowray.handlers.documents.formats.safe_html import pictures_in, safe_html
from flowray.handlers.extras import load_extra

MAX_PAGES = 2_000


@dataclass(frozen=True)
class PdfLook:
    """``margins`` left, top, right and bottom, in millimetres; ``font_size`` in points; ``images`` as ``safe_html``."""

    page_size: str = "A4"
    landscape: bool = False
    margins: tuple[float, float, float, float] = (20.0, 20.0, 20.0, 20.0)
    font_size: float = 11.0
    header: str = ""
    footer: str = ""
    numbers: bool = False
    title: str = ""
    author: str = ""
    images: Mapping[str, str] = field(default_factory=dict)


def pictures_of(content: str, kind: str) -> list[str]:
    """The paths of the pictures that a content shows, which the caller reads from the workspace."""
    return pictures_in(_as_html(content, kind)) if kind != "text" else []


def write_pdf(content: str, kind: str, look: PdfLook) -> tuple[bytes, int]:
    """``(bytes, pages)``. ``kind`` is ``markdown``, ``html`` or ``text``.

    Raises UNSUPPORTED_FORMAT for HTML that cannot be laid out, FILE_LIMIT_EXCEEDED for too many pages, MISSING_EXTRA.
    """
    fpdf = load_extra("fpdf", "documents")
    for name in ("fpdf", "fontTools"):
        logging.getLogger(name).setLevel(logging.ERROR)
    markup = html.escape(content) if kind == "text" else safe_html(_as_html(content, kind), look.images)
    plain = is_plain(html.unescape(markup) + look.header + look.footer)
    pdf = _document(fpdf, look, plain)
    pdf.add_page()
    try:
        if kind == "text":
            pdf.multi_cell(0, text=content, new_x="LMARGIN", new_y="NEXT")
        else:
            pdf.write_html(markup, font_family=pdf.font_family, tag_styles=_tag_styles(fpdf, plain, look.font_size))
    except FlowrayError:
        raise
    except Exception as error:
        # What HTML from anywhere makes the library stumble over has no common name.
        raise FlowrayError(
            ErrorCode.UNSUPPORTED_FORMAT, f"the content cannot be laid out: {type(error).__name__}: {str(error)[:300]}",
            hint="use simpler HTML: headings, paragraphs, lists, tables with equal rows, pictures of the workspace",
        ) from error  # fmt: skip
    return bytes(pdf.output()), pdf.pages_count


def _as_html(content: str, kind: str) -> str:
    return markdown_to_html(content, True) if kind == "markdown" else content


def _document(fpdf: Any, look: PdfLook, plain: bool) -> Any:
    pdf = _paged(fpdf, look)
    pdf.set_creation_date(datetime(2000, 1, 1, tzinfo=UTC))  # The same content is the same file.
    left, top, right, bottom = look.margins
    pdf.set_margins(left, top, right)
    pdf.set_auto_page_break(True, margin=bottom)
    if look.title:
        pdf.set_title(look.title)
    if look.author:
        pdf.set_author(look.author)
    if not plain:
        for (family, style), path in font_files().items():
            pdf.add_font(family, style, str(path))
    pdf.set_font("helvetica" if plain else FAMILY, size=look.font_size)
    return pdf


def _paged(fpdf: Any, look: PdfLook) -> Any:
    """An empty document with the header and footer of the look; a class of its own, since fpdf2 asks it for them."""

    class Paged(fpdf.FPDF):  # type: ignore[misc]
        def header(self) -> None:
            if self.page_no() > MAX_PAGES:
                raise passed("the PDF", MAX_PAGES, "pages")
            if look.header:
                self._small(look.header, look.margins[1] / 2)

        def footer(self) -> None:
            number = f"{self.page_no()} / {{nb}}" if look.numbers else ""
            if text := "   ".join(part for part in (look.footer, number) if part):
                self._small(text, -look.margins[3] / 2 - 2)

        def _small(self, text: str, y: float) -> None:
            size = self.font_size_pt
            self.set_font(self.font_family, size=8)
            self.set_y(y)
            self.cell(0, 4, text[:200], align="C", new_x="LMARGIN", new_y="NEXT")
            self.set_font(self.font_family, size=size)
            if y > 0:
                self.set_y(look.margins[1])

    return Paged("landscape" if look.landscape else "portrait", "mm", look.page_size)


def _tag_styles(fpdf: Any, plain: bool, size: float) -> dict[str, Any]:
    face, text = fpdf.FontFace, fpdf.TextStyle
    mono = "courier" if plain else MONOSPACED
    heads = {
        f"h{level}": text(font_size_pt=size * scale, font_style="B", t_margin=size * 0.35, b_margin=size * 0.2)
        for level, scale in enumerate((2.0, 1.6, 1.35, 1.2, 1.1, 1.0), start=1)
    }
    return {**heads, "code": face(family=mono), "pre": text(font_family=mono, font_size_pt=size * 0.9)}
