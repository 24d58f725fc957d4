"""Attempts to get out of JavaScript, or to use up what there is, in the real process. Each harms itself only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from flowray.errors import FlowrayError
from flowray.handlers.programs import Program
from flowray.runtime.sandbox.process_sandbox import ProcessSandbox, SandboxOptions

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1024 * 1024
NOTHING = ("EXPRESSION_ERROR", "EXPRESSION_TIMEOUT", "OUTPUT_TOO_LARGE")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[ProcessSandbox]:
    made = ProcessSandbox(SandboxOptions(workers=1))
    yield made
    await made.aclose()


def javascript(code: str, **more: Any) -> Program:
    return Program("javascript", code, **{"timeout_ms": 60_000, "memory_bytes": 32 * MIB} | more)


ESCAPES = [
    "return [typeof process, typeof std, typeof os, typeof Deno, typeof Bun, typeof globalThis.require('fs')]",
    "return this.constructor.constructor('return process')()", "return (() => {}).constructor('return process.env')()",
    "return await import('fs')", "return await import('std')", "import fs from 'fs'", "return new Worker('x')",
    "return console.log.constructor('return process.mainModule')()", "return eval('process.exit(1)')",
    "return Object.getPrototypeOf(async () => {}).constructor('return process')()",
    "throw new Proxy({}, {get: (t, key) => process[key]})", "return drive('run')", "return parse.constructor",
]  # fmt: skip


@pytest.mark.parametrize("code", ESCAPES)
async def test_there_is_nothing_outside(sandbox: ProcessSandbox, code: str) -> None:
    with pytest.raises(FlowrayError) as caught:
        await sandbox.program(javascript(code))
    assert caught.value.code == "EXPRESSION_ERROR"
    assert (await sandbox.program(javascript("return 1"))).value == 1


EXHAUSTION = [
    "const a = []; for (;;) a.push(new Array(1000).fill('x'))", "let s = 'x'; for (;;) s += s",
    "return 'x'.repeat(2 ** 30 - 1).length", "return new Array(2 ** 31).fill(0).length",
    "return new ArrayBuffer(2 ** 40).byteLength", "const m = new Map(); for (let i = 0; ; i++) m.set(i, {i})",
    "return JSON.parse('['.repeat(1e6))", "const f = () => f(); f()", "return (10n ** (10n ** 9n)).toString()",
    "let o = {}; for (let i = 0; i < 1e6; i++) o = {o}; return o",
    "return {toJSON() { for (;;) {} }}", "return [3, 1].sort(() => { for (;;) {} })", "for (;;) {}",
    "await null; for (;;) {}", "const f = () => { Promise.resolve().then(f) }; f()", "return new Promise(() => {})",
    "return /^(a+)+$/.test('a'.repeat(50) + '!')", "return /(?:a|a?)+$/.test('a'.repeat(50) + 'b')",
    "return new Proxy([], {get: () => { for (;;) {} }})[0]",
    "const g = (function* () { for (;;) yield })(); return [...g]",
    "try { for (;;) {} } catch {} for (;;) {}", "throw {toString() { for (;;) {} }}",
    "return Array.from({length: 2 ** 32 - 1})", "const a = [1]; for (const x of a) a.push(x)",
]  # fmt: skip


@pytest.mark.parametrize("code", EXHAUSTION)
async def test_what_there_is_cannot_be_used_up(sandbox: ProcessSandbox, code: str) -> None:
    with pytest.raises(FlowrayError) as caught:
        await sandbox.program(javascript(code, timeout_ms=300))
    assert caught.value.code in NOTHING
    assert (await sandbox.program(javascript("return inputs.n", names={"n": 2}))).value == 2


async def test_what_is_printed_cannot_be_used_up(sandbox: ProcessSandbox) -> None:
    result = await sandbox.program(javascript("for (let i = 0; i < 1e5; i++) console.log('x'.repeat(100)); return 1"))
    assert (result.value, len(result.stdout) < 110_000) == (1, True)


async def test_nothing_is_left_for_the_next_program(sandbox: ProcessSandbox) -> None:
    """Not a global, not a changed prototype, not a changed JSON."""
    spoil = (
        "leak = 1; Array.prototype.map = Object.prototype.x = 5; JSON.stringify = () => '7'; console.log = 3; return 1"
    )
    assert (await sandbox.program(javascript(spoil))).value == 1
    look = "console.log('a'); return [typeof leak, typeof [].map, typeof ({}).x, JSON.stringify([1])]"
    found = await sandbox.program(javascript(look))
    assert (found.value, found.stdout) == (["undefined", "function", "undefined", "[1]"], "a\n")
