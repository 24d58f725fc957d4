"""JavaScript in QuickJS, inside a sandbox process: function expressions and whole programs. Trusts nothing it is given.

Every call has a context of its own: nothing leaks from one to the next.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import quickjs

from flowray.runtime.sandbox.calls import FunctionCall, Outcome, Printed, ProgramCall

STACK_BYTES = 4 * 1024 * 1024
"""QuickJS's own stack; the process has 8 MiB."""

NOTHING = Printed()
NO_MEMORY = "it needs more memory than the sandbox allows"

# On one line, so that in a stack every line from the second is the author's.
_PRELUDE = " ".join(
    line.strip() for line in Path(__file__).with_name("prelude.js").read_text().splitlines() if line.strip()[:2] != "//"
)
_HEAD = "(async () => {\n"
_TAIL = "\n;return typeof result === 'undefined' ? undefined : result; })"
"""Code that runs to its end has the value of its variable ``result``, a global or one of its own."""

_PLACE = re.compile(r"<input>:(\d+):(\d+)")


def call_function(call: FunctionCall) -> Outcome:
    """Call a function expression with JSON arguments."""
    context = quickjs.Context()
    _bound(context, call.memory_bytes, call.timeout_ms)
    try:
        caller = context.eval(
            f"(text) => {{ const result = ({call.function}\n)(...JSON.parse(text)); return JSON.stringify(result); }}"
        )
        result = caller(call.arguments.decode())
    except (quickjs.JSException, quickjs.StackOverflow) as error:
        return _stopped(error)
    encoded = b"null" if result is None else str(result).encode("utf-8", errors="replace")
    return _bounded(encoded, call.output_bytes)


def run_program(call: ProgramCall) -> Outcome:
    """Run a program as the body of an async function until nothing it has started can go on."""
    context, drive = _prepared.pop() if _prepared else _fresh()
    _bound(context, call.memory_bytes, call.timeout_ms)
    ends = time.monotonic() + call.timeout_ms / 1000
    try:
        drive("run", call.names.decode(), call.roots.decode(), _HEAD + call.code + _TAIL, call.printed_chars)
        while context.execute_pending_job():
            if time.monotonic() > ends:
                return Outcome(problem="timeout", printed=_printed(json.loads(drive("report"))))
        report = json.loads(drive("report"))
        if report["state"] == "failed":
            return _failed(report, call.code)
        if report["state"] == "running":
            message = "it waits for a promise that nothing here will ever settle"
            return Outcome(problem="error", message=message, error="Error", printed=_printed(report))
        encoded = str(drive("value")).encode("utf-8", errors="replace")
    except (quickjs.JSException, quickjs.StackOverflow) as error:
        return _stopped(error)
    return _bounded(encoded, call.output_bytes, _printed(report))


def prepare() -> None:
    """Make the context of the next program, while nobody waits: it takes ten times as long as a small program."""
    if not _prepared:
        _prepared.append(_fresh())


_prepared: list[tuple[quickjs.Context, Any]] = []
"""At most one, that nothing has run in yet."""


def _fresh() -> tuple[quickjs.Context, Any]:
    context = quickjs.Context()
    return context, context.eval(_PRELUDE)


def _bound(context: quickjs.Context, memory_bytes: int, timeout_ms: int) -> None:
    context.set_memory_limit(memory_bytes)
    context.set_time_limit(timeout_ms / 1000)
    context.set_max_stack_size(STACK_BYTES)


def _bounded(encoded: bytes, limit: int, printed: Printed = NOTHING) -> Outcome:
    if len(encoded) > limit:
        return Outcome(problem="too_large", message=str(len(encoded)), printed=printed)
    return Outcome(encoded, printed=printed)


def _stopped(error: Exception) -> Outcome:
    """Of what QuickJS itself ends, and of a function that throws."""
    if isinstance(error, quickjs.StackOverflow):
        return Outcome(problem="error", message="too much recursion", error="RangeError")
    message = str(error).strip().split("\n")[0]
    if "interrupted" in message:
        return Outcome(problem="timeout")
    if "out of memory" in message:
        message = NO_MEMORY
    return Outcome(problem="error", message=message)


def _failed(report: dict[str, str], code: str) -> Outcome:
    if report["name"] == "InternalError" and "out of memory" in report["message"]:
        return Outcome(problem="error", message=NO_MEMORY, error="InternalError", printed=_printed(report))
    places = [(int(line), int(column)) for line, column in _PLACE.findall(report["stack"])]
    line, column = next((place for place in places if place[0] > 1), (0, 0))
    if line:
        # What is missing at the end is found after it.
        line = min(line - 1, code.count("\n") + 1)
    return Outcome(
        problem="error",
        message=report["message"],
        error=report["name"],
        line=line,
        column=column,
        printed=_printed(report),
    )


def _printed(report: dict[str, str]) -> Printed:
    return Printed(report["stdout"], report["stderr"])
