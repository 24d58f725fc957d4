"""Rows of inputs for a batch: JSON lines, a JSON list, or CSV with a header."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from flowray.cli.options import json_or_text, read_text
from flowray.errors import ErrorCode, FlowrayError

MAX_FINDINGS = 20


def read_rows(source: str) -> list[dict[str, Any]]:
    """The rows of a file (``-``: stdin, as JSON lines). Raises INVALID_INPUT that lists every bad line.

    A CSV cell is JSON where it reads as JSON, else text; an empty cell is left out.
    """
    text = read_text(source)
    if source.lower().endswith(".csv"):
        return _csv_rows(text)
    if text.lstrip().startswith("["):
        return _checked(list(enumerate(_json(text, source), start=1)), source)
    findings: list[dict[str, Any]] = []
    values = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                values.append((number, json.loads(line)))
            except ValueError as error:
                findings.append({"message": f"line {number}: {error}"})
    if findings:
        raise _refusal(source, findings)
    return _checked(values, source)


def _csv_rows(text: str) -> list[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(text))
    return [{name: json_or_text(cell) for name, cell in row.items() if name and cell} for row in reader]


def _json(text: str, source: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise _refusal(source, [{"message": str(error)}]) from error


def _checked(values: list[tuple[int, Any]], source: str) -> list[dict[str, Any]]:
    wrong = [{"message": f"row {number} is not an object"} for number, value in values if not isinstance(value, dict)]
    if wrong:
        raise _refusal(source, wrong)
    return [value for _number, value in values]


def _refusal(source: str, findings: list[dict[str, Any]]) -> FlowrayError:
    shown = findings[:MAX_FINDINGS]
    more = len(findings) - len(shown)
    if more:
        shown.append({"message": f"and {more} more"})
    return FlowrayError(
        ErrorCode.INVALID_INPUT,
        f"{source} is not a list of inputs",
        details={"errors": shown},
        hint="JSON lines: one object per line; or CSV with a header",
    )
