"""The ``files`` node: takes the files that an execution was given, keeps them in the workspace, reads and cuts them."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType, Role
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.documents.extraction import SEPARATOR, extract
from flowray.handlers.documents.formats.reading import KINDS, ReadOptions
from flowray.handlers.file_sources import Source, read_source
from flowray.handlers.file_types import is_allowed, kind_of
from flowray.handlers.files.chunking import chunks
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, rename
from flowray.handlers.workspace_paths import as_file_name, fold
from flowray.values import Json

FOLDER = "inputs"
"""Of the workspace: where files that came with the execution lie."""


class FilesConfig(NodeConfig):
    """Which input of the execution has the files, which are allowed, and how their text is cut."""

    input_name: str = Field(
        "files", min_length=1, description="Name of the execution's input that has the file or files."
    )
    required: bool = Field(True, description="Whether it is an error if there are none.")
    allowed_file_types: list[str] = Field(
        default_factory=list, description="Suffixes (pdf), types (application/pdf) or groups (image/*); all if empty."
    )
    multiple: bool = Field(False, description="Put out the list of files, to loop over, instead of one object.")
    extract_text: bool = Field(True, description="Read the text of documents; other files are only kept.")
    chunk_size: int = Field(1_000, ge=50, le=10_000, description="Longest piece of text, in characters.")
    chunk_overlap: int = Field(
        200, ge=0, le=500, description="How much of a piece the next one repeats, in characters."
    )

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, inputName=("inputVariable",), allowedFileTypes=("allowedTypes", "acceptedTypes", "fileTypes")
        )
        # Files that only an output variable names come in under that name.
        return rename(given, inputName=("outputVariable",)) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _gets_on(self) -> FilesConfig:
        if self.chunk_overlap >= self.chunk_size:
            raise ValueError("chunkOverlap must be smaller than chunkSize")
        return self


class FilesHandler:
    """Output: ``{files, allChunks, combinedText, fileCount, totalChunkCount}``, and of a single file its ``fileName``,
    ``path``, ``text``, … too; with ``multiple`` the list of files. A file is ``{fileName, filename, fileType, size,
    path, text, content}``, a chunk ``{content, index, fileName, start}``; sizes in bytes.
    """

    node_type = NodeType(
        name="files",
        summary="Takes the files an execution was given, and reads their text.",
        config_model=FilesConfig,
        category="inputs",
        role=Role.SOURCE,
        effects=Effects.WRITE,
        fields=dict.fromkeys(
            ("inputName", "inputVariable", "outputVariable", "allowedTypes", "acceptedTypes", "allowedFileTypes"),
            FieldKind.LITERAL,
        ),
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises INVALID_INPUT for files that are missing or not allowed, and as the sources and readers do."""
        config = config_of(node, FilesConfig)
        sources = [await read_source(node, one) for one in _given(node, config)]
        for source in sources:
            if not is_allowed(source.name, source.media_type, config.allowed_file_types):
                raise FlowrayError(
                    ErrorCode.INVALID_INPUT, f"{source.name!r} is {source.media_type}, which is not allowed",
                    details={"allowed": config.allowed_file_types},
                    hint=f"allowed are {', '.join(config.allowed_file_types)}",
                )  # fmt: skip
        names = _distinct([source.name for source in sources])
        files = [await self._kept(node, source, name, config) for source, name in zip(sources, names, strict=True)]
        return NodeResult(data=list(files) if config.multiple else _combined(files, config))

    async def _kept(self, node: NodeInput, source: Source, name: str, config: FilesConfig) -> dict[str, Any]:
        path = source.path or f"{FOLDER}/{name}"
        if source.path is None:
            await node.services.files.write(node.files_of, path, source.data)
        text = ""
        if config.extract_text and kind_of(name, source.media_type, source.data) in KINDS:
            text = (await extract(node, source, ReadOptions()))["text"]
        return {
            "fileName": name, "filename": name, "fileType": source.media_type, "size": len(source.data), "path": path,
            "text": text, "content": text,
        }  # fmt: skip


def _given(node: NodeInput, config: FilesConfig) -> list[Json]:
    """What came in under the input's name, as a list."""
    value = node.inputs.get(config.input_name)
    given = value if isinstance(value, list) else [] if value in (None, "") else [value]
    if not given and config.required:
        raise FlowrayError(
            ErrorCode.INVALID_INPUT, f"this execution was given no files as {config.input_name!r}",
            hint=f'start it with {{"{config.input_name}": {{"fileName": "a.pdf", "base64": "…"}}}}, '
            "or with a data URL, an http(s) address or a path",
        )  # fmt: skip
    return given


def _distinct(names: list[str]) -> list[str]:
    """File names of which no system takes two for one."""
    found: dict[str, str] = {}
    for at, given in enumerate(names, start=1):
        name = as_file_name(given or f"file{at}")
        stem, dot, suffix = name.rpartition(".")
        while fold(name) in found:
            name = f"{stem or suffix}-{at}{dot if stem else ''}{suffix if stem else ''}"
            at += 1
        found[fold(name)] = name
    return list(found.values())


def _combined(files: list[dict[str, Any]], config: FilesConfig) -> dict[str, Any]:
    pieces = [
        {"content": piece, "index": index, "fileName": file["fileName"], "start": start}
        for file in files
        for index, (start, piece) in enumerate(chunks(file["text"], config.chunk_size, config.chunk_overlap))
    ]
    combined = SEPARATOR.join(file["text"] for file in files if file["text"])
    return {
        **(files[0] if len(files) == 1 else {"text": combined}), "files": files, "allChunks": pieces,
        "combinedText": combined, "fileCount": len(files), "totalChunkCount": len(pieces),
    }  # fmt: skip
