"""From the sources of a node to what stands in them: kind, reading apart, one shape. For all types that read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.documents.formats.reading import KINDS, ReadOptions, read_document
from flowray.handlers.file_sources import Source
from flowray.handlers.file_types import kind_of
from flowray.handlers.handler import NodeInput

SEPARATOR = "\n\n---\n\n"
"""Between the texts of several documents."""

EXTRACTION_MS = 120_000


async def extract(node: NodeInput, source: Source, options: ReadOptions, kind: str | None = None) -> dict[str, Any]:
    """What stands in one document, with ``fileName`` and ``fileType``; ``kind`` if it is not to be found out.

    Raises UNSUPPORTED_FORMAT, FILE_LIMIT_EXCEEDED, NODE_TIMEOUT, MISSING_EXTRA.
    """
    kind = kind or kind_of(source.name, source.media_type, source.data)
    if kind not in KINDS:
        raise FlowrayError(
            ErrorCode.UNSUPPORTED_FORMAT, f"{source.name or 'the file'!r} is {source.media_type}, which cannot be read",
            details={"mediaType": source.media_type, "supported": list(KINDS)},
            hint="an image needs an ocrExtraction node" if kind == "image" else f"supported are {', '.join(KINDS)}",
        )  # fmt: skip
    timeout_ms = min(node.timeout_ms or EXTRACTION_MS, EXTRACTION_MS)
    read = await node.services.killable.call(read_document, kind, source.data, options, timeout_ms=timeout_ms)
    return {"fileName": source.name, "fileType": source.media_type, "size": len(source.data), **read}


async def extract_all(
    node: NodeInput, sources: Sequence[Source], options: ReadOptions, kind: str | None = None
) -> dict[str, Any]:
    """One document as it is; several as ``{text, documents, documentCount}``, one after the other."""
    read = [await extract(node, source, options, kind) for source in sources]
    if len(read) == 1:
        return read[0]
    return {"text": SEPARATOR.join(one["text"] for one in read), "documents": read, "documentCount": len(read)}
