"""Functions and programs in QuickJS, called directly."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowray.runtime.sandbox.calls import FunctionCall, Outcome, ProgramCall
from flowray.runtime.sandbox.javascript import call_function, prepare, run_program

MIB = 1024 * 1024


def function(text: str, arguments: bytes = b"[]", timeout_ms: int = 1_000) -> Outcome:
    return call_function(FunctionCall(text, arguments, timeout_ms, 64 * MIB, MIB))


def program(code: str, names: Any = None, roots: Any = None, **limits: int) -> Outcome:
    bounds = {"timeout_ms": 5_000, "memory_bytes": 64 * MIB, "output_bytes": MIB, "printed_chars": 1_000} | limits
    given = json.dumps(names or {}).encode(), json.dumps(roots or {}).encode()
    return run_program(ProgramCall(code, *given, **bounds))


def value(code: str, **given: Any) -> Any:
    outcome = program(code, **given)
    assert outcome.problem is None, outcome
    return json.loads(outcome.value)


def test_functions() -> None:
    assert function("(a) => a", b'[{"k":"</script>"}]') == Outcome(b'{"k":"</script>"}')
    assert function("() => undefined") == Outcome(b"null")
    assert function("() => {for(;;){}}", timeout_ms=50).problem == "timeout"
    assert function("() => { throw 5 }").problem == "error"
    assert function("x => x // note", b"[3]") == Outcome(b"3")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("return inputs.a + variables.a + context.a + a", 8),
        ("result = a * 2", 4), ("const result = a * 3", 6), ("let x = 1", None), ("return", None),
        ("const a = inputs.a + 1; return a", 3), ("return Object.keys(inputs)", ["a", "b-c"]),
        ("return inputs['b-c']", 1), ("return await Promise.resolve(5)", 5),
        ("const f = async x => x + 1; return Promise.all([f(1), f(2)])", [2, 3]),
        ("return {n: NaN, u: undefined, d: new Date(0), s: new Set([1]), m: new Map([['k', 1]]), b: 10n}",
         {"n": None, "d": "1970-01-01T00:00:00.000Z", "s": [1], "m": {"k": 1}, "b": 10}),
        ("return [JSON.parse(inputs), JSON.parse('[1]')].length + JSON.parse(inputs).a", 4),
        ("return 2n ** 70n", str(2**70)), ("return new RangeError('far')", {"name": "RangeError", "message": "far"}),
        ("return shared.k // a comment at the end", 9), ("return typeof process", "undefined"),
    ],
)  # fmt: skip
def test_values_of_programs(code: str, expected: Any) -> None:
    """``inputs.x``, globals, a bare return, the variable ``result``, promises."""
    assert value(code, names={"a": 2, "b-c": 1}, roots={"shared": {"k": 9}}) == expected


def test_what_the_language_has_is_not_replaced_by_a_name() -> None:
    assert value("return [typeof Math, inputs.Math]", names={"Math": 1}) == ["object", 1]
    assert value("return loop.index", names={"loop": 1}, roots={"loop": {"index": 4}}) == 4


def test_what_is_printed() -> None:
    outcome = program("console.log('a', {b: [1]}, 2, null); console.error(new Error('no')); console.group(); return 1")
    assert (outcome.printed.stdout, outcome.printed.stderr) == ('a {"b":[1]} 2 null\n', "Error: no\n")
    long = program("for (let i = 0; i < 100; i++) console.log('x'.repeat(100)); return 1", printed_chars=250)
    assert len(long.printed.stdout) < 300
    assert "…" in long.printed.stdout
    assert long.value == b"1"
    failed = program("console.log('before'); throw new Error('then')")
    assert (failed.printed.stdout, failed.message) == ("before\n", "then")


@pytest.mark.parametrize(
    ("code", "error", "line", "message"),
    [
        ("let x = 1;\nx.foo.bar", "TypeError", 2, "cannot read property 'bar' of undefined"),
        ("\n\nlet x = ;", "SyntaxError", 3, "unexpected token"),
        ("if (true) {\n", "SyntaxError", 2, "unexpected token"),
        ("function f() {\n  throw new RangeError('far');\n}\nawait null;\nf();", "RangeError", 2, "far"),
        ("throw {a: 1}", "", 0, '{"a":1}'), ("throw 'text'", "", 0, "text"),
        ("\nfetch('http://h')", "TypeError", 2, "fetch is not available here: code reaches no network"),
        ("require('fs')", "TypeError", 1, "require is not available here"),
        ("setTimeout(() => 1, 5)", "TypeError", 1, "a wait node"),
        ("const x = {}; x.x = x; return x", "TypeError", 0, "circular"),
        ("const f = () => f() + 1; return f()", "RangeError", 1, "call stack"),
        ("await new Promise(() => {})", "Error", 0, "a promise that nothing here will ever settle"),
        ("const a = []; for (;;) a.push('x'.repeat(1e6))", "InternalError", 0, "more memory than the sandbox allows"),
    ],
)  # fmt: skip
def test_errors_of_programs(code: str, error: str, line: int, message: str) -> None:
    """With the line of the author's code."""
    outcome = program(code)
    assert (outcome.problem, outcome.error, outcome.line) == ("error", error, line)
    assert message in outcome.message


@pytest.mark.parametrize(
    "code",
    ["for (;;) {}", "await null; for (;;) {}", "const f = () => { Promise.resolve().then(f) }; f()",
     "/^(a+)+$/.test('a'.repeat(40) + '!')"],
)  # fmt: skip
def test_what_does_not_end(code: str) -> None:
    assert program(code, timeout_ms=100).problem == "timeout"


def test_a_context_that_was_prepared_is_used_once() -> None:
    prepare()
    prepare()
    assert value("globalThis.leak = 1; Array.prototype.map = null; return 1") == 1
    prepare()
    assert value("return [typeof leak, typeof [].map]") == ["undefined", "function"]


def test_a_large_value() -> None:
    assert program("return 'x'.repeat(100)", output_bytes=50) == Outcome(problem="too_large", message="102")
