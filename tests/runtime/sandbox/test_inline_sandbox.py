"""The inline sandbox gives the same values and codes as the real one, where it can."""

from __future__ import annotations

import pytest

from flowray.errors import FlowrayError
from flowray.runtime.sandbox.calls import SandboxLimits
from flowray.runtime.sandbox.inline_sandbox import InlineSandbox


async def test_values_and_errors() -> None:
    sandbox = InlineSandbox(SandboxLimits(output_bytes=1_000))
    assert await sandbox.jsonata("a + $b", {"a": 1}, {"b": 2}, 1_000) == 3
    assert await sandbox.javascript("x => [x, null]", [1], 1_000) == [1, None]
    for call, code in (
        (sandbox.jsonata("a(", {}, {}, 1_000), "EXPRESSION_ERROR"),
        (sandbox.jsonata("($f := function($n){$f($n + 1)}; $f(1))", {}, {}, 50), "EXPRESSION_TIMEOUT"),
        (sandbox.jsonata("$pad('x', 2000)", {}, {}, 1_000), "OUTPUT_TOO_LARGE"),
        (sandbox.javascript("() => { for (;;) {} }", [], 50), "EXPRESSION_TIMEOUT"),
        (sandbox.javascript("x" * 200_000, [], 50), "EXPRESSION_ERROR"),
    ):
        with pytest.raises(FlowrayError) as caught:
            await call
        assert caught.value.code == code
