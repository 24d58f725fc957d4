"""From outcomes to values and errors."""

from __future__ import annotations

import pytest

from flowray.errors import FlowrayError
from flowray.runtime.sandbox.calls import Outcome, SandboxLimits
from flowray.runtime.sandbox.results import check_length, shown, value_of

LIMITS = SandboxLimits(expression_chars=10, output_bytes=7)


@pytest.mark.parametrize(
    ("outcome", "code", "message"),
    [
        (Outcome(problem="timeout"), "EXPRESSION_TIMEOUT", "the sandbox stopped a JSONata expression after 50 ms: 'a'"),
        (Outcome(problem="too_large", message="9"), "OUTPUT_TOO_LARGE", "gives 9 bytes; the limit is 7"),
        (Outcome(problem="error", message="bad"), "EXPRESSION_ERROR", "JSONata 'a': bad"),
    ],
)
def test_problems(outcome: Outcome, code: str, message: str) -> None:
    with pytest.raises(FlowrayError) as caught:
        value_of(outcome, "JSONata", "a", 50, LIMITS)
    assert caught.value.code == code
    assert message in caught.value.message


def test_values_and_lengths() -> None:
    assert value_of(Outcome(b'{"a":1}'), "JSONata", "a", 50, LIMITS) == {"a": 1}
    check_length("JSONata", "x" * 10, LIMITS)
    with pytest.raises(FlowrayError, match="longer than 10 characters"):
        check_length("JSONata", "x" * 11, LIMITS)
    assert len(shown("x" * 500)) == 203
