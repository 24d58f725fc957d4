"""What runs inside the sandbox process, called directly: calls in, outcomes out."""

from __future__ import annotations

from typing import Any

from flowray.runtime.sandbox.calls import FunctionCall, JsonataCall, Outcome, ProgramCall
from flowray.runtime.sandbox.evaluation import evaluate, evaluate_jsonata

MIB = 1024 * 1024


def jsonata(expression: str, data: bytes = b"{}", bindings: bytes = b"{}", output_bytes: int = MIB) -> Outcome:
    return evaluate_jsonata(JsonataCall(expression, data, bindings, 1_000, output_bytes))


def test_jsonata_outcomes() -> None:
    assert jsonata("[1..3]") == Outcome(b"[1,2,3]")
    assert jsonata("$x.a", bindings=b'{"x": {"a": "\xc3\xa9"}}') == Outcome('"é"'.encode())
    assert jsonata("[1..9]", output_bytes=5).problem == "too_large"
    assert jsonata("$uppercase(5)").problem == "error"
    assert jsonata("function($x){$x}") == Outcome(problem="error", message="the result is not JSON: it is a function")


def test_every_kind_of_call() -> None:
    program: dict[str, Any] = {"names": b"{}", "roots": b"{}", "timeout_ms": 1_000, "memory_bytes": 64 * MIB}
    assert evaluate(JsonataCall("1 + 1", b"{}", b"{}", 1_000, MIB)) == Outcome(b"2")
    assert evaluate(FunctionCall("a => a + 1", b"[1]", 1_000, 64 * MIB, MIB)) == Outcome(b"2")
    assert evaluate(ProgramCall("return 2", **program, output_bytes=MIB, printed_chars=10)) == Outcome(b"2")
