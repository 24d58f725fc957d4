"""Text and metadata of a PDF, by pypdf. Pages that are pictures give no text: that is OCR's business."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from typing import Any

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.documents.formats.limits import ReadLimits, Text, passed, unreadable
from flowray.handlers.extras import load_extra

Pages = Sequence[int] | tuple[int, int | None] | None


def read_pdf(data: bytes, pages: Pages, password: str, with_text: bool, limits: ReadLimits) -> dict[str, Any]:
    """``{text, pages: [{pageNumber, text}], pageCount, metadata}``.

    ``pages``: a list of page numbers from 1, a tuple ``(first, last or None)``, or None for all. Raises
    UNSUPPORTED_FORMAT for what is no PDF or needs another password, INVALID_NODE_CONFIG for pages that are not there,
    FILE_LIMIT_EXCEEDED.
    """
    pypdf = load_extra("pypdf", "documents")
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # It speaks of every flaw of every file.
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(password):
            raise FlowrayError(
                ErrorCode.UNSUPPORTED_FORMAT, "the PDF is encrypted, and this password does not open it",
                hint="give its password, by a secret",
            )  # fmt: skip
        count = len(reader.pages)
        if count > limits.pages and pages is None:
            raise passed("the PDF", limits.pages, "pages")
        text = Text(limits, "the PDF")
        found = []
        for number in _wanted(pages, count, limits) if with_text else ():
            text.add((reader.pages[number - 1].extract_text() or "").strip())
            found.append({"pageNumber": number, "text": text.pieces[-1]})
        return {
            "text": text.joined("\n\n").strip(), "pages": found, "pageCount": count, "metadata": _metadata(reader),
        }  # fmt: skip
    except pypdf.errors.LimitReachedError as error:
        raise FlowrayError(ErrorCode.FILE_LIMIT_EXCEEDED, f"a part of the PDF is too large: {error}") from error
    except (pypdf.errors.PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        # What a damaged PDF makes the library stumble over has many names.
        raise unreadable("PDF", f"{type(error).__name__}: {error}") from error


def _wanted(pages: Any, count: int, limits: ReadLimits) -> list[int]:
    if pages is None:
        return list(range(1, count + 1))
    if isinstance(pages, tuple):
        first, last = pages
        numbers = list(range(first, min(count if last is None else last, count) + 1))
    else:
        numbers = list(pages)
    wrong = [number for number in numbers if not 1 <= number <= count]
    if wrong or not numbers:
        asked = wrong[0] if wrong else pages[0]
        raise FlowrayError(ErrorCode.INVALID_NODE_CONFIG, f"the PDF has {count} pages, and page {asked} is asked for")
    if len(numbers) > limits.pages:
        raise passed("what is asked for", limits.pages, "pages")
    return numbers


def _metadata(reader: Any) -> dict[str, Any]:
    """``title``, ``author``, …, as far as they are there and are text."""
    try:
        found = dict(reader.metadata or {})
    except Exception:
        return {}  # Damaged, as it is in many a real file, and of less worth than the text.
    return {
        key.removeprefix("/")[:1].lower() + key.removeprefix("/")[1:]: str(value)[:1_000]
        for key, value in found.items()
        if isinstance(key, str) and isinstance(value, str)
    }
