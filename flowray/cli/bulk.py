"""What ``cancel`` and ``rerun`` do with ``--filter``: the same to many executions of a server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from flowray import wire
from flowray.cli.output import Output
from flowray.errors import ErrorCode, FlowrayError

COLUMNS = ("id", "status", "outcome", "started", "error")
EXIT_FAILED = 1

Filter = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="KEY=VALUE",
        help="Instead of EXECUTION: all with this status, workflow_id, label.NAME, created_after, created_before, id.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="With --filter: only list which ones it would be.")]
OptionalExecution = Annotated[
    str | None, typer.Argument(metavar="EXECUTION", help="The id of an execution; or --filter.", show_default=False)
]

_SINGLE = ("workflow_id", "created_after", "created_before")


def parse_filter(pairs: list[str]) -> dict[str, Any]:
    """``wire.ExecutionFilter`` from KEY=VALUE; status and id may hold commas. Raises INVALID_REQUEST."""
    wanted: dict[str, Any] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not value:
            raise FlowrayError(ErrorCode.INVALID_REQUEST, f"--filter {pair!r} is not KEY=VALUE")
        if key == "status":
            wanted.setdefault("status", []).extend(value.split(","))
        elif key == "id":
            wanted.setdefault("ids", []).extend(value.split(","))
        elif key.startswith("label."):
            wanted.setdefault("labels", {})[key.removeprefix("label.")] = value
        elif key in _SINGLE:
            wanted[key] = value
        else:
            raise FlowrayError(
                ErrorCode.INVALID_REQUEST,
                f"--filter cannot ask for {key!r}",
                hint="status, workflow_id, label.NAME, created_after, created_before, id",
            )
    return wanted


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
