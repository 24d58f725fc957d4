"""Commands for named limits: what they are, who is under them, changing them. They talk to a server."""

from __future__ import annotations

from typing import Annotated

import typer

from flowray.cli.options import DEFAULT_URL, Format, Url
from flowray.cli.output import output_of
from flowray.client.sync_client import Client

COLUMNS = ("name", "rpm", "tpm", "concurrency", "used", "waiting", "paused_until")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The limit, as nodes name it; a provider's is its name.")]

app = typer.Typer(no_args_is_help=True, help="Limit how much of a resource all executions may use.")


@app.command("list")
def list_(ctx: typer.Context, url: Url = DEFAULT_URL, format: Format = None) -> None:
    """List named limits, with how many attempts run under each and wait for it.

    Example: flowray limits list -o json
    """
    output = output_of(ctx)
    with Client(url) as client:
        output.rows([limit.model_dump(mode="json") for limit in client.limits.list()], COLUMNS)


@app.command("get")
def get(ctx: typer.Context, name: Name, url: Url = DEFAULT_URL, format: Format = None) -> None:
    """Show one limit, with the attempts that run under it and wait for it.

    Example: flowray limits get openai
    """
    output = output_of(ctx)
    with Client(url) as client:
        output.document(client.limits.get(name).model_dump(mode="json"))


@app.command("set")
def set_(
    ctx: typer.Context,
    name: Name,
    rpm: Annotated[int | None, typer.Option("--rpm", help="Attempts that start in a minute.")] = None,
    tpm: Annotated[int | None, typer.Option("--tpm", help="Tokens that language models spend in a minute.")] = None,
    concurrency: Annotated[int | None, typer.Option("--concurrency", help="Attempts that run at a time.")] = None,
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """Define a limit or change it; what is left out is not bounded.

    It holds at once, for attempts that have not started.

    Example: flowray limits set openai --rpm 500 --concurrency 20
    """
    output = output_of(ctx)
    with Client(url) as client:
        output.document(client.limits.set(name, rpm=rpm, tpm=tpm, concurrency=concurrency).model_dump(mode="json"))


@app.command("delete")
def delete(ctx: typer.Context, name: Name, url: Url = DEFAULT_URL, format: Format = None) -> None:
    """Delete a limit; whoever waits for it goes on.

    Example: flowray limits delete openai
    """
    output = output_of(ctx)
    with Client(url) as client:
        client.limits.delete(name)
    output.document({"deleted": name})
