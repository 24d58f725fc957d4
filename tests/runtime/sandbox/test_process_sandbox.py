"""The process sandbox: values, runaways killed, the pool usable afterwards (R27, R45)."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from flowray.errors import FlowrayError
from flowray.runtime.sandbox.calls import SandboxLimits
from flowray.runtime.sandbox.process_sandbox import ProcessSandbox, SandboxOptions

MIB = 1024 * 1024


@pytest.fixture
async def sandbox() -> AsyncIterator[ProcessSandbox]:
    made = ProcessSandbox(SandboxOptions(limits=SandboxLimits(memory_bytes=512 * MIB, output_bytes=MIB)))
    yield made
    await made.aclose()
    await made.aclose()


async def failing(call: Any) -> FlowrayError:
    with pytest.raises(FlowrayError) as caught:
        await call
    return caught.value


async def test_values_in_and_out(sandbox: ProcessSandbox) -> None:
    assert await sandbox.jsonata("$sum(items) + $n", {"items": [1, 2]}, {"n": 4}, 1_000) == 7
    assert await sandbox.jsonata('{"a": null, "b": [1]}', {}, {}, 1_000) == {"a": None, "b": [1]}
    assert await sandbox.jsonata("gone", {}, {}, 1_000) is None
    assert await sandbox.javascript("(a, b) => a.map(x => x * b)", [[1, 2], 3], 1_000) == [3, 6]
    assert await sandbox.javascript("() => ({s: 'é\\u2028', n: NaN, u: undefined})", [], 1_000) == {
        "s": "é\u2028",
        "n": None,
    }


@pytest.mark.parametrize(
    ("expression", "data"),
    [
        ("$sum([1..5000000])", {}),
        ("$match(a, /^(a+)+$/)", {"a": "a" * 40 + "!"}),
        ("($f := function($n){$f($n + 1)}; $f(1))", {}),
    ],
)
async def test_runaway_jsonata_times_out_and_the_pool_lives(
    sandbox: ProcessSandbox, expression: str, data: dict[str, str]
) -> None:
    started = time.monotonic()
    error = await failing(sandbox.jsonata(expression, data, {}, 100))
    assert error.code == "EXPRESSION_TIMEOUT"
    assert "after 100 ms" in error.message
    assert time.monotonic() - started < 15
    assert await sandbox.jsonata("1 + 1", {}, {}, 1_000) == 2


@pytest.mark.parametrize(
    ("function", "code"),
    [
        ("() => { for (;;) {} }", "EXPRESSION_TIMEOUT"),
        ("() => /^(a+)+$/.test('a'.repeat(40) + '!')", "EXPRESSION_TIMEOUT"),
        ("() => { const f = () => f() + 1; return f() }", "EXPRESSION_ERROR"),
        ("() => { const a = []; for (;;) a.push('x'.repeat(1e6)) }", "EXPRESSION_ERROR"),
        ("() => 'x'.repeat(2e6)", "OUTPUT_TOO_LARGE"),
        ("() => { throw new Error('boo') }", "EXPRESSION_ERROR"),
        ("() => {", "EXPRESSION_ERROR"),
        ("() => require('fs')", "EXPRESSION_ERROR"),
        ("() => process.env", "EXPRESSION_ERROR"),
        ("x" * 200_000, "EXPRESSION_ERROR"),
    ],
)
async def test_runaway_and_wrong_javascript(sandbox: ProcessSandbox, function: str, code: str) -> None:
    limit_ms = 300 if code == "EXPRESSION_TIMEOUT" else 60_000
    error = await failing(sandbox.javascript(function, [], limit_ms))
    assert error.code == code
    assert await sandbox.javascript("() => 1", [], 60_000) == 1


async def test_wrong_jsonata(sandbox: ProcessSandbox) -> None:
    for expression in ("foo(", "$error('boo')", "function($x){$x}", "($f := function($n){1 + $f($n + 1)}; $f(1))"):
        error = await failing(sandbox.jsonata(expression, {}, {}, 3_000))
        assert error.code == "EXPRESSION_ERROR"
        assert error.details["language"] == "JSONata"


async def test_memory_is_bounded(sandbox: ProcessSandbox) -> None:
    error = await failing(sandbox.jsonata("$pad('x', 900000000)", {}, {}, 5_000))
    assert error.code == "EXPRESSION_ERROR"
    assert await sandbox.jsonata("1", {}, {}, 1_000) == 1


async def test_nothing_leaks_between_calls(sandbox: ProcessSandbox) -> None:
    await sandbox.javascript("() => { globalThis.leak = 1; Array.prototype.map = null; return 1 }", [], 1_000)
    assert await sandbox.javascript("() => [typeof leak, typeof [].map]", [], 1_000) == ["undefined", "function"]


async def test_a_cancelled_call_frees_the_worker(sandbox: ProcessSandbox) -> None:
    await sandbox.jsonata("1", {}, {}, 1_000)
    running = asyncio.create_task(sandbox.jsonata("$match(a, /^(a+)+$/)", {"a": "a" * 40 + "!"}, {}, 60_000))
    await asyncio.sleep(0.1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await asyncio.wait_for(sandbox.jsonata("2", {}, {}, 1_000), 5) == 2


async def test_concurrent_calls_queue_for_the_worker(sandbox: ProcessSandbox) -> None:
    calls = [sandbox.javascript("n => n * 2", [number], 2_000) for number in range(50)]
    assert await asyncio.gather(*calls) == [number * 2 for number in range(50)]


_SCRIPT = """
import asyncio
from flowray.runtime.sandbox.process_sandbox import ProcessSandbox
print("main module")
async def main():
    sandbox = ProcessSandbox()
    print(await sandbox.jsonata("1 + 1", {}, {}, 5000))
    await sandbox.aclose()
asyncio.run(main())
"""


def test_a_script_without_a_guard_runs_once(tmp_path: Path) -> None:
    """Spawned children normally import their parent's main module again."""
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path.cwd(),
        env={"PYTHONPATH": str(Path.cwd())},
    )
    assert done.stdout.split("\n") == ["main module", "2", ""], done.stderr
