"""Workflow files as the command line reads them: one definition, or several in one file."""

from __future__ import annotations

from typing import Any

from flowray.cli.options import read_text
from flowray.definition.diagnostics import Diagnostics
from flowray.definition.documents import read_document
from flowray.definition.loading import definition_error


def read_workflow(source: str) -> Any:
    """The document of a JSON or YAML file (``-``: stdin). Raises INVALID_DEFINITION for text that is neither."""
    return parse(read_text(source))


def read_workflows(source: str) -> list[Any]:
    """The documents of a file: a JSON or YAML list of definitions, JSON lines, or a single definition."""
    text = read_text(source)
    if source.endswith((".jsonl", ".ndjson")):
        return [parse(line) for line in text.splitlines() if line.strip()]
    document = parse(text)
    return document if isinstance(document, list) else [document]


def parse(text: str) -> Any:
    """The value of JSON or YAML text, read by the same rules as everywhere in flowray."""
    found = Diagnostics()
    document = read_document(text, None, found)
    if found.has_errors:
        raise definition_error(list(found))
    return document
