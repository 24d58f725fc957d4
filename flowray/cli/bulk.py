"""What ``cancel`` and ``rerun`` do with ``--filter``: the same to many executions of a server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from flowray import wire
from flowray.cli.filters import KEYS, parse_filter
from flowray.cli.output import Output
from flowray.errors import ErrorCode, FlowrayError

COLUMNS = ("id", "status", "outcome", "started", "error")
EXIT_FAILED = 1

Filter = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="KEY=VALUE",
        help=f"Instead of EXECUTION: all with this {KEYS}.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="With --filter: only list which ones it would be.")]
OptionalExecution = Annotated[
    str | None, typer.Argument(metavar="EXECUTION", help="The id of an execution; or --filter.", show_default=False)
]


def one_or_many(execution: str | None, filters: list[str] | None, dry_run: bool) -> dict[str, Any] | None:
    """The filter, or None where one execution is meant. Raises INVALID_REQUEST unless exactly one of both is given."""
    if (execution is None) == (not filters):
        raise FlowrayError(ErrorCode.INVALID_REQUEST, "give either the id of an execution or --filter")
    if dry_run and not filters:
        raise FlowrayError(ErrorCode.INVALID_REQUEST, "--dry-run needs --filter")
    return parse_filter(filters) if filters else None


def show(output: Output, items: Iterable[wire.BulkItem]) -> None:
    """One row for each execution. Exits with 1 if some could not be run again."""
    rows = [item.model_dump(mode="json") for item in items]
    output.rows(rows, COLUMNS)
    failed = sum(row["outcome"] == "failed" for row in rows)
    output.note(f"{len(rows)} executions, {failed} of them failed")
    if failed:
        raise typer.Exit(EXIT_FAILED)
