"""The ``ocrExtraction`` node: text in pictures, by tesseract where it is installed."""

from __future__ import annotations

import re
import shutil
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.handlers.documents.extraction import SEPARATOR
from flowray.handlers.documents.formats.ocr import PROGRAM, missing_program, read_picture
from flowray.handlers.file_sources import FILE_HELP, FILE_SPELLINGS, Source, read_sources
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, rename, text_of

READING_MS = 120_000


class OcrExtractionConfig(NodeConfig):
    """Which picture, and what is known of its text."""

    image: Any = Field(description=FILE_HELP)
    languages: list[str] = Field(default_factory=lambda: ["eng"], description="As tesseract calls them: eng, deu, …")
    psm: int = Field(
        3, ge=0, le=13, description="Page segmentation: 3 finds out; 6 is one block, 7 one line, 11 sparse."
    )
    confidence_threshold: float = Field(0, ge=0, le=100, description="Words that are less certain are left out.")
    preprocessing: bool = Field(True, description="Turn the picture to grey first.")
    output_format: Literal["text", "json"] = Field("text", description="json: the words with their places too.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(values, image=("imageSource", "file", "images", *FILE_SPELLINGS), languages=("language", "lang"))
        if isinstance(given, dict) and isinstance(given.get("languages"), str):
            given["languages"] = [part for part in re.split(r"[+,\s]+", text_of(given["languages"])) if part]
        if isinstance(given, dict) and isinstance(given.get("preprocessing"), dict):
            given["preprocessing"] = bool(given["preprocessing"].get("grayscale", True))
        return given

    @field_validator("languages")
    @classmethod
    def _are_names(cls, value: list[str]) -> list[str]:
        if not value or not all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{1,30}", name) for name in value):
            raise ValueError("languages are written as eng, deu or chi_sim")
        return value


class OcrExtractionHandler:
    """Output: ``{text, confidence, languages, fileName, size, words?}``; several pictures as ``{text, documents,
    documentCount}``. Confidence from 0 to 100.
    """

    node_type = NodeType(
        name="ocrExtraction",
        summary="Reads the text in a picture.",
        config_model=OcrExtractionConfig,
        experimental=True,
        category="documents",
        effects=Effects.READ,
        fields=dict.fromkeys(("psm", "outputFormat", "preprocessing"), FieldKind.LITERAL),
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises MISSING_EXTRA without tesseract, UNSUPPORTED_FORMAT for what is no picture, FILE_LIMIT_EXCEEDED,
        NODE_TIMEOUT, and as the sources do.
        """
        config = config_of(node, OcrExtractionConfig)
        if shutil.which(PROGRAM) is None:
            raise missing_program()
        sources = await read_sources(node, config.image)
        read = [await _read(node, source, config) for source in sources]
        if len(read) == 1:
            return NodeResult(data=read[0])
        text = SEPARATOR.join(one["text"] for one in read)
        return NodeResult(data={"text": text, "documents": read, "documentCount": len(read)})


async def _read(node: NodeInput, source: Source, config: OcrExtractionConfig) -> dict[str, Any]:
    # The program gets less time than its process: it is ended by that, and would outlive it.
    found = await node.services.killable.call(
        read_picture, source.data, config.languages, config.psm, config.preprocessing, config.confidence_threshold,
        READING_MS / 1_000 - 5, timeout_ms=READING_MS,
    )  # fmt: skip
    if config.output_format == "text":
        found.pop("words")
    return {**found, "languages": config.languages, "fileName": source.name, "size": len(source.data)}
