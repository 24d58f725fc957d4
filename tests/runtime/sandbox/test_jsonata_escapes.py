"""Attempts to get out of JSONata, or to use up what there is, in the real process. Each harms itself only."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from flowray.errors import FlowrayError
from flowray.runtime.sandbox.calls import SandboxLimits
from flowray.runtime.sandbox.process_sandbox import ProcessSandbox, SandboxOptions

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1024 * 1024


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[ProcessSandbox]:
    limits = SandboxLimits(memory_bytes=512 * MIB, output_bytes=MIB)
    made = ProcessSandbox(SandboxOptions(workers=1, limits=limits))
    yield made
    await made.aclose()


DATA: dict[str, Any] = {"a": "a" * 40 + "!", "o": {"k": [1, 2]}, "s": "text"}


@pytest.mark.parametrize(
    "expression",
    [
        "o.__class__", "$.__class__.__mro__", "s.__class__.__base__", "$string.__globals__", "$$.__dict__",
        "o.k.append",
        "$lookup(o, '__class__')", "s.format", "$now.__closure__", "o.keys", "$spread(o).__init__",
    ],
)  # fmt: skip
async def test_attributes_of_python_are_not_there(sandbox: ProcessSandbox, expression: str) -> None:
    """A name is a key of the data and never anything else: nothing is found, or it is an error."""
    found: Any = "EXPRESSION_ERROR"
    with contextlib.suppress(FlowrayError):
        found = await sandbox.jsonata(expression, DATA, {}, 60_000)
    assert found in (None, [], "EXPRESSION_ERROR")


EXHAUSTION = [
    "$sum([1..5000000])", "[1..10000000].[1..100]", "[1..1e12]", "$match(a, /^(a+)+$/)", "$replace(a, /(a|aa)+$/, 'b')",
    "($f := function($n){$f($n + 1)}; $f(1))", "($f := function($n){1 + $f($n + 1)}; $f(1))", "$pad('x', 900000000)",
    "$join([1..3000000].$string($))", "($f := function($x){$f($x & $x)}; $f('ab'))",
    "$eval('$eval(\"1\") & ' & '\"x\"' & '(')",
    "$string($pad('x', 3000000))", "$reduce([1..2000000], function($a, $b){$append($a, $b)}, [])",
    "$sort([1..3000000])",
    "$map([1..3000000], function($v){$v * $v})", "$split(a, /(a*)*b/)", "(" * 5_000 + "1" + ")" * 5_000, "[" * 5_000,
]  # fmt: skip


@pytest.mark.parametrize("expression", EXHAUSTION, ids=range(len(EXHAUSTION)))
async def test_what_there_is_cannot_be_used_up(sandbox: ProcessSandbox, expression: str) -> None:
    with pytest.raises(FlowrayError) as caught:
        await sandbox.jsonata(expression, DATA, {}, 300)
    assert caught.value.code in ("EXPRESSION_ERROR", "EXPRESSION_TIMEOUT", "OUTPUT_TOO_LARGE")
    assert await sandbox.jsonata("$uppercase(s)", DATA, {}, 60_000) == "TEXT"
