"""Runs inside a process of its own that somebody else confines: one program in CPython or a shell, then the end.

Imports nothing but the standard library, for it is given to an interpreter as text. Its first argument is the
descriptor that the result goes to; the request is JSON on its standard input, which is empty for the program.
"""

import ast
import asyncio
import ctypes
import json
import math
import os
import resource
import signal
import sys
import traceback
from collections.abc import Iterable, Iterator
from typing import Any

FILE = "<code>"
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def limit(request: dict[str, Any]) -> None:
    """Bounds that everything which is started from here inherits; dies with its parent."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    for kind, most in (
        (resource.RLIMIT_AS, request["address_space"]),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, request["file_bytes"]),
        (resource.RLIMIT_CPU, request["cpu_s"]),
        (resource.RLIMIT_NOFILE, 256),
    ):
        resource.setrlimit(kind, (most, most))


def own_parts(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All nodes of the module but those inside functions and classes of its own."""
    for node in nodes:
        yield node
        if not isinstance(node, _SCOPES):
            yield from own_parts(ast.iter_child_nodes(node))


def run(code: str, names: dict[str, Any]) -> Any:
    """The value of the program: what it returns, else its variable ``result``."""
    tree = ast.parse(code, FILE)
    parts = list(own_parts(tree.body))
    awaits = any(isinstance(part, (ast.Await, ast.AsyncFor, ast.AsyncWith)) for part in parts)
    if not awaits and not any(isinstance(part, ast.Return) for part in parts):
        values = {"__name__": "__main__", **names}
        exec(compile(tree, FILE, "exec"), values)
        return values.get("result")
    # As the body of a function, with what it is given as parameters: lines and columns stay as they are.
    head = "async def" if awaits else "def"
    module = ast.parse(f"{head} __program__({', '.join(names)}):\n return locals().get('result')")
    function: Any = module.body[0]
    function.body = [*tree.body, *function.body]
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(module, FILE, "exec"), scope)
    outcome = scope["__program__"](**names)
    return asyncio.run(outcome) if awaits else outcome


def plain(value: Any) -> Any:
    """What JSON has no word for."""
    if isinstance(value, (set, frozenset)):
        return list(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "as_tuple"):
        return str(value)
    raise TypeError(f"the result is not JSON: it has a {type(value).__name__}")


def finite(value: Any) -> Any:
    """Without the numbers that JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    return [finite(item) for item in value] if isinstance(value, (list, tuple)) else value


def encoded(value: Any) -> str:
    """JSON text."""
    try:
        return json.dumps(value, default=plain, allow_nan=False)
    except ValueError:
        return json.dumps(finite(value), default=plain, allow_nan=False)


def report(error: BaseException) -> dict[str, Any]:
    """What went wrong, and in which line of the author's."""
    line = column = 0
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == FILE:
            line, column = frame.lineno or 0, (frame.colno or 0) + 1
    if isinstance(error, SyntaxError) and error.filename == FILE:
        line, column = error.lineno or 0, error.offset or 0
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return {"error": type(error).__name__, "message": message, "line": line, "column": column}


def main() -> None:
    """Read, confine, run, tell."""
    request = json.loads(sys.stdin.buffer.read())
    result = int(sys.argv[1])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    limit(request)
    if request["language"] == "shell":
        os.execve("/bin/sh", ["sh", "-c", request["code"]], {**os.environ, **request["environment"]})
    try:
        answer = f'{{"value": {encoded(run(request["code"], request["names"]))}}}'
    except MemoryError:
        answer = json.dumps({"error": "MemoryError", "message": "it needs more memory than the sandbox allows"})
    except SystemExit as ended:
        answer = "{}" if ended.code in (None, 0) else json.dumps({"error": "SystemExit", "message": str(ended.code)})
    except BaseException as error:
        answer = json.dumps(report(error))
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with os.fdopen(result, "wb") as out:
        out.write(answer.encode())


main()
