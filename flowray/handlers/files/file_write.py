"""The ``fileWrite`` node: text, JSON or bytes as a file of the workspace."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.file_types import media_type
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, rename, text_of
from flowray.handlers.workspace import FileInfo
from flowray.handlers.workspace_paths import as_workspace_path
from flowray.values import Json

Encoding = Literal["utf8", "utf-8", "latin1", "ascii", "utf16", "base64", "binary"]


class FileWriteConfig(NodeConfig):
    """Where to, and what. Folders are made as they are needed."""

    path: str = Field(min_length=1, description="In the workspace; a leading slash is its root.")
    content: Any = Field(description="Text; anything else is written as JSON.")
    encoding: Encoding = Field("utf-8", description="Of the file; base64: the content is, and its bytes are written.")
    overwrite: bool = Field(True, description="Whether another file there may be replaced.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        return rename(
            values, path=("filePath", "outputPath", "filename", "fileName", "destination"), content=("data", "text")
        )


class FileWriteHandler:
    """Output: ``{path, fileName, size, mimeType, written: true}``; the size in bytes."""

    node_type = NodeType(
        name="fileWrite",
        summary="Writes a file into the workspace.",
        config_model=FileWriteConfig,
        category="files",
        effects=Effects.WRITE,
        fields=dict.fromkeys(("encoding", "overwrite"), FieldKind.LITERAL),
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises FORBIDDEN for a path that leads out, CONFLICT without ``overwrite``, FILE_LIMIT_EXCEEDED."""
        config = config_of(node, FileWriteConfig)
        data, path = encoded(config.content, config.encoding), as_workspace_path(config.path)
        info = await node.services.files.write(node.files_of, path, data, overwrite=config.overwrite)
        return NodeResult(data={**about(info), "written": True})


def about(info: FileInfo) -> dict[str, Any]:
    """What is put out about a file of the workspace."""
    name = info.path.rpartition("/")[2]
    return {"path": info.path, "fileName": name, "size": info.size, "mimeType": media_type(name)}


def encoded(content: Json, encoding: str) -> bytes:
    """The bytes of a file. Raises INVALID_NODE_CONFIG for content that does not fit its encoding."""
    if encoding in ("base64", "binary"):
        text = text_of(content)
        try:
            return base64.b64decode(text.partition(",")[2] if text.startswith("data:") else text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise FlowrayError(ErrorCode.INVALID_NODE_CONFIG, "the content is no base64") from error
    text = json.dumps(content, ensure_ascii=False, indent=2) if isinstance(content, dict | list) else text_of(content)
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        raise FlowrayError(ErrorCode.INVALID_NODE_CONFIG, f"the content cannot be written as {encoding}") from error
