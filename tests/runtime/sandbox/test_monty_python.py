"""Python in Monty: values, errors with their line, and nothing to escape to or to exhaust."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from flowray.errors import FlowrayError
from flowray.handlers.programs import Program
from flowray.runtime.sandbox.calls import SandboxLimits
from flowray.runtime.sandbox.monty_python import MontyPython, given, plain
from tests.runtime.sandbox.waiting import until

pytest.importorskip("pydantic_monty", reason="the extra python-sandbox is not installed")

MIB = 1024 * 1024


@pytest.fixture
async def monty() -> AsyncIterator[MontyPython]:
    made = MontyPython(2, SandboxLimits(printed_chars=100))
    yield made
    await made.aclose()
    await made.aclose()


def python(code: str, **more: Any) -> Program:
    return Program("python", code, engine="monty", **{"timeout_ms": 10_000, "memory_bytes": 64 * MIB} | more)


async def failing(monty: MontyPython, code: str, **more: Any) -> FlowrayError:
    with pytest.raises(FlowrayError) as caught:
        await monty.program(python(code, **more))
    return caught.value


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("return inputs['a'] + variables['a'] + a", 6), ("result = a * 2", 4), ("x = 1", None), ("return", None),
        ("a = a + 1\nreturn a", 3), ("async def f():\n    return 3\nreturn await f()", 3),
        ("import json, math\nreturn json.loads('[1]') + [math.floor(2.5)]", [1, 2]),
        ("return {'s': {1}, 't': (1, 2), 'n': float('inf'), 'big': 2 ** 70}",
         {"s": [1], "t": [1, 2], "n": None, "big": 2**70}),
        ("import datetime\nreturn datetime.date(2026, 1, 2)", "2026-01-02"),
        ("if a > 1:\n    return 'more'\nreturn 'less'  # done", "more"), ("return max(1, 2)", 2),
        ("class P:\n    def __init__(self):\n        self.x = 1\nreturn P()", {"x": 1}), ("return shared['k']", 9),
    ],
)  # fmt: skip
async def test_values(monty: MontyPython, code: str, expected: Any) -> None:
    names = {"a": 2, "max": 1, "not a name": 3}
    assert (await monty.program(python(code, names=names, roots={"shared": {"k": 9}}))).value == expected


async def test_what_is_printed(monty: MontyPython) -> None:
    code = "import sys\nprint('out', 1)\nprint('bad', file=sys.stderr)\nprint('x' * 500)\nreturn 1"
    result = await monty.program(python(code))
    assert result.stdout.startswith("out 1\nxxx")
    assert (len(result.stdout), result.stdout[-1], result.stderr) == (101, "…", "bad\n")


@pytest.mark.parametrize(
    ("code", "error", "line", "message"),
    [
        ("def f(x):\n    return x / 0\nf(1)", "ZeroDivisionError", 2, "division by zero"),
        ("\nx = (", "SyntaxError", 3, "EOF"),
        ("return missing", "NameError", 1, "missing"),
        ("import subprocess", "ModuleNotFoundError", 1, "subprocess"),
        ("import os\nreturn os.environ", "RuntimeError", 2, "not supported"),
        ("return open('/etc/passwd').read()", "PermissionError", 1, "denied"),
        ("return ().__class__.__bases__[0].__subclasses__()", "AttributeError", 1, "__class__"),
        ("import socket", "ModuleNotFoundError", 1, "socket"),
        ("import time\ntime.sleep(60)", "TimeoutError", 2, "a wait node"),
        ("def f():\n    return f()\nf()", "RecursionError", 2, "recursion"),
        ("x = []\nwhile True:\n    x.append('a' * 1000000)", "MemoryError", 3, "more memory than the sandbox allows"),
        ("return [0] * 10 ** 9", "MemoryError", 1, "more memory"), ("return pow(3, 10 ** 9)", "MemoryError", 1, "more"),
    ],
)  # fmt: skip
async def test_escapes_exhaustion_and_mistakes(
    monty: MontyPython, code: str, error: str, line: int, message: str
) -> None:
    found = await failing(monty, code)
    assert found.code == "EXPRESSION_ERROR"
    assert found.details.get("error") == error
    assert found.details.get("line", 0) in (line, 0)
    assert message in found.message
    assert (await monty.program(python("return 1"))).value == 1


@pytest.mark.parametrize(
    "code",
    ["while True: pass", "sum(range(10 ** 12))",
     "while True:\n    try:\n        while True: pass\n    except BaseException: pass"],
)  # fmt: skip
async def test_what_does_not_end_is_stopped(monty: MontyPython, code: str) -> None:
    found = await failing(monty, code, timeout_ms=200)
    assert found.code == "EXPRESSION_TIMEOUT"
    assert (await monty.program(python("return 1"))).value == 1


async def test_a_catastrophic_regex_ends(monty: MontyPython) -> None:
    found = await failing(monty, "import re\nre.search(r'(?=(a+)+b)\\1', 'a' * 40 + '!')", timeout_ms=2_000)
    assert found.code in ("EXPRESSION_ERROR", "EXPRESSION_TIMEOUT")


async def test_a_large_value(monty: MontyPython) -> None:
    assert (await failing(monty, "return 'x' * 100", output_bytes=50)).code == "OUTPUT_TOO_LARGE"


async def test_nothing_is_left_for_the_next_program(monty: MontyPython) -> None:
    await monty.program(python("leak = 1"))
    assert (await failing(monty, "return leak")).details["error"] == "NameError"


async def test_a_cancelled_program_leaves_no_process_that_works(monty: MontyPython) -> None:
    running = asyncio.create_task(monty.program(python("while True: pass", timeout_ms=60_000)))
    await until(_has_worker)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    results = await asyncio.gather(*[monty.program(python(f"return {number}")) for number in range(4)])
    assert [result.value for result in results] == [0, 1, 2, 3]


def _has_worker() -> bool:
    """Whether this process has started one."""
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        if text.startswith("Name:\tmonty") and f"PPid:\t{os.getpid()}\n" in text:
            return True
    return False


def test_globals_are_what_the_text_can_name() -> None:
    program = python("return inputs['b'] + b", names={"a": 1, "b": 2, "c": 3, "class": 4}, roots={"shared": 5})
    assert given(program) == {"b": 2, "inputs": {"a": 1, "b": 2, "c": 3, "class": 4}}


def test_what_is_no_json() -> None:
    with pytest.raises(TypeError, match="object"):
        plain({"a": [object()]})
