"""What ``flowray serve`` runs: everything on this machine, until it is told to stop or Ray dies."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

from flowray.cli.instance import Instance, start_instance
from flowray.cli.output import Output, OutputFormat
from flowray.cli.watchdog import EXIT_RAY_DIED, STOP_SIGNALS, tell_up
from flowray.settings import Settings

LOOK_S = 1.0
"""How often it is looked whether Ray is alive."""


def serve_here(output: Output, settings: Settings, *, restarted: bool = False, up_fd: int | None = None) -> None:
    """Start everything from this process, and stay up until a signal, or until Ray dies.

    ``restarted``: the facts were printed by the first start. ``up_fd``: whom to tell that requests are answered.
    """
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
        tell_up(up_fd)
        if restarted:
            output.note(f"answers again at {instance.url}")
        else:
            _print_facts(output, instance)
        while not stop_asked.wait(LOOK_S):
            if not instance.is_up():
                _leave_dead_ray(output)
    except _StopRequested:
        pass
    finally:
        # A second signal while stopping must not leave half of it running.
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        instance.stop(output.note)
    output.note("stopped")


def _leave_dead_ray(output: Output) -> None:
    """Nothing of a Ray that has lost a part can be stopped in order; what is left of it ends with this process."""
    output.note("Ray has died")
    sys.stdout.flush()
    os._exit(EXIT_RAY_DIED)


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
        f"  code             shell and unconfined Python {facts['trusted_code']}",
    ]
    if facts["dashboard"]:
        lines += [
            f"  Ray dashboard    {facts['dashboard']}",
            f"  its token        printed by: {facts['dashboard_token_command']}",
        ]
    return lines
