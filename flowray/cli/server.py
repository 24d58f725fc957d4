"""``flowray serve``: everything on this machine, until it is told to stop."""

from __future__ import annotations

import signal
import threading
from typing import Annotated, Any

import typer

from flowray.cli.instance import Instance, start_instance
from flowray.cli.options import Format, settings_from_environment
from flowray.cli.output import Output, OutputFormat, output_of

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

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
    format: Format = None,
) -> None:
    """Start Ray, the workers and the HTTP API, and stay up.

    Once it answers it prints where it is (with -o json: one JSON object on stdout). SIGINT or SIGTERM stops all that
    it started. Every option is also a setting: FLOWRAY_PORT, FLOWRAY_DATABASE_URL, …

    Example: flowray serve --port 8000 --database postgresql+psycopg://user@db/flowray
    """
    output = output_of(ctx)
    settings = settings_from_environment(
        host=host, port=port, database_url=database, state_dir=state_dir, ray_address=ray_address, dashboard=dashboard
    )
    stop_asked = threading.Event()

    def listen() -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, _stopper(stop_asked))

    listen()
    try:
        instance = start_instance(settings, output.note, on_connected=listen)
    except _StopRequested:
        output.note("stopped while starting")
        return
    try:
        _print_facts(output, instance)
        stop_asked.wait()
    except _StopRequested:
        pass
    finally:
        # A second signal while stopping must not leave half of it running.
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        instance.stop(output.note)
    output.note("stopped")


class _StopRequested(BaseException):
    """Raised by the signal handler in the main thread, wherever it is."""


def _stopper(stop_asked: threading.Event) -> Any:
    def stop(_number: int, _frame: object) -> None:
        if not stop_asked.is_set():
            stop_asked.set()
            raise _StopRequested

    return stop


def _print_facts(output: Output, instance: Instance) -> None:
    facts = instance.facts()
    if output.format in (OutputFormat.JSON, OutputFormat.JSONL):
        output.format = OutputFormat.JSONL
        output.document(facts)
        return
    for line in fact_lines(facts):
        output.note(line)
    output.note("Ctrl-C stops it")


def fact_lines(facts: dict[str, Any]) -> list[str]:
    """The facts for people."""
    lines = [
        f"flowray {facts['version']} answers at {facts['url']}",
        f"  API description  {facts['docs']}",
        f"  database         {facts['database']}",
        f"  durability       {facts['durability']}",
        f"  HTTP nodes       private and loopback addresses {facts['private_targets']}",
    ]
    if facts["dashboard"]:
        lines += [
            f"  Ray dashboard    {facts['dashboard']}",
            f"  its token        printed by: {facts['dashboard_token_command']}",
        ]
    return lines
