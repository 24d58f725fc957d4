"""The command that sets crashed executions on a server going again."""

from __future__ import annotations

import typer

from flowray.cli.options import DEFAULT_URL, Format, Url
from flowray.cli.output import output_of
from flowray.cli.remote import ExecutionId
from flowray.client.sync_client import Client


def redrive(ctx: typer.Context, execution: ExecutionId, url: Url = DEFAULT_URL, format: Format = None) -> None:
    """Let a crashed execution on a server go on.

    It goes on where its log ends: what was completed stays. Repeating it changes nothing.

    Example: flowray redrive 0192f0c1-…
    """
    output = output_of(ctx)
    with Client(url) as client:
        redriven = client.executions.redrive(execution)
    output.document({"id": redriven.id, "status": redriven.status})
    output.note(f"follow it with: flowray watch {redriven.id} --after {max(redriven.last_seq - 1, 0)}")
