"""What a command prints: data on stdout, everything else on stderr, and the exit code of every outcome.

Stdout holds nothing but data, and nothing at all after a failure. Colour only where stderr or stdout is a terminal.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import typer
import yaml
from rich.console import Console
from rich.table import Table

from flowray.errors import ErrorCode, FlowrayError

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_AUTH = 4
EXIT_NOT_FOUND = 5
EXIT_RATE_LIMITED = 7
EXIT_TIMEOUT = 8
EXIT_INTERRUPTED = 130

_EXIT_CODES = {
    ErrorCode.INVALID_INPUT: EXIT_USAGE,
    ErrorCode.INVALID_REQUEST: EXIT_USAGE,
    ErrorCode.INVALID_START_POINT: EXIT_USAGE,
    ErrorCode.UNAUTHORIZED: EXIT_AUTH,
    ErrorCode.FORBIDDEN: EXIT_AUTH,
    ErrorCode.NOT_FOUND: EXIT_NOT_FOUND,
    ErrorCode.RATE_LIMITED: EXIT_RATE_LIMITED,
    ErrorCode.EXECUTION_TIMEOUT: EXIT_TIMEOUT,
    ErrorCode.PROVIDER_TIMEOUT: EXIT_TIMEOUT,
    ErrorCode.NODE_TIMEOUT: EXIT_TIMEOUT,
    ErrorCode.EXECUTION_CANCELLED: EXIT_INTERRUPTED,
}


def exit_code(error: FlowrayError) -> int:
    """The exit code of a command that failed with ``error``."""
    return _EXIT_CODES.get(error.code, EXIT_FAILED)


class OutputFormat(StrEnum):
    """How data is printed."""

    JSON = "json"
    JSONL = "jsonl"
    TABLE = "table"
    YAML = "yaml"


class Output:
    """Where a command prints. ``format`` is None until ``-o`` is read, and stays so without it."""

    def __init__(self) -> None:
        self.format: OutputFormat | None = None
        self.stderr = Console(stderr=True, highlight=False, soft_wrap=True)

    @property
    def wants_json_errors(self) -> bool:
        """True if a program reads the output."""
        return self.format in (OutputFormat.JSON, OutputFormat.JSONL)

    def text(self, line: str) -> None:
        """A line of data."""
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def document(self, data: Any, default: OutputFormat = OutputFormat.JSON) -> None:
        """One JSON value in the chosen format."""
        chosen = self.format or default
        if chosen is OutputFormat.YAML:
            self.text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True).rstrip("\n"))
        elif chosen is OutputFormat.JSONL:
            self.text(json.dumps(data, ensure_ascii=False, default=str))
        elif chosen is OutputFormat.TABLE and isinstance(data, Mapping):
            self._table([{"name": key, "value": value} for key, value in data.items()], ("name", "value"))
        else:
            self.text(json.dumps(data, indent=2, ensure_ascii=False, default=str))

    def rows(self, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """A list of objects. As a table it shows ``columns``; every other format shows everything."""
        chosen = self.format or OutputFormat.TABLE
        if chosen is OutputFormat.JSONL:
            for row in rows:
                self.text(json.dumps(row, ensure_ascii=False, default=str))
        elif chosen is OutputFormat.TABLE:
            self._table(list(rows), columns)
        else:
            self.document(list(rows))

    def _table(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        terminal = sys.stdout.isatty()
        console = Console(file=sys.stdout, width=None if terminal else 10_000, highlight=False)
        if not terminal:
            # Tab-separated lines in a pipe: cut and awk read them, and nothing is abbreviated.
            self.text("\t".join(columns))
            for row in rows:
                self.text("\t".join(_cell(row.get(column)) for column in columns))
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column.upper(), overflow="fold")
        for row in rows:
            table.add_row(*(_cell(row.get(column)) for column in columns))
        console.print(table)

    def note(self, message: str, style: str | None = None) -> None:
        """A line for the person at the terminal."""
        self.stderr.print(message, style=style, markup=False)

    def error(self, error: FlowrayError) -> None:
        """What went wrong, and what to do; as ``{"error": {code, message, hint}}`` if a program reads."""
        findings = error.details.get("diagnostics") or error.details.get("errors") or []
        if self.wants_json_errors:
            body: dict[str, Any] = {"code": error.code.value, "message": error.message, "hint": error.hint}
            if findings:
                body["errors"] = findings
            sys.stderr.write(json.dumps({"error": body}, ensure_ascii=False, default=str) + "\n")
            return
        self.note(f"error {error.code.value}: {error.message}", style="bold red")
        for finding in findings:
            self.note("  " + finding_line(finding))
        if error.hint:
            self.note(f"hint: {error.hint}")

    def discard(self) -> None:
        """Stop printing: the reader of stdout has left."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def output_of(ctx: typer.Context) -> Output:
    """The command's Output."""
    output: Output = ctx.ensure_object(Output)
    return output


def finding_line(finding: Mapping[str, Any]) -> str:
    """One finding about a definition or an input, in one line."""
    head = " ".join(str(finding[key]) for key in ("severity", "code") if finding.get(key))
    place = finding.get("pointer") or ""
    hint = f" ({finding['hint']})" if finding.get("hint") else ""
    return f"{head + ' ' if head else ''}{place + ': ' if place else ''}{finding.get('message', '')}{hint}"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value.replace("\t", " ").replace("\n", " ")
    return json.dumps(value, ensure_ascii=False, default=str)
