"""What runs inside the sandbox process: JSON text in, JSON text out. Trusts nothing it is given, knows no node.

Failures cross the process border as plain data: exceptions of foreign libraries belong to the process they rose in.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from typing import Any

import jsonata
from jsonata.jexception import JException
from jsonata.utils import Utils

from flowray.runtime.sandbox.calls import Call, FunctionCall, JsonataCall, Outcome, ProgramCall
from flowray.runtime.sandbox.javascript import call_function, run_program

MAX_DEPTH = 500
"""Nesting of JSONata evaluation. Each level costs several Python frames; see RECURSION_LIMIT."""

RECURSION_LIMIT = 12_000
_PR_SET_PDEATHSIG = 1
_TIMED_OUT = "D1012"
_TOO_DEEP = "D1011"


def confine(memory_bytes: int) -> None:
    """Prepare a fresh process: own group, dies with its parent, no environment, bounded memory, killable at once."""
    os.setpgid(0, 0)
    # A handler in Python would never run while a regex spins in C.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.environ.clear()
    sys.setrecursionlimit(RECURSION_LIMIT)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def evaluate(call: Call) -> Outcome:
    """Whatever it is. Raises nothing that is the author's doing."""
    match call:
        case JsonataCall():
            return evaluate_jsonata(call)
        case FunctionCall():
            return call_function(call)
        case ProgramCall():
            return run_program(call)


def evaluate_jsonata(call: JsonataCall) -> Outcome:
    """Evaluate JSONata over ``data``. The runtime bounds inside catch most runaways; the caller kills for the rest."""
    try:
        compiled = jsonata.Jsonata(call.expression, timeout=call.timeout_ms, stack=MAX_DEPTH)
        frame = compiled.create_frame(compiled.environment)
        for name, value in json.loads(call.bindings).items():
            frame.bind(name, value)
        result = compiled.evaluate(json.loads(call.data), frame)
        return _outcome(result, call.output_bytes)
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
