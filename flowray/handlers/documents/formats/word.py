"""Text of a Word document (docx), by python-docx: paragraphs and tables in their order, headings kept in Markdown."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

from flowray.handlers.documents.formats.limits import ReadLimits, Text, check_archive, unreadable
from flowray.handlers.extras import load_extra


def read_docx(data: bytes, limits: ReadLimits) -> dict[str, Any]:
    """``{text, markdown, tables, metadata}``; a table is a list of rows.

    Raises UNSUPPORTED_FORMAT, FILE_LIMIT_EXCEEDED.
    """
    docx = load_extra("docx", "documents")
    check_archive(data, "docx", limits)
    try:
        document = docx.Document(io.BytesIO(data))
    except (KeyError, ValueError, docx.opc.exceptions.OpcError, SyntaxError) as error:
        raise unreadable("docx", f"{type(error).__name__}: {error}") from error
    plain, marked, tables = Text(limits, "the document"), Text(limits, "the document"), []
    for block in document.iter_inner_content():
        if hasattr(block, "rows"):
            table = [[cell.text.strip() for cell in row.cells] for row in block.rows]
            tables.append(table)
            plain.add("\n".join("\t".join(row) for row in table))
            marked.add("\n".join(_markdown_table(table)))
        elif text := block.text.strip():
            plain.add(text)
            marked.add(_marked(text, block.style.name if block.style is not None else ""))
    return {
        "text": plain.joined(), "markdown": marked.joined("\n\n"), "tables": tables,
        "metadata": dict(_metadata(document.core_properties)),
    }  # fmt: skip


def _marked(text: str, style: str) -> str:
    heading = re.fullmatch(r"Heading ([1-6])", style)
    if heading or style == "Title":
        return "#" * (int(heading[1]) if heading else 1) + f" {text}"
    if style.startswith("List Number"):
        return f"1. {text}"
    return f"- {text}" if style.startswith("List") else text


def _markdown_table(rows: list[list[str]]) -> Iterator[str]:
    for at, row in enumerate(rows):
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"
        if at == 0:
            yield "|" + " --- |" * len(row)


def _metadata(properties: Any) -> Iterator[tuple[str, str]]:
    for name in ("title", "author", "subject", "keywords"):
        if value := getattr(properties, name, None):
            yield name, str(value)[:1_000]
    for name in ("created", "modified"):
        if (at := getattr(properties, name, None)) is not None:
            yield name, at.isoformat()
