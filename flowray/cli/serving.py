"""``flowray serve``: the command and its options. What it does is in ``server``; who keeps it up is in ``watchdog``."""

from __future__ import annotations

import importlib
from typing import Annotated, Any

import typer

from flowray.cli.options import Format, settings_from_environment
from flowray.cli.output import output_of
from flowray.cli.ports import free_port
from flowray.cli.watchdog import end_with_parent, watch
from flowray.settings import Settings

Port = Annotated[int | None, typer.Option("--port", min=0, max=65535, help="Of the HTTP API; 0: a free one.")]


def serve(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    port: Port = None,
    database: Annotated[str | None, typer.Option("--database", help="SQLAlchemy URL; SQLite by default.")] = None,
    state_dir: Annotated[str | None, typer.Option("--state-dir", help="Where SQLite, payloads and keys lie.")] = None,
    ray_address: Annotated[
        str | None, typer.Option("--ray-address", help="A running Ray, instead of one's own.")
    ] = None,
    dashboard: Annotated[bool | None, typer.Option("--dashboard/--no-dashboard", help="Ray's dashboard.")] = None,
    watchdog: Annotated[
        bool, typer.Option("--watchdog/--no-watchdog", help="Start everything again when Ray dies.")
    ] = True,
    restarted: Annotated[bool, typer.Option("--restarted", hidden=True)] = False,
    up_fd: Annotated[int | None, typer.Option("--up-fd", hidden=True)] = None,
    format: Format = None,
) -> None:
    """Start Ray, the workers and the HTTP API, and stay up.

    Once it answers it prints where it is (with -o json: one JSON object on stdout). SIGINT or SIGTERM stops all that
    it started. If Ray dies it is started again, under the same address, and the executions go on. Every option but the
    watchdog is also a setting: FLOWRAY_PORT, FLOWRAY_DATABASE_URL, …

    Example: flowray serve --port 8000 --database postgresql+psycopg://user@db/flowray
    """
    output = output_of(ctx)
    settings = settings_from_environment(
        host=host, port=port, database_url=database, state_dir=state_dir, ray_address=ray_address, dashboard=dashboard
    )
    if not watchdog:
        if up_fd is not None:
            end_with_parent()
        _server().serve_here(output, settings, restarted=restarted, up_fd=up_fd)
        return
    options = _options(settings, database)
    if output.format is not None:
        options += ["-o", output.format.value]
    code = watch(options, output.note)
    if code:
        raise typer.Exit(code)


def _server() -> Any:
    """The module that imports Ray: not for the watchdog, which starts at once and stays small."""
    return importlib.import_module("flowray.cli.server")


def _options(settings: Settings, database: str | None) -> list[str]:
    """Every start listens where the first one did."""
    port = settings.port or free_port(settings.host)
    options = ["--host", settings.host, "--port", str(port), "--state-dir", str(settings.state_dir)]
    if database is not None:
        options += ["--database", database]
    if settings.ray_address is not None:
        options += ["--ray-address", settings.ray_address]
    return [*options, "--dashboard" if settings.dashboard else "--no-dashboard"]
