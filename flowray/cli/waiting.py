"""Commands for executions that wait for people: pause, resume, waitpoints. They talk to a server."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from flowray.cli.options import DEFAULT_URL, Format, Url, json_or_text, named_texts, read_text
from flowray.cli.output import output_of
from flowray.cli.pages import all_rows
from flowray.cli.remote import ExecutionId
from flowray.client.calls import NO_DATA
from flowray.client.sync_client import Client
from flowray.errors import ErrorCode, FlowrayError

COLUMNS = ("execution_id", "node_id", "kind", "status", "prompt", "reason", "expires_at", "token")

Data = Annotated[
    str | None,
    typer.Option("--data", "-d", metavar="JSON|@FILE|-", help="The answer; JSON where it reads as JSON, else text."),
]

app = typer.Typer(no_args_is_help=True, help="List what waits for an answer, and answer it.")


def pause(
    ctx: typer.Context,
    execution: ExecutionId,
    reason: Annotated[str | None, typer.Option("--reason", help="Kept with the execution.")] = None,
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """Pause an execution on a server.

    Nothing new starts until it is resumed; what runs comes to its end. Repeating it changes nothing.

    Example: flowray pause 0192f0c1-… --reason "wait for the audit"
    """
    output = output_of(ctx)
    with Client(url) as client:
        paused = client.executions.pause(execution, reason=reason)
    output.document({"id": paused.id, "status": paused.status})


def resume(
    ctx: typer.Context,
    execution: ExecutionId,
    data: Data = None,
    waitpoint: Annotated[
        str | None, typer.Option("--waitpoint", help="The id or name of the waitpoint, if several are open.")
    ] = None,
    variables: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A variable to set before it goes on.")
    ] = None,
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """Let an execution on a server go on, with an answer if it waits for one.

    Ends a requested pause; with --data, or where only one person is waited for, it answers that waitpoint.

    Example: flowray resume 0192f0c1-… --data '{"approved": true}'
    """
    output = output_of(ctx)
    with Client(url) as client:
        resumed = client.executions.resume(
            execution, data=_answer(data), waitpoint_id=waitpoint, context_updates=_variables(variables)
        )
    output.document({"id": resumed.id, "status": resumed.status})


@app.command("list")
def list_(
    ctx: typer.Context,
    execution: Annotated[str | None, typer.Option("--execution", help="Only those of this execution.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="open, completed, timed_out, cancelled, all.")] = None,
    workflow: Annotated[
        str | None, typer.Option("--workflow", help="Only those of this workflow's executions.")
    ] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="person, callback, event, waitpoint or shared.")] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Only those with this tag.")] = None,
    expires_before: Annotated[
        str | None, typer.Option("--expires-before", metavar="TIME", help="Only those that end before; ISO 8601.")
    ] = None,
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """List what waits for an answer.

    Example: flowray waitpoints list -o json
    """
    output = output_of(ctx)
    filters = {
        "execution_id": execution, "status": status, "workflow_id": workflow, "kind": kind, "tag": tag,
        "expires_before": expires_before,
    }  # fmt: skip
    with Client(url) as client:
        given = {name: value for name, value in filters.items() if value is not None}
        output.rows(list(all_rows(client.waitpoints.list, **given)), COLUMNS)


@app.command("create")
def create(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Option("--name", help="By which wait nodes may mean it, too.")] = None,
    timeout_ms: Annotated[int | None, typer.Option("--timeout-ms", help="How long it may be answered.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="To find it by; may be repeated.")] = None,
    prompt: Annotated[str | None, typer.Option("--prompt", help="What the person who answers is to do.")] = None,
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """Create a waitpoint of no execution, for any number of wait nodes.

    It may be answered before anything waits for it. One with the same name is the same one.

    Example: flowray waitpoints create --name release-42 --tag release
    """
    output = output_of(ctx)
    with Client(url) as client:
        created = client.waitpoints.create(name=name, timeout_ms=timeout_ms, tags=tag, prompt=prompt)
    output.document(created.model_dump(mode="json"))


@app.command("complete")
def complete(
    ctx: typer.Context,
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="The token of a waitpoint.")],
    data: Data = None,
    by: Annotated[str | None, typer.Option("--by", help="Who answers; kept with it.")] = None,
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """Answer a waitpoint.

    The first answer counts; a later one prints it, with already_completed. One that does not fit changes nothing.

    Example: flowray waitpoints complete wp_5f0c… --data '{"approved": true}'
    """
    output = output_of(ctx)
    answer = _answer(data)
    with Client(url) as client:
        kept = client.waitpoints.complete(token, None if answer is NO_DATA else answer, by=by)
    output.document(kept.model_dump(mode="json"))


def _answer(text: str | None) -> Any:
    if text is None:
        return NO_DATA
    if text != "-" and not text.startswith("@"):
        return json_or_text(text)
    try:
        return json.loads(read_text(text.removeprefix("@")))
    except ValueError as error:
        raise FlowrayError(ErrorCode.INVALID_REQUEST, f"--data is not JSON: {error}") from error


def _variables(pairs: list[str] | None) -> dict[str, Any] | None:
    if not pairs:
        return None
    return {name: json_or_text(text) for name, text in named_texts(pairs, "--set")}
