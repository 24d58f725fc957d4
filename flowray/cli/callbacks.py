"""Commands for callbacks: what starters of executions were told, telling it again, and the secret that signs."""

from __future__ import annotations

from typing import Annotated

import typer

from flowray.bootstrap import callback_secret
from flowray.cli.options import DEFAULT_URL, Format, Url
from flowray.cli.output import output_of
from flowray.client.sync_client import Client
from flowray.settings import load_settings

COLUMNS = ("id", "event", "status", "attempts", "last_status", "last_error", "url")

app = typer.Typer(no_args_is_help=True, help="See what starters of executions were told, and tell it again.")


@app.command("list")
def list_(
    ctx: typer.Context,
    status: Annotated[str | None, typer.Option("--status", help="pending, delivered or given_up.")] = None,
    execution: Annotated[str | None, typer.Option("--execution", help="Only those of this execution.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="Most rows.")] = 50,
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """List callbacks, newest first.

    Example: flowray callbacks list --status given_up
    """
    output = output_of(ctx)
    with Client(url) as client:
        page = client.callbacks.list(status=status, execution_id=execution, limit=limit)
    output.rows([callback.model_dump(mode="json") for callback in page.data], COLUMNS)


@app.command("redeliver")
def redeliver(
    ctx: typer.Context,
    callback: Annotated[str, typer.Argument(metavar="CALLBACK", help="The id of a callback.")],
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """Deliver a callback again, with the same id.

    Example: flowray callbacks redeliver cb_0192f0c1-…_7
    """
    output = output_of(ctx)
    with Client(url) as client:
        again = client.callbacks.redeliver(callback)
    output.document(again.model_dump(mode="json"))


@app.command("secret")
def secret(ctx: typer.Context, format: Format = None) -> None:
    """Print the secret with which receivers verify callbacks; read from this machine's settings, not from a server.

    Example: flowray callbacks secret
    """
    output_of(ctx).document({"secret": callback_secret(load_settings())})
