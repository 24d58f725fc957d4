"""The command ``snapshot``: takes executions from one server to another, as files. It talks to servers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from flowray.cli.options import DEFAULT_URL, FormatValue, Url, read_text
from flowray.cli.output import output_of
from flowray.cli.remote import ExecutionId
from flowray.client.sync_client import Client
from flowray.errors import ErrorCode, FlowrayError

app = typer.Typer(no_args_is_help=True, help="Take an execution from one server to another.")


@app.command("export")
def export(
    ctx: typer.Context,
    execution: ExecutionId,
    file: Annotated[Path | None, typer.Option("-o", "--output", help="Where to; otherwise stdout.")] = None,
    url: Url = DEFAULT_URL,
    format: FormatValue = None,
) -> None:
    """Write an execution with all that is recorded of it as one document.

    It must rest: paused, waiting or ended. It stays on its server; cancel it there if it is to go on elsewhere. The
    document holds the tokens of its waitpoints.

    Example: flowray snapshot export 0192f0c1-… -o stuck.json
    """
    output = output_of(ctx)
    with Client(url, timeout_s=300) as client:
        document = client.snapshots.export(execution)
    if file is None:
        output.document(document)
        return
    try:
        file.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise FlowrayError(ErrorCode.CONFIGURATION, f"cannot write {file}: {error.strerror}") from error
    output.note(f"written to {file}")
    output.document({"id": execution, "status": document["execution"]["status"], "file": str(file)})


@app.command("import")
def import_(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="An exported execution; - for stdin.")],
    url: Url = DEFAULT_URL,
    format: FormatValue = None,
) -> None:
    """Let an exported execution go on here, under its id and with its tokens.

    Repeating it changes nothing.

    Example: flowray snapshot import stuck.json
    """
    output = output_of(ctx)
    document = _document(file)
    with Client(url, timeout_s=300) as client:
        imported = client.snapshots.import_(document)
    output.document({"id": imported.id, "status": imported.status})


def _document(file: str) -> dict[str, Any]:
    try:
        document = json.loads(read_text(file))
    except ValueError as error:
        raise FlowrayError(ErrorCode.INVALID_REQUEST, f"{file} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise FlowrayError(ErrorCode.INVALID_REQUEST, f"{file} holds no exported execution")
    return document
