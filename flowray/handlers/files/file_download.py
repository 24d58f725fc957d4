"""The ``fileDownload`` node: what an address answers, kept as a file of the workspace."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.file_sources import download
from flowray.handlers.file_types import is_allowed
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, rename
from flowray.handlers.workspace_paths import as_workspace_path

FOLDER = "downloads"


class FileDownloadConfig(NodeConfig):
    """Which address, and what may come from it."""

    url: str = Field(pattern=r"^\s*https?://", description="An http or https address.")
    filename: str | None = Field(None, description="Path in the workspace; as the server calls it if there is none.")
    max_size: int = Field(52_428_800, gt=0, le=100_000_000, description="Largest file, in bytes.")
    timeout: int = Field(60_000, ge=1_000, le=600_000, description="For all of it, in ms.")
    follow_redirects: bool = Field(True, description="Whether the server may send elsewhere.")
    allowed_content_types: list[str] = Field(default_factory=list, description="Types or suffixes; all if empty.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        return rename(
            values, url=("fileUrl", "uri"), filename=("fileName", "path", "outputPath"), timeout=("timeoutMs",),
            allowedContentTypes=("allowedTypes",),
        )  # fmt: skip


class FileDownloadHandler:
    """Output: ``{path, fileName, size, mimeType, contentType, url}``; the size in bytes."""

    node_type = NodeType(
        name="fileDownload",
        summary="Downloads a file into the workspace.",
        config_model=FileDownloadConfig,
        category="files",
        effects=Effects.WRITE,
        fields={"followRedirects": FieldKind.LITERAL, "allowedContentTypes": FieldKind.LITERAL},
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises HTTP_STATUS, UNSUPPORTED_FORMAT for a type that is not allowed, FILE_LIMIT_EXCEEDED, and as the
        transport does: PROVIDER_UNREACHABLE, PROVIDER_TIMEOUT, HTTP_ERROR, FORBIDDEN.
        """
        config = config_of(node, FileDownloadConfig)
        source = await download(
            node, config.url.strip(), limit_bytes=config.max_size, timeout_ms=config.timeout,
            follow_redirects=config.follow_redirects,
        )  # fmt: skip
        if not is_allowed(source.name, source.media_type, config.allowed_content_types):
            raise FlowrayError(
                ErrorCode.UNSUPPORTED_FORMAT, f"the download is {source.media_type}, which is not allowed",
                details={"allowed": config.allowed_content_types},
            )  # fmt: skip
        path = as_workspace_path(config.filename or "") or f"{FOLDER}/{source.name}"
        info = await node.services.files.write(node.files_of, path, source.data)
        name = info.path.rpartition("/")[2]
        return NodeResult(
            data={
                "path": info.path,
                "fileName": name,
                "filename": name,
                "size": info.size,
                "mimeType": source.media_type,
                "contentType": source.media_type,
                "url": config.url.strip(),
            }
        )
