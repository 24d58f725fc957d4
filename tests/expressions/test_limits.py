"""The limits of the language are errors with a code, never a hang and never a silent cut."""

from __future__ import annotations

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.expressions import limits
from flowray.expressions.evaluator import evaluate_text
from flowray.expressions.names import Names
from flowray.expressions.parser import parse_expression
from flowray.expressions.template import fill


def _code(text: str, **inputs: object) -> ErrorCode:
    with pytest.raises(FlowrayError) as caught:
        evaluate_text(text, Names(inputs=inputs))
    return caught.value.code


def test_an_expression_longer_than_the_limit_is_refused_and_the_limit_named() -> None:
    with pytest.raises(FlowrayError, match="the limit is 20000"):
        parse_expression("a" * (limits.MAX_EXPRESSION_CHARS + 1))
    assert evaluate_text("1" + "+1" * 9_999, Names()) == 10_000


def test_nesting_is_limited_but_fifty_parentheses_are_fine() -> None:
    assert evaluate_text("(" * 50 + "1" + ")" * 50, Names()) == 1
    with pytest.raises(FlowrayError, match="nested too deeply"):
        parse_expression("(" * 150 + "1" + ")" * 150)


def test_long_chains_are_no_nesting() -> None:
    assert evaluate_text("a" + ".trim()" * 2_000, Names(inputs={"a": " x "})) == "x"
    assert evaluate_text("!" * 10_000 + "true", Names()) is True
    assert evaluate_text("a ? 1 : " * 2_000 + "2", Names()) == 2


def test_text_that_would_be_too_long_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    big = "x" * (40 * 1024 * 1024)
    assert _code("a + a", a=big) is ErrorCode.EXPRESSION_ERROR
    assert _code("'a'.padEnd(100000000)") is ErrorCode.EXPRESSION_ERROR
    with pytest.raises(FlowrayError, match="the limit is 67108864"):
        fill("{{a}}{{a}}", Names(inputs={"a": big}))


def test_lists_that_lambdas_build_must_fit_in_one_value() -> None:
    assert _code("l.map(i => big)", l=list(range(100)), big="x" * 1_000_000) is ErrorCode.EXPRESSION_ERROR
    assert _code("a.split('')", a="x" * 1_000_001) is ErrorCode.EXPRESSION_ERROR


def test_work_is_limited() -> None:
    many = list(range(2_000))
    assert _code("l.map(a => l.map(b => a + b).length)", l=many) is ErrorCode.EXPRESSION_ERROR


def test_numbers_cannot_grow_without_end() -> None:
    squared = "l.reduce((a, b) => a * a, 10)"
    assert evaluate_text(squared, Names(inputs={"l": list(range(100))})) is None


def test_a_deeply_nested_value_is_an_error_and_no_crash() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert _code("a == b", a=deep, b=[deep]) is ErrorCode.EXPRESSION_ERROR
    with pytest.raises(FlowrayError, match="nested too deeply"):
        fill({"a": deep}, Names())
