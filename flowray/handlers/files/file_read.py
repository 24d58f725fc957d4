"""The ``fileRead`` node: a file of the workspace, or of a folder that may be read, as text, JSON or base64."""

from __future__ import annotations

import base64
from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.documents.formats.plain import decode
from flowray.handlers.file_sources import FILE_HELP, Source, read_source
from flowray.handlers.file_types import kind_of
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, rename
from flowray.values import Json, decode_json

Encoding = Literal["auto", "utf8", "utf-8", "latin1", "ascii", "utf16", "base64", "binary"]

MAX_BYTES = 50_000_000


class FileReadConfig(NodeConfig):
    """Which file, and as what it is read."""

    path: Any = Field(description=FILE_HELP)
    encoding: Encoding = Field("auto", description="auto: text where it is text, else base64; binary is base64.")
    parse_json: bool = Field(False, description="Put out the value that the text is as JSON.")
    max_size: int = Field(10_000_000, gt=0, le=MAX_BYTES, description="Largest file, in bytes.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        return rename(values, path=("filePath", "file", "filename", "fileName"), maxSize=("maxBytes", "maxFileSize"))


class FileReadHandler:
    """Output: ``{content, path, fileName, size, mimeType, encoding}``; the size in bytes."""

    node_type = NodeType(
        name="fileRead",
        summary="Reads a file of the workspace.",
        config_model=FileReadConfig,
        category="files",
        effects=Effects.READ,
        fields={"encoding": FieldKind.LITERAL, "parseJson": FieldKind.LITERAL},
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises NOT_FOUND, FORBIDDEN, FILE_LIMIT_EXCEEDED, and UNSUPPORTED_FORMAT for what is not JSON."""
        config = config_of(node, FileReadConfig)
        source = await read_source(node, config.path, limit_bytes=config.max_size)
        return NodeResult(data=described(source, config.encoding, parse_json=config.parse_json))


def described(source: Source, encoding: str, *, parse_json: bool = False) -> dict[str, Any]:
    """What is put out about a file that was read. Raises UNSUPPORTED_FORMAT."""
    if encoding == "auto":
        encoding = "base64" if kind_of(source.name, source.media_type, source.data) in (None, *_BINARY) else "utf-8"
    content: Json
    if encoding in ("base64", "binary"):
        encoding, content = "base64", base64.b64encode(source.data).decode()
    else:
        content = decode(source.data, "" if encoding in ("utf8", "utf-8") else encoding)
    if parse_json:
        try:
            content = decode_json(source.data)
        except ValueError as error:
            raise FlowrayError(ErrorCode.UNSUPPORTED_FORMAT, f"{source.name!r} is no JSON: {error}") from error
    return {
        "content": content, "path": source.path, "fileName": source.name, "size": len(source.data),
        "mimeType": source.media_type, "encoding": encoding,
    }  # fmt: skip


_BINARY = ("pdf", "docx", "xlsx", "image")
