"""Laws of the expression language over random text and values."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flowray.errors import ErrorCode, FlowrayError
from flowray.expressions.conditions import OPERATORS, compare, evaluate_operator, parse_operand
from flowray.expressions.evaluator import evaluate, evaluate_condition
from flowray.expressions.names import MISSING, Names
from flowray.expressions.parser import parse_expression
from flowray.expressions.placeholders import split
from flowray.expressions.references import ReadKind, read_roots
from flowray.expressions.template import FillOptions, TemplateWarning, fill, fill_text

thorough = settings(max_examples=300, deadline=None)
"""No deadline: the machine may be busy."""

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)

_PIECES = [
    "a", "b", "o", "l", "s", "n", "x-1", "loop", "var", "$now", "Object", "keys", "null", "true", "1", "2.5", "'t'",
    '"u"', "+", "-", "*", "/", "%", "==", "===", "!=", "<", ">=", "&&", "||", "??", "!", "?", ":", ".", "?.", ",", "(",
    ")", "[", "]", "{{", "}}", "${", "{", "}", "|", "truncate", "trim", "map", "reduce", "=>", " ", "length", "toFixed",
    "slice", "join", "split", "constructor", "__proto__", "typeof ", "'{{a}}'",
]  # fmt: skip
expressions = st.lists(st.sampled_from(_PIECES), max_size=14).map("".join) | st.text(max_size=40)

NAMES = Names(
    outputs={"a": 1, "b": "text", "o": {"k": [1, None, "x"], "a-b": 2}, "l": [1, 2, {"v": 3}], "x-1": {"d": 4}},
    variables={"s": "a b c", "n": None},
    loop={"index": 0, "item": "i"},
    now_ms=1_700_000_000_000,
)


@thorough
@given(expressions)
def test_evaluation_gives_json_or_an_expression_error(text: str) -> None:
    try:
        value = evaluate(parse_expression(text), NAMES)
        evaluate_condition(text, NAMES)
    except FlowrayError as error:
        value, codes = None, {error.code}
    else:
        codes = set()
    assert codes <= {ErrorCode.EXPRESSION_ERROR}
    assert value is MISSING or isinstance(value, type(None) | bool | int | float | str | list | dict)


@thorough
@given(st.lists(expressions | st.sampled_from(["{{", "}}", "${", "}"]), max_size=6).map("".join), st.booleans())
def test_templates_never_raise_and_their_parts_join_to_the_text(text: str, dollar: bool) -> None:
    fill(text, NAMES, options=FillOptions(dollar=dollar), warnings=[])
    assert isinstance(fill_text(text, NAMES), str)
    parts = split(text, parse_expression, dollar=dollar)
    assert "".join(part if isinstance(part, str) else part.source for part in parts) == text


@thorough
@given(st.text().filter(lambda text: "{{" not in text and "${" not in text))
def test_text_without_braces_is_unchanged(text: str) -> None:
    warnings: list[TemplateWarning] = []
    assert fill(text, NAMES, options=FillOptions(dollar=True), warnings=warnings) == text
    assert warnings == []


@thorough
@given(json_values)
def test_a_whole_value_keeps_its_type(value: Any) -> None:
    filled = fill("{{value}}", Names(inputs={"value": value}))
    assert filled is value
    assert isinstance(fill("{{value}} ", Names(inputs={"value": value})), str)


@thorough
@given(json_values)
def test_filling_what_has_no_template_changes_nothing(value: Any) -> None:
    assert fill(value, Names(known=frozenset({"x"}))) == value or "{{" in repr(value)


@thorough
@given(json_values, st.sampled_from([*OPERATORS, "unknown"]), json_values)
def test_comparisons_never_raise(left: Any, operator: str, right: Any) -> None:
    assert isinstance(compare(left, operator, right), bool)
    assert isinstance(evaluate_operator(left, operator, right), bool)


@thorough
@given(st.text())
def test_operands_parse_to_json(text: str) -> None:
    assert isinstance(parse_operand(text), type(None) | bool | int | float | str | list | dict)


@thorough
@given(json_values | expressions, st.sampled_from(list(ReadKind)))
def test_reads_are_found_in_anything(value: Any, kind: ReadKind) -> None:
    reads = read_roots(value, kind)
    assert all(isinstance(root, str) for root in reads.roots)


@thorough
@given(expressions)
def test_what_an_expression_reads_is_all_that_decides_its_value(text: str) -> None:
    """R7: names that the analysis does not report cannot change the result."""
    reads = read_roots(text, ReadKind.EXPRESSION)
    kept = reads.roots
    narrowed = Names(
        outputs={key: value for key, value in NAMES.outputs.items() if key in kept},
        variables={key: value for key, value in NAMES.variables.items() if key in kept or "var" in kept},
        loop=NAMES.loop,
        now_ms=NAMES.now_ms,
    )
    try:
        node = parse_expression(text)
    except FlowrayError:
        return
    assert _outcome(node, narrowed) == _outcome(node, NAMES)


def _outcome(node: Any, names: Names) -> str:
    try:
        return repr(evaluate(node, names))
    except FlowrayError as error:
        return error.message
