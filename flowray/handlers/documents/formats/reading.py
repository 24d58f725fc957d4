"""Reads a document of any kind that is known, in the killable process. One shape for all kinds, more by kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.documents.formats.limits import ReadLimits, passed, unreadable
from flowray.handlers.documents.formats.page import read_html
from flowray.handlers.documents.formats.pdf import read_pdf
from flowray.handlers.documents.formats.plain import decode
from flowray.handlers.documents.formats.sheets import read_csv, read_xlsx
from flowray.handlers.documents.formats.word import read_docx
from flowray.values import decode_json

KINDS = ("pdf", "docx", "xlsx", "csv", "html", "md", "txt", "json")


@dataclass(frozen=True)
class ReadOptions:
    """What is asked for, and within which bounds. ``pages`` as for ``read_pdf``."""

    pages: Any = None
    password: str = ""
    delimiter: str = ""
    with_text: bool = True
    limits: ReadLimits = field(default_factory=ReadLimits)


def read_document(kind: str, data: bytes, options: ReadOptions) -> dict[str, Any]:
    """``{format, text, metadata, …}``: ``pages`` of a PDF, ``tables`` and ``markdown`` of docx, ``sheets``, ``rows``
    and ``records`` of xlsx and csv, ``data`` of JSON, ``title``, ``markdown`` and ``links`` of HTML.

    Raises UNSUPPORTED_FORMAT, FILE_LIMIT_EXCEEDED, MISSING_EXTRA.
    """
    return {"format": kind, **_read(kind, data, options)}


def _read(kind: str, data: bytes, options: ReadOptions) -> dict[str, Any]:
    limits = options.limits
    match kind:
        case "pdf":
            return read_pdf(data, options.pages, options.password, options.with_text, limits)
        case "docx":
            return read_docx(data, limits)
        case "xlsx":
            return read_xlsx(data, limits)
        case "csv":
            return read_csv(data, options.delimiter, limits)
        case "html":
            return read_html(data, "", "", True, limits)
        case "json":
            return _read_json(data, limits)
        case "md" | "txt":
            return {"text": _text(data, limits), "metadata": {}}
    raise FlowrayError(
        ErrorCode.UNSUPPORTED_FORMAT, f"documents of the kind {kind!r} cannot be read",
        details={"supported": list(KINDS)}, hint=f"supported are {', '.join(KINDS)}",
    )  # fmt: skip


def _text(data: bytes, limits: ReadLimits) -> str:
    text = decode(data)
    if len(text) > limits.chars:
        raise passed("the file", limits.chars, "characters")
    return text


def _read_json(data: bytes, limits: ReadLimits) -> dict[str, Any]:
    text = _text(data, limits)
    try:
        return {"text": text, "data": decode_json(text), "metadata": {}}
    except ValueError as error:
        raise unreadable("JSON", str(error)) from error
