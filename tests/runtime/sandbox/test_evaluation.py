"""What runs inside the sandbox process, called directly: bytes in, outcomes out."""

from __future__ import annotations

from flowray.runtime.sandbox.evaluation import Outcome, evaluate_javascript, evaluate_jsonata

MIB = 1024 * 1024


def test_jsonata_outcomes() -> None:
    assert evaluate_jsonata("[1..3]", b"{}", b"{}", 1_000, MIB) == Outcome(b"[1,2,3]")
    assert evaluate_jsonata("$x.a", b"{}", b'{"x": {"a": "\xc3\xa9"}}', 1_000, MIB) == Outcome('"é"'.encode())
    assert evaluate_jsonata("[1..9]", b"{}", b"{}", 1_000, 5).problem == "too_large"
    assert evaluate_jsonata("$uppercase(5)", b"{}", b"{}", 1_000, MIB).problem == "error"
    function = evaluate_jsonata("function($x){$x}", b"{}", b"{}", 1_000, MIB)
    assert function == Outcome(problem="error", message="the result is not JSON: it is a function")


def test_javascript_outcomes() -> None:
    assert evaluate_javascript("(a) => a", b'[{"k":"</script>"}]', 1_000, 64 * MIB, MIB) == Outcome(
        b'{"k":"</script>"}'
    )
    assert evaluate_javascript("() => undefined", b"[]", 1_000, 64 * MIB, MIB) == Outcome(b"null")
    assert evaluate_javascript("() => {for(;;){}}", b"[]", 50, 64 * MIB, MIB).problem == "timeout"
    assert evaluate_javascript("() => { throw 5 }", b"[]", 50, 64 * MIB, MIB).problem == "error"
    assert evaluate_javascript("x => x // note", b"[3]", 1_000, 64 * MIB, MIB) == Outcome(b"3")
