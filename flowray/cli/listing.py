"""The command ``list``: executions of a server. What is done to many of them is in ``bulk``."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from flowray.cli.filters import KEYS, parse_filter
from flowray.cli.options import DEFAULT_URL, Format, Url
from flowray.cli.output import output_of
from flowray.cli.pages import all_rows
from flowray.client.sync_client import Client

COLUMNS = ("id", "status", "workflow_name", "created_at", "ended_at", "labels")


def list_executions(
    ctx: typer.Context,
    filter: Annotated[
        list[str] | None, typer.Option("--filter", metavar="KEY=VALUE", help=f"Only those with this {KEYS}.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Most rows.")] = 50,
    url: Url = DEFAULT_URL,
    format: Format = None,
) -> None:
    """List executions on a server, newest first.

    The filters are those of cancel and rerun; several are all to fit.

    Example: flowray list --filter status=failed,crashed --filter label.team=a --filter created_after=2026-01-31
    """
    output = output_of(ctx)
    with Client(url) as client:
        found = all_rows(client.executions.list, **parse_filter(filter or []))
        output.rows(list(islice(found, limit)), COLUMNS)
