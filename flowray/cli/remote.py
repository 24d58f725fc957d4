"""Commands that talk to a server: submit, rerun, watch, logs, cancel."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flowray.cli.bulk import DryRun, Filter, OptionalExecution, one_or_many, show
from flowray.cli.documents import read_workflow
from flowray.cli.options import DEFAULT_URL, Format, Inputs, InputsJson, Quiet, Url, parse_inputs
from flowray.cli.outcome import finish
from flowray.cli.output import EXIT_INTERRUPTED, Output, OutputFormat, output_of
from flowray.cli.pages import all_rows
from flowray.cli.parts import FromNode, OnlyNode, Pins, UntilNode, parse_changes, parse_pins, part_options
from flowray.cli.progress import Progress
from flowray.client.sync_client import Client

ExecutionId = Annotated[str, typer.Argument(metavar="EXECUTION", help="The id of an execution.")]
Full = Annotated[bool, typer.Option("--full", help="Print the whole execution, not only its outputs.")]

LOG_COLUMNS = ("instance", "type", "attempt", "status", "lane", "duration_ms", "usage", "error")


def submit(
    ctx: typer.Context,
    workflow: Annotated[str, typer.Argument(metavar="WORKFLOW", help="A file, - for stdin, or the id of a workflow.")],
    input: Inputs = None,
    input_json: InputsJson = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow it and print its outputs.")] = False,
    save: Annotated[bool, typer.Option("--save", help="Keep the file as a workflow of the server.")] = False,
    idempotency_key: Annotated[
        str | None, typer.Option("--idempotency-key", help="Repeats with the same key start nothing new.")
    ] = None,
    from_node: FromNode = None,
    reuse: Annotated[
        str | None,
        typer.Option("--reuse", metavar="EXECUTION", help="With --from: whose outcomes hold before."),
    ] = None,
    until: UntilNode = None,
    only: OnlyNode = None,
    pin: Pins = None,
    deadline: Annotated[
        str | None, typer.Option("--deadline", metavar="TIME", help="Stop it at this time at the latest; ISO 8601.")
    ] = None,
    callback: Annotated[
        str | None, typer.Option("--callback", metavar="URL", help="Whom to tell, by a signed POST, how it ends.")
    ] = None,
    full: Full = False,
    quiet: Quiet = False,
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """Start a workflow on a server.

    Prints the execution's id and URLs as soon as it is kept. Interrupting --watch leaves it running.

    Example: flowray submit wf.yaml --input city=Paris --until summarize --watch
    """
    output = output_of(ctx)
    inputs = parse_inputs(input, input_json)
    options = part_options(from_node, until, only, pin, reuse)
    with Client(url) as client:
        definition = read_workflow(workflow) if _is_file(workflow) else None
        workflow_id = workflow if definition is None else None
        if definition is not None and save:
            workflow_id, definition = client.workflows.create(definition).id, None
        started = client.executions.start(
            workflow_id, definition=definition, inputs=inputs, idempotency_key=idempotency_key,
            options=options
            | ({} if deadline is None else {"deadline": deadline})
            | ({} if callback is None else {"callback_url": callback}),
        )  # fmt: skip
        if watch:
            _follow(output, client, started.id, quiet=quiet, full=full)
            return
        output.document({**started.model_dump(mode="json"), "workflow_id": workflow_id or started.workflow_id})
        output.note(f"follow it with: flowray watch {started.id}")


def rerun(
    ctx: typer.Context,
    execution: OptionalExecution = None,
    from_node: FromNode = None,
    failed: Annotated[bool, typer.Option("--failed", help="Run what failed or never ran, and what follows.")] = False,
    until: UntilNode = None,
    pin: Pins = None,
    input: Inputs = None,
    input_json: InputsJson = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", metavar="NODE.FIELD=VALUE", help="Change a field of a node's config.")
    ] = None,
    definition: Annotated[
        str | None, typer.Option("--definition", metavar="FILE", help="Run this edited definition; - for stdin.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow it and print its outputs.")] = False,
    full: Full = False,
    quiet: Quiet = False,
    filter: Filter = None,
    dry_run: DryRun = False,
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """Run an ended execution again, whole or in part.

    Nodes that do not run keep the outcomes that they had. --input names only the inputs that change. --filter runs many
    again, whole or with --failed.

    Example: flowray rerun 0192f0c1-… --from summarize --set summarize.model=gpt-5 --watch
    """
    output = output_of(ctx)
    many = one_or_many(execution, filter, dry_run)
    with Client(url) as client:
        if many is not None:
            show(output, client.bulk.rerun(many, failed_only=failed, dry_run=dry_run))
            return
        started = client.executions.rerun(
            str(execution), from_node=from_node, failed_only=failed, until_node=until, pins=parse_pins(pin) or None,
            inputs=parse_inputs(input, input_json) or None, config=parse_changes(change) or None,
            definition=read_workflow(definition) if definition is not None else None,
        )  # fmt: skip
        if watch:
            _follow(output, client, started.id, quiet=quiet, full=full)
            return
        output.document({**started.model_dump(mode="json"), "rerun_of": execution})
        output.note(f"follow it with: flowray watch {started.id}")


def watch(
    ctx: typer.Context,
    execution: ExecutionId,
    after: Annotated[int, typer.Option("--after", min=0, help="Begin after the event of this number.")] = 0,
    full: Full = False,
    quiet: Quiet = False,
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """Follow an execution on a server until it ends.

    Progress goes to stderr, outputs to stdout. With -o jsonl every event goes to stdout instead.

    Example: flowray watch 0192f0c1-… -o jsonl
    """
    output = output_of(ctx)
    with Client(url) as client:
        _follow(output, client, execution, after=after, quiet=quiet, full=full)


def logs(
    ctx: typer.Context,
    execution: ExecutionId,
    node: Annotated[str | None, typer.Option("--node", help="Only this node.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="Only attempts with this status.")] = None,
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """Show what each node of an execution did.

    One row per attempt, with input, output, tokens and error; as a table the columns that fit a line.

    Example: flowray logs 0192f0c1-… --node fetch -o yaml
    """
    output = output_of(ctx)
    with Client(url) as client:
        attempts = all_rows(client.executions.nodes, execution, node_id=node, status=status)
        output.rows(list(attempts), LOG_COLUMNS)


def cancel(
    ctx: typer.Context,
    execution: OptionalExecution = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Kept with the execution.")] = None,
    filter: Filter = None,
    dry_run: DryRun = False,
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """Stop an execution on a server, or all that a filter fits.

    Once this returns, none of them will complete. Repeating it changes nothing.

    Example: flowray cancel --filter status=paused,waiting --filter label.team=a --dry-run
    """
    output = output_of(ctx)
    many = one_or_many(execution, filter, dry_run)
    with Client(url) as client:
        if many is not None:
            show(output, client.bulk.cancel(many, reason=reason, dry_run=dry_run))
            return
        cancelled = client.executions.cancel(str(execution), reason=reason)
    output.document({"id": cancelled.id, "status": cancelled.status})


def _follow(
    output: Output, client: Client, execution_id: str, *, after: int = 0, quiet: bool = False, full: bool = False
) -> None:
    as_lines = output.format is OutputFormat.JSONL
    progress = Progress(output.stderr, enabled=not quiet and not as_lines)
    try:
        for event in client.stream_events(execution_id, after):
            if as_lines:
                output.document(event.model_dump(mode="json", exclude_unset=True))
            progress.show(event.model_dump(exclude_unset=True))
            if event.type == "execution.paused":
                break
    except KeyboardInterrupt:
        output.note(f"it goes on; follow it with: flowray watch {execution_id}")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    execution = client.executions.get(execution_id).model_dump(mode="json")
    finish(output, execution, full=full, silent=as_lines)


def _is_file(workflow: str) -> bool:
    """An id never has a dot or a slash; what has one is meant as a file, even where there is none."""
    return workflow == "-" or Path(workflow).exists() or any(mark in workflow for mark in "./\\")
