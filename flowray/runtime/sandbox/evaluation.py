"""What runs inside the sandbox process: JSON text in, JSON text out. Trusts nothing it is given, knows no node.

Failures cross the process border as plain data, because exceptions of foreign libraries do not all survive pickling.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from dataclasses import dataclass
from typing import Any

import jsonata
import quickjs
from jsonata.jexception import JException
from jsonata.utils import Utils

MAX_DEPTH = 500
"""Nesting of JSONata evaluation. Each level costs several Python frames; see RECURSION_LIMIT."""

RECURSION_LIMIT = 12_000
STACK_BYTES = 4 * 1024 * 1024
"""QuickJS's own stack; the process has 8 MiB."""

_PR_SET_PDEATHSIG = 1
_TIMED_OUT = "D1012"
_TOO_DEEP = "D1011"


@dataclass(frozen=True)
class Outcome:
    """``value`` is JSON text if ``problem`` is None; ``problem`` is ``error``, ``timeout`` or ``too_large``."""

    value: bytes = b"null"
    problem: str | None = None
    message: str = ""


@dataclass(frozen=True)
class SandboxLimits:
    """Bounds of one sandbox process, in bytes; ``expression_chars`` bounds the source text."""

    memory_bytes: int = 1024 * 1024 * 1024
    output_bytes: int = 64 * 1024 * 1024
    expression_chars: int = 100_000


def confine(memory_bytes: int) -> None:
    """Prepare a fresh process: own group, dies with its parent, no environment, bounded memory, killable at once."""
    os.setpgid(0, 0)
    # pebble's workers end on SIGTERM through a Python handler, which never runs while a regex spins in C.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.environ.clear()
    sys.setrecursionlimit(RECURSION_LIMIT)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def evaluate_jsonata(expression: str, data: bytes, bindings: bytes, timeout_ms: int, output_bytes: int) -> Outcome:
    """Evaluate JSONata over ``data``. The runtime bounds inside catch most runaways; the caller kills for the rest."""
    try:
        compiled = jsonata.Jsonata(expression, timeout=timeout_ms, stack=MAX_DEPTH)
        frame = compiled.create_frame(compiled.environment)
        for name, value in json.loads(bindings).items():
            frame.bind(name, value)
        result = compiled.evaluate(json.loads(data), frame)
        return _outcome(result, output_bytes)
    except JException as error:
        if error.error == _TIMED_OUT:
            return Outcome(problem="timeout")
        message = "the expression is nested too deeply" if error.error == _TOO_DEEP else str(error)
        return Outcome(problem="error", message=f"{message} ({error.error})")
    except RecursionError:
        return Outcome(problem="error", message="the expression is nested too deeply")
    except MemoryError:
        return Outcome(problem="error", message="the expression needs more memory than the sandbox allows")
    except Exception as error:
        # The library raises Python's own errors for some wrong expressions; they are the author's all the same.
        return Outcome(problem="error", message=f"{type(error).__name__}: {error}")


def _outcome(result: Any, output_bytes: int) -> Outcome:
    try:
        encoded = json.dumps(result, default=_plain, separators=(",", ":"), ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        return Outcome(problem="error", message=f"the result is not JSON: {error}")
    if len(encoded) > output_bytes:
        return Outcome(problem="too_large", message=str(len(encoded)))
    return Outcome(encoded)


def _plain(value: Any) -> Any:
    if value is Utils.NULL_VALUE:
        return None
    if isinstance(value, Utils.JList | range):
        return list(value)
    raise TypeError(
        "it is a function" if callable(value) or hasattr(value, "body") else f"it has a {type(value).__name__}"
    )


def evaluate_javascript(
    function: str, arguments: bytes, timeout_ms: int, memory_bytes: int, output_bytes: int
) -> Outcome:
    """Call a JavaScript function expression. A new context per call: nothing leaks from one expression to the next."""
    context = quickjs.Context()
    context.set_memory_limit(memory_bytes)
    context.set_time_limit(timeout_ms / 1000)
    context.set_max_stack_size(STACK_BYTES)
    try:
        caller = context.eval(
            f"(text) => {{ const result = ({function}\n)(...JSON.parse(text)); return JSON.stringify(result); }}"
        )
        result = caller(arguments.decode())
    except quickjs.StackOverflow:
        return Outcome(problem="error", message="too much recursion")
    except quickjs.JSException as error:
        message = str(error).strip().split("\n")[0]
        if "interrupted" in message:
            return Outcome(problem="timeout")
        if "out of memory" in message:
            message = "the expression needs more memory than the sandbox allows"
        return Outcome(problem="error", message=message)
    encoded = b"null" if result is None else str(result).encode("utf-8", errors="replace")
    if len(encoded) > output_bytes:
        return Outcome(problem="too_large", message=str(len(encoded)))
    return Outcome(encoded)
