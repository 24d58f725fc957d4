"""Commands for connections: making them, looking at them, trying them. They talk to a server."""

from __future__ import annotations

import importlib
from typing import Annotated

import typer

from flowray.cli.options import DEFAULT_URL, Format, Url, read_text
from flowray.cli.output import output_of
from flowray.client.sync_client import Client
from flowray.errors import ErrorCode, FlowrayError

COLUMNS = ("name", "kind", "provider", "secret_names", "expires_at", "updated_at")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The connection, as nodes name it.")]

app = typer.Typer(no_args_is_help=True, help="Keep accounts at other services, for nodes to use by name.")


def _pairs(given: list[str] | None, option: str, *, from_files: bool) -> dict[str, str]:
    """``NAME=VALUE`` each; ``@FILE`` and ``-`` as a value are read from there: a secret stays out of the history."""
    found: dict[str, str] = {}
    for pair in given or ():
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise FlowrayError(ErrorCode.INVALID_REQUEST, f"{option} takes NAME=VALUE, of which one part is missing")
        if from_files and (value == "-" or value.startswith("@")):
            value = read_text(value.removeprefix("@")).strip()
        found[name] = value
    return found


@app.command("add")
def add(
    ctx: typer.Context,
    name: Name,
    kind: Annotated[
        str, typer.Option("--kind", help="api_key, basic, bearer, oauth2, database, custom or sandbox.")
    ] = "bearer",
    provider: Annotated[str, typer.Option("--provider", help="Whose account it is, such as slack.")] = "",
    field: Annotated[
        list[str] | None, typer.Option("--field", metavar="NAME=VALUE", help="What may be shown, such as base_url.")
    ] = None,
    secret: Annotated[
        list[str] | None,
        typer.Option("--secret", metavar="NAME=VALUE|@FILE|-", help="What may not; @FILE and - read it from there."),
    ] = None,
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """Make a connection; its secrets are kept encrypted and never given out.

    Example: flowray connections add team --provider slack --secret token=@token.txt
    """
    output = output_of(ctx)
    fields = _pairs(field, "--field", from_files=False)
    secrets = _pairs(secret, "--secret", from_files=True)
    with Client(url) as client:
        made = client.connections.make(name, kind, provider=provider, fields=fields, secrets=secrets)
        output.document(made.model_dump(mode="json"))


@app.command("list")
def list_(ctx: typer.Context, url: Url = DEFAULT_URL, format: Format = None) -> None:
    """List connections, without their secrets.

    Example: flowray connections list -o json
    """
    output = output_of(ctx)
    with Client(url) as client:
        output.rows([connection.model_dump(mode="json") for connection in client.connections.list()], COLUMNS)


@app.command("show")
def show(ctx: typer.Context, name: Name, url: Url = DEFAULT_URL, format: Format = None) -> None:
    """Show one connection, without its secrets.

    Example: flowray connections show team
    """
    output = output_of(ctx)
    with Client(url) as client:
        output.document(client.connections.get(name).model_dump(mode="json"))


@app.command("remove")
def remove(ctx: typer.Context, name: Name, url: Url = DEFAULT_URL, format: Format = None) -> None:
    """Delete a connection; nodes that name it fail from then on.

    Example: flowray connections remove team
    """
    output = output_of(ctx)
    with Client(url) as client:
        client.connections.delete(name)
    output.document({"deleted": name})


@app.command("test")
def try_(ctx: typer.Context, name: Name, url: Url = DEFAULT_URL, format: Format = None) -> None:
    """Try a connection: exit code 1 if it does not open, gets no token, or its provider refuses it.

    Example: flowray connections test team
    """
    output = output_of(ctx)
    with Client(url) as client:
        found = client.connections.test(name)
    output.document(found.model_dump(mode="json"))
    if not found.ok:
        raise typer.Exit(1)


@app.command("key")
def key(ctx: typer.Context, format: Format = None) -> None:
    """Print a new encryption key; to change keys, put it before the old one in FLOWRAY_ENCRYPTION_KEY.

    Example: flowray connections key
    """
    # Loaded by name: no other command needs the library behind it.
    sealing = importlib.import_module("flowray.persistence.connections.sealing")
    output_of(ctx).document({"key": sealing.new_key()})
