"""Trees to values."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.errors import FlowrayError
from flowray.expressions.evaluator import call_function, evaluate, evaluate_condition, evaluate_text, iso_text
from flowray.expressions.names import MISSING, Names
from flowray.expressions.parser import parse_expression, parse_function

NAMES = Names(
    outputs={
        "request": {"amount": 12_000},
        "trigger-1": {"data": {"score": 2}},
        "o": {"byRep": {"ann": [1, 2], "bob": []}, "first-name": "Ann", "key.with.dots": "dotted"},
        "deals": [{"id": "x", "value": 5}, {"id": "y", "value": 7}],
    },
    variables={"repName": "ann", "total": 10, "count": 3, "flag": False},
    known=frozenset({"skipped"}),
    now_ms=1_769_860_800_000,
    elapsed_ms=1_500,
)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("request.amount >= 50000 ? 'executive' : request.amount >= 10000 ? 'director' : 'auto'", "director"),
        ("o.byRep[repName]", [1, 2]),
        ("o.byRep[repName][1]", 2),
        ("o.byRep[flag]", None),
        ("o['key.with.dots']", "dotted"),
        ("deals[count - 2].id", "y"),
        ("deals.reduce((sum, d) => sum + d.value, 0)", 12),
        ("deals.slice(0, 3).map(r => r.id)", ["x", "y"]),
        ("deals.filter(d => d.value > total - 4).length", 1),
        ("deals.find(d => d.id === 'y').value", 7),
        ("deals.findIndex(d => d.id === 'z')", -1),
        ("deals.some(d => d.value == '5') && !deals.every(d => d.value == 5)", True),
        ("deals.map((d, i) => i + ':' + d.id)", ["0:x", "1:y"]),
        ("deals.sort((a, b) => b.value - a.value)[0].id", "y"),
        ("deals.map(d => deals.map(e => d.value * e.value))", [[25, 35], [35, 49]]),
        ("(count / total) * 100", 30),
        ("typeof total + typeof missing + typeof repName + typeof deals", "numberundefinedstringobject"),
        ("-total + +'5'", -5),
        ("!!total", True),
        ("skipped.text || repName", "ann"),
        ("missing.a.b?.c[0]", None),
        ("flag && missing.x", False),
        ("total && missing.x", None),
        ("total == '10' && total !== '10'", True),
        ("'{{repName}}-{{missing}}-{{total}}'", "ann--10"),
        ("{{total}} > 5", True),
        ("$now", "2026-01-31T12:00:00.000Z"),
        ("$now()", "2026-01-31T12:00:00.000Z"),
        ("$now - 86400000", 1_769_774_400_000),
        ("$elapsed", 1_500),
    ],
)
def test_results(text: str, result: Any) -> None:
    assert evaluate_text(text, NAMES) == result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("trigger-1.data.score", 2),
        ("trigger-1.data.score - 1", 1),
        ("o.first-name", "Ann"),
        ("total-count", 7),
        ("total - count", 7),
        ("total-1", 9),
        ("total-missing", None),
        ("no-such.data", None),
        ("deals.map(d => d.value-1)", [4, 6]),
    ],
)
def test_hyphens_are_names_if_such_a_name_is_known_else_minus(text: str, result: Any) -> None:
    assert evaluate_text(text, NAMES) == result


def test_missing_is_told_from_null() -> None:
    assert evaluate(parse_expression("missing || gone.x"), NAMES) is MISSING
    assert evaluate(parse_expression("missing || null"), NAMES) is None
    assert evaluate(parse_expression("skipped.x"), NAMES) is None
    assert evaluate(parse_expression("missing.trim()"), NAMES) is MISSING
    assert evaluate(parse_expression("missing | upper"), NAMES) is MISSING
    assert evaluate(parse_expression("$now"), Names()) is MISSING


@pytest.mark.parametrize(
    "text",
    [
        "__proto__",
        "constructor.constructor('return this')()",
        "o.__class__",
        "process.env.X",
        "''.__class__.mro",
        "o.keys",
    ],
)
def test_nothing_of_the_host_is_reachable(text: str) -> None:
    assert evaluate_text(text, NAMES) is None


def test_conditions() -> None:
    names = Names(outputs={"a": {"text": '{"risk": "low"}'}, "b": {"valid": True}})
    assert evaluate_condition("b.valid && !a.text.includes('\"high\"')", names) is True
    assert evaluate_condition("{{a.text.length}} > 100 || {{b.valid}}", names) is True
    assert evaluate_condition("", names) is False
    with pytest.raises(FlowrayError):
        evaluate_condition("a ===", names)


def test_functions_are_called_with_arguments() -> None:
    function = parse_function("(acc, item) => (typeof acc === 'number' ? acc : 0) + item.price * total")
    assert call_function(function, ({}, {"price": 2}), NAMES) == 20
    assert call_function(parse_function("x => x"), (), NAMES) is None


def test_parameters_hide_names_only_inside_their_function() -> None:
    assert evaluate_text("deals.map(total => total.id).join('') + total", NAMES) == "xy10"


def test_list_literals_are_fresh() -> None:
    tree = parse_expression("missing || []")
    first = evaluate(tree, Names())
    first.append(1)
    assert evaluate(tree, Names()) == []


def test_times_beyond_the_calendar_are_errors() -> None:
    assert iso_text(0) == "1970-01-01T00:00:00.000Z"
    with pytest.raises(FlowrayError, match="calendar"):
        iso_text(10**18)
