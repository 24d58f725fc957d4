"""Python in Monty, an interpreter of a part of Python that has no host to escape to. Its processes are Monty's own.

What the library's workers do not notice themselves ends with them: they are killed when their time is up.
"""

from __future__ import annotations

import builtins
import datetime
import keyword
import math
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from flowray.handlers.extras import load_extra
from flowray.handlers.programs import Program, ProgramResult
from flowray.runtime.sandbox.calls import Outcome, Printed, SandboxLimits
from flowray.runtime.sandbox.results import program_result
from flowray.values import Json, encode_json

GRACE_S = 0.2
"""How much later than the bound inside a process its kill comes."""

_TAIL = "\nresult"
"""Code that runs to its end has the value of its variable ``result``: the last expression of what Monty is fed."""

_WORD = re.compile(r"[^\W\d]\w*")
_NO_MEMORY = "it needs more memory than the sandbox allows"
_NO_SLEEP = "sleep is not available here: a wait node waits"


class MontyPython:
    """Up to ``most`` workers, started at first use. Needs the extra ``python-sandbox``."""

    def __init__(self, most: int, limits: SandboxLimits) -> None:
        self._most = most
        self._limits = limits
        self._pool: Any = None

    async def program(self, program: Program) -> ProgramResult:
        """As ProgramRunner says. Its time includes that of waiting for a worker, which is why none waits for long."""
        library = load_extra("pydantic_monty", "python-sandbox")
        if self._pool is None:
            self._pool = library.AsyncMonty(
                min_processes=0, max_processes=self._most, feed_duration_limit_grace=GRACE_S,
                turn_duration_limit_grace=GRACE_S,
            )  # fmt: skip
            await self._pool.__aenter__()
        limits = {
            "max_feed_duration_secs": program.timeout_ms / 1000,
            "max_memory": program.memory_bytes,
            "max_total_sleep_secs": 0.0,
        }
        printed = _Printer(self._limits.printed_chars)
        async with self._pool.checkout(limits=limits) as session:
            began = time.monotonic()
            try:
                value = await session.feed_run(
                    program.code + _TAIL, inputs=given(program), external_lookup={"result": None},
                    print_callback=printed.write,
                )  # fmt: skip
                outcome = self._outcome(value, program, printed)
            except library.MontyCrashedError as error:
                outcome = _crashed(error, printed)
            except library.MontyError as error:
                outcome = _failed(error, printed)
            elapsed_ms = (time.monotonic() - began) * 1000
        return program_result(outcome, program, elapsed_ms)

    def _outcome(self, value: Any, program: Program, printed: _Printer) -> Outcome:
        try:
            encoded = encode_json(plain(value))
        except (TypeError, ValueError, RecursionError, OverflowError) as error:
            message = f"the result is not JSON: {error}"
            return Outcome(problem="error", message=message, error="TypeError", printed=printed.kept)
        if len(encoded) > min(program.output_bytes, self._limits.output_bytes):
            return Outcome(problem="too_large", message=str(len(encoded)), printed=printed.kept)
        return Outcome(encoded, printed=printed.kept)

    async def aclose(self) -> None:
        """End the workers. Safe to repeat."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.__aexit__(None, None, None)


class _Printer:
    """Takes what a program prints, up to a limit for each stream."""

    def __init__(self, limit: int) -> None:
        self._left = {"stdout": limit, "stderr": limit}
        self._texts = {"stdout": "", "stderr": ""}

    @property
    def kept(self) -> Printed:
        """So far."""
        return Printed(**self._texts)

    def write(self, stream: str, text: str) -> None:
        left = self._left[stream]
        if left > 0:
            self._texts[stream] += text if len(text) <= left else text[:left] + "…"
        self._left[stream] = left - len(text)


def given(program: Program) -> dict[str, Json]:
    """The globals of a Python program: no more than its text can name, and nothing in place of what Python has."""
    words = set(_WORD.findall(program.code))
    values: dict[str, Json] = {
        name: value for name, value in program.names.items() if name in words and _may_be_global(name)
    }
    names = dict(program.names)
    values |= {name: names for name in ("inputs", "variables", "context") if name in words}
    return values | {name: value for name, value in program.roots.items() if name in words}


def _may_be_global(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name) and not hasattr(builtins, name)


_PLAIN: dict[type, Callable[[Any], Json]] = {
    set: lambda value: [plain(item) for item in value],
    frozenset: lambda value: [plain(item) for item in value],
    tuple: lambda value: [plain(item) for item in value],
    list: lambda value: [plain(item) for item in value],
    dict: lambda value: {key if isinstance(key, str) else str(key): plain(item) for key, item in value.items()},
    float: lambda value: value if math.isfinite(value) else None,
    datetime.datetime: lambda value: value.isoformat(),
    datetime.date: lambda value: value.isoformat(),
    datetime.timedelta: lambda value: value.total_seconds(),
}


def plain(value: Any) -> Json:
    """A result as JSON: sets and tuples as lists, times as ISO 8601, objects as what they hold. Raises TypeError."""
    if value is None or isinstance(value, str | bool | int):
        return value
    convert = _PLAIN.get(type(value))
    if convert is not None:
        return convert(value)
    attributes = getattr(value, "attributes", None)
    if isinstance(attributes, Mapping):
        return {str(name): plain(item) for name, item in attributes.items()}
    raise TypeError(f"it has a {type(value).__name__}")


def _failed(error: Any, printed: _Printer) -> Outcome:
    inner = error.exception()
    message = error.display("msg") if hasattr(error, "display") else str(inner)
    if isinstance(inner, TimeoutError) and "time limit exceeded" in message:
        return Outcome(problem="timeout", printed=printed.kept)
    if isinstance(inner, TimeoutError) and message.startswith("sleep limit"):
        message = _NO_SLEEP
    if isinstance(inner, MemoryError):
        message = _NO_MEMORY
    frames = error.traceback() if hasattr(error, "traceback") else []
    line, column = (frames[-1].line, frames[-1].column) if frames else (0, 0)
    return Outcome(
        problem="error", message=message, error=type(inner).__name__, line=line, column=column, printed=printed.kept
    )


def _crashed(error: Any, printed: _Printer) -> Outcome:
    if getattr(error, "timed_out", False):
        return Outcome(problem="timeout", printed=printed.kept)
    return Outcome(problem="error", message=f"the sandbox process died ({error}); out of memory?", printed=printed.kept)
