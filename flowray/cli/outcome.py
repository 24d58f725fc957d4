"""How a command ends once its execution has: outputs on stdout, or the error, and the exit code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer

from flowray.cli.output import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_TIMEOUT, Output
from flowray.errors import ErrorCode, FlowrayError

_EXIT_CODES = {
    "completed": EXIT_OK,
    "paused": EXIT_OK,
    "waiting": EXIT_OK,
    "timed_out": EXIT_TIMEOUT,
    "cancelled": EXIT_INTERRUPTED,
}


def finish(output: Output, execution: Mapping[str, Any], *, full: bool = False, silent: bool = False) -> None:
    """Print the outputs (``full``: the whole execution) and leave with the code of its status.

    An execution that is paused or waiting prints whole: its status and what it waits for are the answer. ``silent``
    prints nothing: everything has been printed already, event by event.
    """
    status = execution["status"]
    code = _EXIT_CODES.get(status, EXIT_FAILED)
    if not silent:
        if full or status in ("paused", "waiting"):
            output.document(execution)
        elif code == EXIT_OK:
            output.document(execution["outputs"])
        else:
            output.error(failure_of(execution))
    if code != EXIT_OK:
        raise typer.Exit(code)


def failure_of(execution: Mapping[str, Any]) -> FlowrayError:
    """Why an execution did not complete."""
    given = execution.get("error") or {}
    status = execution["status"]
    reason = execution.get("cancel_reason") or execution.get("crash_reason") or ""
    message = given.get("message") or f"the execution is {status}" + (f": {reason}" if reason else "")
    if given.get("node_id"):
        message = f"node {given['node_id']!r}, attempt {given.get('attempt') or 1}: {message}"
    code = given.get("code") or f"EXECUTION_{status.upper()}"
    known = ErrorCode(code) if code in ErrorCode.__members__ else ErrorCode.NODE_FAILED
    return FlowrayError(known, message, hint=given.get("hint"))
