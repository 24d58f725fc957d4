"""The command ``queues``: who waits where on a server, and how many may run. It talks to a server."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from flowray.cli.options import DEFAULT_URL, Format, Url
from flowray.cli.output import output_of
from flowray.cli.pages import all_rows
from flowray.client.sync_client import Client
from flowray.errors import ErrorCode, FlowrayError

COLUMNS = ("name", "max_concurrent", "max_per_key", "paused", "running", "waiting", "delayed")

Name = Annotated[str, typer.Argument(metavar="QUEUE", help="The name of a queue; global is that of all executions.")]

app = typer.Typer(no_args_is_help=True, help="See who waits in queues, and change how many may run.")


@app.command("list")
def list_(ctx: typer.Context, url: Url = DEFAULT_URL, format: Format = None) -> None:
    """List queues with their limits, and how many run and wait.

    Example: flowray queues list
    """
    output = output_of(ctx)
    with Client(url) as client:
        output.rows(list(all_rows(client.queues.list)), COLUMNS)


@app.command("get")
def get(ctx: typer.Context, queue: Name, url: Url = DEFAULT_URL, format: Format = None) -> None:
    """Show one queue.

    Example: flowray queues get global
    """
    output = output_of(ctx)
    with Client(url) as client:
        output.document(client.queues.get(queue).model_dump(mode="json"))


@app.command("set")
def set_(
    ctx: typer.Context,
    queue: Name,
    max_concurrent: Annotated[
        str | None, typer.Option("--max-concurrent", metavar="N|none", help="How many run at a time.")
    ] = None,
    max_per_key: Annotated[
        str | None, typer.Option("--max-per-key", metavar="N|none", help="How many with the same concurrency key.")
    ] = None,
    declared: Annotated[bool, typer.Option("--declared", help="Leave the limits to definitions again.")] = False,
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """Change the limits of a queue.

    In force at once; what runs is not stopped. From then on the limits that definitions declare for it do not count.

    Example: flowray queues set global --max-concurrent 20
    """
    output = output_of(ctx)
    given = {"max_concurrent": max_concurrent, "max_per_key": max_per_key}
    changes: dict[str, Any] = {name: _limit(name, text) for name, text in given.items() if text is not None}
    if declared:
        changes["overridden"] = False
    if not changes:
        raise FlowrayError(ErrorCode.INVALID_REQUEST, "say what to change: --max-concurrent, --max-per-key, --declared")
    with Client(url) as client:
        output.document(client.queues.change(queue, **changes).model_dump(mode="json"))


@app.command("pause")
def pause(ctx: typer.Context, queue: Name, url: Url = DEFAULT_URL, format: Format = None) -> None:
    """Start nothing of a queue any more.

    What has started goes on. Repeating it changes nothing.

    Example: flowray queues pause global
    """
    output = output_of(ctx)
    with Client(url) as client:
        output.document(client.queues.pause(queue).model_dump(mode="json"))


@app.command("resume")
def resume(ctx: typer.Context, queue: Name, url: Url = DEFAULT_URL, format: Format = None) -> None:
    """Let executions of a queue start again.

    Example: flowray queues resume global
    """
    output = output_of(ctx)
    with Client(url) as client:
        output.document(client.queues.resume(queue).model_dump(mode="json"))


def _limit(name: str, text: str) -> int | None:
    if text == "none":
        return None
    if not text.isdecimal():
        raise FlowrayError(ErrorCode.INVALID_REQUEST, f"--{name.replace('_', '-')} {text!r} is not a number or none")
    return int(text)
