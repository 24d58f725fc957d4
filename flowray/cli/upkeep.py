"""Commands that look after what is kept: delete an execution, collect what is due, look for what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from flowray.bootstrap import open_engine, open_storage, retention_policy
from flowray.cli.options import DEFAULT_URL, Format, Url, settings_from_environment
from flowray.cli.output import EXIT_FAILED, output_of
from flowray.cli.remote import ExecutionId
from flowray.client.sync_client import Client
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.migrations import upgrade
from flowray.persistence.stores import Storage
from flowray.persistence.writes import AnyResult, AnyWrite
from flowray.runtime.doctor import examine
from flowray.runtime.retention import Retention
from flowray.settings import Settings

ROUND_S = 3_600.0
"""How much later than allowed a round of retention may come before the doctor speaks of it."""


def delete(ctx: typer.Context, execution: ExecutionId, url: Url = DEFAULT_URL) -> None:
    """Delete an ended execution on a server, with all that it has called.

    Its events, logs, answers and large values go with it. One that has not ended is refused: cancel it first.

    Example: flowray delete 0192f0c1-…
    """
    with Client(url) as client:
        client.executions.delete(execution)
    output_of(ctx).note(f"deleted {execution}")


def gc(
    ctx: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    format: Format = None,
) -> None:
    """Delete executions whose time has come, and what nothing refers to.

    Works on the database itself; a running server does the same by itself, every FLOWRAY_RETENTION_EVERY_S seconds.
    How long executions are kept is set by their workflow (settings.retention) and by FLOWRAY_RETENTION_COMPLETED_S and
    FLOWRAY_RETENTION_FAILED_S; without any they are kept for ever. Settled callbacks and firings and closed shared
    waitpoints are kept for FLOWRAY_RETENTION_HISTORY_S, 30 days.

    Example: flowray gc --dry-run -o json
    """
    output = output_of(ctx)
    settings = settings_from_environment()
    storage = _open(settings)
    if not dry_run and settings.uses_sqlite and storage.reader.owners():
        raise FlowrayError(
            ErrorCode.CONFLICT, "a server runs on this SQLite database, and only it may write there",
            hint="it collects by itself; to collect now, stop it first",
        )  # fmt: skip

    async def commit(writes: Sequence[AnyWrite]) -> list[AnyResult]:
        return await asyncio.to_thread(storage.committer.commit, writes)

    retention = Retention(storage.reader, commit, storage.payloads, retention_policy(settings), storage.workspaces)
    report = asyncio.run(retention.preview() if dry_run else retention.run())
    output.document({"dry_run": dry_run, **msgspec.to_builtins(report)})


def doctor(
    ctx: typer.Context,
    older_than_s: Annotated[
        float | None,
        typer.Option("--older-than", min=0, metavar="SECONDS", help="Age from which leftovers count; 25 h by default."),
    ] = None,
    settle_s: Annotated[
        float, typer.Option("--settle", min=0, metavar="SECONDS", help="How long an execution may be between commits.")
    ] = 60.0,
    format: Format = None,
) -> None:
    """Look for what should not be; exit code 1 if there is any.

    Executions that have not ended although nothing can move them; stored values that nothing names, plans of no
    execution, owners that are long gone, and rows of limits, callbacks, triggers and waitpoints that are spent. Reads
    the database itself, also beside a running server; changes nothing.

    Example: flowray doctor -o json
    """
    output = output_of(ctx)
    settings = settings_from_environment()
    storage = _open(settings)
    age_s = settings.retention_grace_s + ROUND_S if older_than_s is None else older_than_s
    found = examine(
        storage.reader, storage.payloads, older_than_ms=round(age_s * 1_000), settle_ms=round(settle_s * 1_000),
        history_ms=round((settings.retention_history_s + ROUND_S) * 1_000),
    )  # fmt: skip
    output.document(msgspec.to_builtins(found))
    for problem in found.problems:
        output.note(f"{problem.law}: {problem.message} ({problem.hint})")
    if not found.is_well:
        raise typer.Exit(EXIT_FAILED)
    output.note("nothing is wrong")


def _open(settings: Settings) -> Storage:
    path = settings.resolved_database_url.removeprefix("sqlite:///")
    if settings.uses_sqlite and not Path(path).exists():
        raise FlowrayError(
            ErrorCode.NOT_FOUND, f"there is no database at {path}",
            hint="FLOWRAY_STATE_DIR or FLOWRAY_DATABASE_URL says where it is",
        )  # fmt: skip
    upgrade(open_engine(settings))
    return open_storage(settings)
