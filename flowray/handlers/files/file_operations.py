"""The ``fileOperations`` node: one of several things to do with a file. Each is another type's business, or a call."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.documents.extraction import extract
from flowray.handlers.documents.formats.reading import ReadOptions
from flowray.handlers.file_sources import FILE_HELP, read_source
from flowray.handlers.files.file_read import described
from flowray.handlers.files.file_write import about, encoded
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, rename, text_of
from flowray.handlers.workspace_paths import as_workspace_path

Operation = Literal[
    "read", "write", "delete", "list", "exists", "stat", "copy", "move", "parsePDF", "parseCSV", "parseJSON", "parse"
]  # fmt: skip
_NAMES = {
    "store": "write", "save": "write", "upload": "write", "export": "write", "process": "parse", "extract": "parse",
    "remove": "delete", "parse_pdf": "parsePDF", "parse_csv": "parseCSV", "parse_json": "parseJSON",
    "parsepdf": "parsePDF", "parsecsv": "parseCSV", "parsejson": "parseJSON",
}  # fmt: skip
_KINDS = {"parsePDF": "pdf", "parseCSV": "csv", "parseJSON": "json", "parse": None}


class FileOperationsConfig(NodeConfig):
    """What to do, with which file."""

    operation: Operation = Field(description="What to do.")
    file: Any = Field(None, description=FILE_HELP)
    content: Any = Field(None, description="What write puts into the file.")
    output_path: str | None = Field(None, description="Where write, copy and move put it; else where the file is.")
    encoding: Literal["auto", "utf8", "utf-8", "latin1", "ascii", "utf16", "base64", "binary"] = Field(
        "auto", description="Of text that is read or written; base64 for bytes."
    )
    overwrite: bool = Field(True, description="Whether another file there may be replaced.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, file=("filePath", "path", "fileData", "fileUrl", "url", "source", "folder"),
            outputPath=("destination", "targetPath", "newPath"), content=("data", "fileContent"),
        )  # fmt: skip
        if isinstance(given, dict) and isinstance(given.get("operation"), str):
            given["operation"] = _NAMES.get(given["operation"].lower(), given["operation"])
            if given.get("fileSource") in ("base64", "upload") and isinstance(given.get("file"), str):
                given["file"] = given["file"] if given["file"].startswith("data:") else {"base64": given["file"]}
        return given


class FileOperationsHandler:
    """Output: ``{operation, filePath, content, metadata, …}``: ``exists``, ``deleted``, ``files`` and ``count`` by
    operation; what is parsed as ``parseDocument`` puts it out.
    """

    node_type = NodeType(
        name="fileOperations",
        summary="Reads, writes, lists, deletes or parses files of the workspace.",
        config_model=FileOperationsConfig,
        aliases=("file",),
        category="files",
        effects=Effects.WRITE,
        fields={"operation": FieldKind.LITERAL, "fileSource": FieldKind.LITERAL, "encoding": FieldKind.LITERAL},
    )

    def can_handle(self, type_name: str) -> bool:
        """Under both names."""
        return type_name == self.node_type.name or type_name in self.node_type.aliases

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises INVALID_NODE_CONFIG, NOT_FOUND, FORBIDDEN, CONFLICT, FILE_LIMIT_EXCEEDED, UNSUPPORTED_FORMAT."""
        config = config_of(node, FileOperationsConfig)
        if config.operation in _KINDS:
            found = await self._parsed(node, config)
        elif config.operation == "read":
            source = await read_source(node, config.file)
            found = {**described(source, config.encoding), "filePath": source.path}
        elif config.operation in ("write", "copy", "move"):
            found = await self._written(node, config)
        else:
            found = await self._looked_at(node, config)
        return NodeResult(data={"operation": config.operation, **found})

    async def _parsed(self, node: NodeInput, config: FileOperationsConfig) -> dict[str, Any]:
        source = await read_source(node, config.file)
        read = await extract(node, source, ReadOptions(), _KINDS[config.operation])
        content = read.get("data", read.get("records", read["text"]))
        return {**read, "content": content, "filePath": source.path}

    async def _written(self, node: NodeInput, config: FileOperationsConfig) -> dict[str, Any]:
        files, owner = node.services.files, node.files_of
        source = None if config.operation == "write" else await read_source(node, config.file)
        path = as_workspace_path(config.output_path or (_path(config) if source is None else ""))
        if not path:
            raise FlowrayError(ErrorCode.INVALID_NODE_CONFIG, f"{config.operation} needs a path to write to")
        data = source.data if source is not None else encoded(config.content, _plain(config.encoding))
        info = await files.write(owner, path, data, overwrite=config.overwrite)
        if config.operation == "move" and source is not None and source.path not in (None, path):
            await files.delete(owner, str(source.path))
        return {**about(info), "filePath": info.path, "metadata": {"size": info.size}}

    async def _looked_at(self, node: NodeInput, config: FileOperationsConfig) -> dict[str, Any]:
        files, owner, path = node.services.files, node.files_of, as_workspace_path(_path(config))
        if config.operation == "list":
            found = [{**about(info), "modifiedAt": info.modified_at} for info in await files.files_in(owner, path)]
            return {"files": found, "count": len(found), "filePath": path}
        if config.operation == "delete":
            return {"deleted": await files.delete(owner, path), "filePath": path}
        info = await files.stat(owner, path)
        details = {} if info is None else {**about(info), "modifiedAt": info.modified_at}
        return {"exists": info is not None, "filePath": path, **details}


def _path(config: FileOperationsConfig) -> str:
    given = config.file.get("path") if isinstance(config.file, dict) else config.file
    return text_of(given)


def _plain(encoding: str) -> str:
    return "utf-8" if encoding == "auto" else encoding
