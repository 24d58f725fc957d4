"""Commands that need no server: run, validate, nodes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from flowray.bootstrap import build_registry
from flowray.cli.documents import read_workflow
from flowray.cli.in_process import check_workflow, run_to_end
from flowray.cli.options import Format, Inputs, InputsJson, Quiet, parse_inputs, settings_from_environment
from flowray.cli.outcome import finish
from flowray.cli.output import EXIT_FAILED, Output, finding_line, output_of
from flowray.cli.parts import FromNode, OnlyNode, Pins, UntilNode, parse_pins
from flowray.cli.progress import Progress
from flowray.compiler.documents import compile_document
from flowray.definition.diagnostics import Severity
from flowray.engine.start_planning import StartRequest
from flowray.errors import ErrorCode, FlowrayError
from flowray.sdk.session import LocalSession

WorkflowFile = Annotated[str, typer.Argument(metavar="WORKFLOW", help="A JSON or YAML file, or - for stdin.")]


def run(
    ctx: typer.Context,
    workflow: WorkflowFile,
    input: Inputs = None,
    input_json: InputsJson = None,
    from_node: FromNode = None,
    until: UntilNode = None,
    only: OnlyNode = None,
    pin: Pins = None,
    full: Annotated[bool, typer.Option("--full", help="Print the whole execution, not only its outputs.")] = False,
    quiet: Quiet = False,
    format: Format = None,
) -> None:
    """Run a workflow in this process, without a server.

    Outputs go to stdout as JSON, progress to stderr. Nothing is kept, so --from and --only need --pin for what they
    read.

    Example: flowray run wf.yaml --input city=Paris --until summarize --pin fetch=@fetch.json
    """
    output = output_of(ctx)
    settings = settings_from_environment()
    inputs = parse_inputs(input, input_json)
    part = StartRequest(from_node=from_node, until_node=until, only_node=only, pins=parse_pins(pin))
    compiled = compile_document(read_workflow(workflow), build_registry(settings).node_types())
    _show_warnings(output, [item.as_json() for item in compiled.diagnostics])
    progress = Progress(output.stderr, enabled=not quiet)
    with LocalSession(settings) as session:
        execution = run_to_end(session, compiled, inputs, progress.show, part)
    finish(output, execution, full=full)


def validate(
    ctx: typer.Context,
    workflow: WorkflowFile,
    strict: Annotated[bool, typer.Option("--strict", help="Unknown node types are errors too.")] = False,
    format: Format = None,
) -> None:
    """Check a workflow and list every finding.

    Exit code 0 if it would be accepted, also with warnings; 1 if not.

    Example: flowray validate wf.json --strict -o json
    """
    output = output_of(ctx)
    types = build_registry(settings_from_environment()).node_types()
    found = [item.as_json() for item in check_workflow(read_workflow(workflow), types, strict=strict)]
    valid = all(item["severity"] != Severity.ERROR for item in found)
    if output.format is None:
        for finding in found:
            output.text(finding_line(finding))
        output.note(f"{workflow}: {'valid' if valid else 'not valid'}, {len(found)} findings")
    else:
        output.document({"valid": valid, "diagnostics": found})
    if not valid:
        raise typer.Exit(EXIT_FAILED)


def nodes(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[TYPE]", help="Show this type with its config.")] = None,
    format: Format = None,
) -> None:
    """List the node types, or show the config schema of one.

    Example: flowray nodes http -o yaml
    """
    output = output_of(ctx)
    types = build_registry(settings_from_environment()).describe()
    if name is None:
        output.rows(types, ("name", "category", "lane", "effects", "summary"))
        return
    chosen = next((item for item in types if name in (item["name"], *item["aliases"])), None)
    if chosen is None:
        raise FlowrayError(ErrorCode.NOT_FOUND, f"there is no node type {name!r}", hint="flowray nodes lists all types")
    output.document(chosen)


def _show_warnings(output: Output, findings: list[dict[str, Any]]) -> None:
    for finding in findings:
        if finding["severity"] == Severity.WARNING:
            output.note(finding_line(finding), style="yellow")
