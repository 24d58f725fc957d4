"""The ``pdfExtract`` node: text and metadata of PDF files. Reading them is ``formats.pdf``'s."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.handlers.documents.extraction import extract_all
from flowray.handlers.documents.formats.reading import ReadOptions
from flowray.handlers.file_sources import FILE_HELP, FILE_SPELLINGS, read_sources
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, rename


class PdfExtractConfig(NodeConfig):
    """Which PDF, which pages of it, and in which shape."""

    file: Any = Field(description=FILE_HELP)
    extract_text: bool = Field(True, description="Read the text; else only metadata and the number of pages.")
    extract_metadata: bool = Field(True, description="Put out title, author and the like.")
    page_start: int | None = Field(None, ge=1, description="First page, from 1.")
    page_end: int | None = Field(None, ge=1, description="Last page, included.")
    specific_pages: list[int] | None = Field(None, description="Numbers of pages, instead of a first and a last.")
    output_format: Literal["text", "markdown", "json"] = Field(
        "text", description="text: pages joined; markdown: with a heading for each page; json: the list of pages too."
    )
    password: str | None = Field(None, description="Of an encrypted PDF.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        return rename(
            values, file=("pdf", *FILE_SPELLINGS), specificPages=("pages",), outputFormat=("format",),
        )  # fmt: skip


class PdfExtractHandler:
    """Output: ``{text, pageCount, pages: [{pageNumber, text}], metadata, fileName, fileType, size}``, or
    ``{text, documents, documentCount}`` of several files.
    """

    node_type = NodeType(
        name="pdfExtract",
        summary="Reads the text and the metadata of a PDF.",
        config_model=PdfExtractConfig,
        aliases=("parsePdf",),
        category="documents",
        effects=Effects.READ,
        fields=dict.fromkeys(("outputFormat", "extractText", "extractMetadata"), FieldKind.LITERAL),
    )

    def can_handle(self, type_name: str) -> bool:
        """Under both names."""
        return type_name == self.node_type.name or type_name in self.node_type.aliases

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises UNSUPPORTED_FORMAT for what is no PDF, FILE_LIMIT_EXCEEDED, NODE_TIMEOUT, and as the sources do."""
        config = config_of(node, PdfExtractConfig)
        sources = await read_sources(node, config.file)
        options = ReadOptions(_pages(config), config.password or "", with_text=config.extract_text)
        read = await extract_all(node, sources, options, kind="pdf")
        return NodeResult(data=_shaped(read, config))


def _pages(config: PdfExtractConfig) -> Any:
    if config.specific_pages:
        return config.specific_pages
    if config.page_start is None and config.page_end is None:
        return None
    return config.page_start or 1, config.page_end


def _shaped(read: dict[str, Any], config: PdfExtractConfig) -> dict[str, Any]:
    if "documents" in read:
        return {**read, "documents": [_shaped(one, config) for one in read["documents"]]}
    if config.output_format == "markdown":
        read["text"] = "\n\n".join(f"## Page {page['pageNumber']}\n\n{page['text']}" for page in read["pages"])
    left_out = set() if config.output_format == "json" else {"pages"}
    if not config.extract_metadata:
        left_out.add("metadata")
    return {key: value for key, value in read.items() if key not in left_out}
