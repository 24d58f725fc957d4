"""``flowray import``: a workflow file of another tool → flowray's own format, and what of it is not supported."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from flowray.bootstrap import build_registry
from flowray.cli.documents import read_workflow
from flowray.cli.options import Format, settings_from_environment
from flowray.cli.output import EXIT_FAILED, Output, finding_line, output_of
from flowray.compiler.builder import build_plan
from flowray.definition.diagnostics import Diagnostics, Severity
from flowray.definition.loading import dump_definition, load_definition


class Dialect(StrEnum):
    """The tools whose files are read."""

    FLOWMAESTRO = "flowmaestro"
    SIM = "sim"
    N8N = "n8n"
    DIFY = "dify"


def import_workflow(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file of n8n, Dify, SIM or FlowMaestro; - for stdin.")],
    to: Annotated[Path | None, typer.Option("--to", metavar="FILE", help="Write the definition there.")] = None,
    dialect: Annotated[
        Dialect | None, typer.Option("--dialect", help="Whose file it is; found out without it.")
    ] = None,
    format: Format = None,
) -> None:
    """Turn another tool's workflow into flowray's, with a report.

    The definition goes to stdout, or to the file of --to; the report to stderr. With -o json both are one object.
    Exit code 1 if the workflow would not be accepted.

    Example: flowray import my-n8n-workflow.json --to wf.json
    """
    output = output_of(ctx)
    loaded = load_definition(read_workflow(file), dialect=None if dialect is None else dialect.value)
    findings = Diagnostics(list(loaded.diagnostics))
    if loaded.definition is not None:
        types = build_registry(settings_from_environment()).node_types()
        findings.extend(build_plan(loaded.definition, types).diagnostics)
    definition = None if loaded.definition is None else dump_definition(loaded.definition)
    if to is not None and definition is not None:
        to.write_text(json.dumps(definition, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    _print(output, file, loaded.source_format, definition, findings, written=to is not None)
    if findings.has_errors:
        raise typer.Exit(EXIT_FAILED)


def _print(output: Output, file: str, source: str, definition: Any, findings: Diagnostics, *, written: bool) -> None:
    found = findings.as_json()
    if output.format is not None:
        output.document({"format": source, "definition": definition, "diagnostics": found})
        return
    for finding in found:
        output.note(finding_line(finding), style="yellow" if finding["severity"] == Severity.WARNING else None)
    if definition is None:
        output.note(f"{file}: not readable as {source}")
        return
    if not written:
        output.document(definition)
    counts = {level: sum(item["severity"] == level for item in found) for level in Severity}
    output.note(
        f"{file}: {source}, {len(definition['nodes'])} nodes, {counts[Severity.ERROR]} errors, "
        f"{counts[Severity.WARNING]} warnings"
    )
