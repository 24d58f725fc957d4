"""The ``pdfGeneration`` node: Markdown, HTML or text as a PDF of the workspace. Laying it out: ``pdf_writing``."""

from __future__ import annotations

import base64
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.documents.formats.pdf_writing import PdfLook, pictures_of, write_pdf
from flowray.handlers.file_sources import read_source
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.made_files import keep_made
from flowray.handlers.node_config import NodeConfig, config_of, rename, text_of
from flowray.handlers.workspace import MIB

MAX_CHARS = 2_000_000
MAX_PICTURES = 100
PICTURE_BYTES = 10 * MIB
LAYOUT_MS = 120_000


MILLIMETRES = {"mm": 1.0, "cm": 10.0, "in": 25.4, "pt": 25.4 / 72, "px": 25.4 / 96, "": 1.0}
_LENGTH = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*(mm|cm|in|pt|px|)\s*\Z")
_MARGIN_HELP = "In millimetres, or as text with its unit: 1in, 2cm, 10mm, 36pt, 96px."


def in_millimetres(value: Any) -> Any:
    """A length as CSS writes it, in millimetres. What is none is left for the model to refuse."""
    found = _LENGTH.match(value) if isinstance(value, str) else None
    return value if found is None else float(found.group(1)) * MILLIMETRES[found.group(2)]


Margin = Annotated[float, BeforeValidator(in_millimetres)]


class PdfGenerationConfig(NodeConfig):
    """The content, and how its pages look. Margins in millimetres."""

    content: Any = Field(description="Markdown, HTML or text. Pictures are paths of the workspace, or data URLs.")
    format: Literal["markdown", "html", "text"] = Field("markdown", description="What the content is.")
    filename: str | None = Field(None, description="Path in the workspace; by the node's id if there is none.")
    page_size: Literal["A3", "A4", "A5", "letter", "legal"] = Field("A4", description="Of the paper.")
    orientation: Literal["portrait", "landscape"] = Field("portrait", description="Of the paper.")
    margin_top: Margin = Field(20, ge=0, le=100, description=_MARGIN_HELP)
    margin_right: Margin = Field(20, ge=0, le=100, description=_MARGIN_HELP)
    margin_bottom: Margin = Field(20, ge=0, le=100, description=_MARGIN_HELP)
    margin_left: Margin = Field(20, ge=0, le=100, description=_MARGIN_HELP)
    font_size: float = Field(11, ge=5, le=48, description="Of plain text, in points; headings follow it.")
    header_text: str = Field("", description="At the top of each page.")
    footer_text: str = Field("", description="At the bottom of each page.")
    include_page_numbers: bool = Field(False, description="At the bottom of each page, with how many there are.")
    title: str = Field("", description="In the PDF's properties.")
    author: str = Field("", description="In the PDF's properties.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, content=("html", "markdown", "text"), filename=("fileName", "path"), headerText=("header",),
            footerText=("footer",), includePageNumbers=("pageNumbers",),
        )  # fmt: skip
        if isinstance(given, dict):
            size = str(given.get("pageSize", "A4"))
            given["pageSize"] = size.upper() if size.lower() in ("a3", "a4", "a5") else size.lower()
            for key in ("headerText", "footerText", "title", "author"):
                given[key] = text_of(given.get(key))
        return given


class PdfGenerationHandler:
    """Output: ``{path, fileName, size, mimeType, pageCount}``."""

    node_type = NodeType(
        name="pdfGeneration",
        summary="Writes Markdown, HTML or text into a PDF of the workspace.",
        config_model=PdfGenerationConfig,
        category="outputs",
        effects=Effects.WRITE,
        fields=dict.fromkeys(("format", "pageSize", "orientation", "includePageNumbers"), FieldKind.LITERAL),
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises UNSUPPORTED_FORMAT for HTML that cannot be laid out, FILE_LIMIT_EXCEEDED, MISSING_EXTRA, NODE_TIMEOUT,
        and NOT_FOUND for pictures that are not there.
        """
        config = config_of(node, PdfGenerationConfig)
        content = text_of(config.content)
        if not content.strip():
            raise FlowrayError(ErrorCode.INVALID_NODE_CONFIG, "there is no content for the PDF")
        if len(content) > MAX_CHARS:
            raise FlowrayError(
                ErrorCode.FILE_LIMIT_EXCEEDED, f"the content has {len(content)} characters; {MAX_CHARS} are laid out",
                details={"chars": len(content), "limit": MAX_CHARS},
            )  # fmt: skip
        look = PdfLook(
            config.page_size, config.orientation == "landscape",
            (config.margin_left, config.margin_top, config.margin_right, config.margin_bottom), config.font_size,
            config.header_text, config.footer_text, config.include_page_numbers, config.title, config.author,
            await _pictures(node, content, config.format),
        )  # fmt: skip
        made, pages = await node.services.killable.call(write_pdf, content, config.format, look, timeout_ms=LAYOUT_MS)
        return NodeResult(data=await keep_made(node, config.filename, "pdf", made, pageCount=pages))


async def _pictures(node: NodeInput, content: str, kind: str) -> dict[str, str]:
    """The pictures of the workspace that the content shows, as data URLs."""
    if "<img" not in content and "![" not in content:
        return {}
    paths = await node.services.killable.call(pictures_of, content, kind)
    if len(paths) > MAX_PICTURES:
        raise FlowrayError(
            ErrorCode.FILE_LIMIT_EXCEEDED, f"the content shows {len(paths)} pictures; the limit is {MAX_PICTURES}",
            details={"pictures": len(paths), "limit": MAX_PICTURES},
        )  # fmt: skip
    found = {}
    for path in paths:
        source = await read_source(node, path, limit_bytes=PICTURE_BYTES)
        found[path] = f"data:{source.media_type};base64,{base64.b64encode(source.data).decode()}"
    return found
