"""The ``parseDocument`` node: text and structure of a document of any known kind. How each is read: ``formats``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.handlers.documents.extraction import extract_all
from flowray.handlers.documents.formats.reading import ReadOptions
from flowray.handlers.file_sources import FILE_HELP, FILE_SPELLINGS, read_sources
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, rename

Kind = Literal["auto", "pdf", "docx", "xlsx", "csv", "html", "md", "txt", "json"]


class ParseDocumentConfig(NodeConfig):
    """Which document, and what it is where its name and type do not say so."""

    file: Any = Field(description=FILE_HELP)
    format: Kind = Field("auto", description="What the file is; auto goes by its first bytes, type and name.")
    delimiter: str = Field("", max_length=1, description="Of a CSV file; found out if empty.")
    password: str | None = Field(None, description="Of an encrypted PDF.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        return rename(
            values, file=("documents", *FILE_SPELLINGS), format=("documentType", "fileFormat"),
        )  # fmt: skip


class ParseDocumentHandler:
    """Output: ``{text, format, metadata, fileName, fileType, size, …}``: ``pages`` of a PDF, ``tables`` and
    ``markdown`` of docx, ``sheets``, ``columns``, ``rows`` and ``records`` of xlsx and csv, ``data`` of JSON; several
    files as ``{text, documents, documentCount}``.
    """

    node_type = NodeType(
        name="parseDocument",
        summary="Reads a PDF, Word, Excel, CSV, HTML, Markdown, JSON or text file.",
        config_model=ParseDocumentConfig,
        category="documents",
        effects=Effects.READ,
        fields={"format": FieldKind.LITERAL, "documentType": FieldKind.LITERAL},
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises UNSUPPORTED_FORMAT, FILE_LIMIT_EXCEEDED, NODE_TIMEOUT, and as the sources do."""
        config = config_of(node, ParseDocumentConfig)
        sources = await read_sources(node, config.file)
        options = ReadOptions(password=config.password or "", delimiter=config.delimiter)
        kind = None if config.format == "auto" else config.format
        return NodeResult(data=await extract_all(node, sources, options, kind))
