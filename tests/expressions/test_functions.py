"""Methods and functions of the allowlist, called from expressions."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.expressions.evaluator import evaluate_text
from flowray.expressions.functions import BOOLEAN_FUNCTIONS, BOOLEAN_METHODS, FUNCTIONS, LAMBDA_METHODS, METHODS
from flowray.expressions.names import Names

NAMES = Names(
    inputs={
        "t": " Ab,cd ",
        "l": [3, 1, 2],
        "m": ["b", None, "a"],
        "o": {"x": 1, "y": [2]},
        "n": 3.14159,
        "j": '{"a":[1]}',
    }
)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("t.trim()", "Ab,cd"),
        ("t.trimStart()", "Ab,cd "),
        ("t.trimEnd()", " Ab,cd"),
        ("t.trim().toLowerCase()", "ab,cd"),
        ("t.trim().toUpperCase()", "AB,CD"),
        ("t.includes('b,c')", True),
        ("t.trim().startsWith('Ab')", True),
        ("t.endsWith('x')", False),
        ("t.length", 7),
        ("t.indexOf('c')", 4),
        ("t.trim().split(',')", ["Ab", "cd"]),
        ("'abc'.split('')", ["a", "b", "c"]),
        ("'a,b,c'.split(',', 2)", ["a", "b"]),
        ("'abcdef'.slice(1, -2)", "bcd"),
        ("'abcdef'.slice(-2)", "ef"),
        ("'abcdef'.substring(4, 1)", "bcd"),
        ("'abc'.charAt(1) + 'abc'.charAt(9)", "b"),
        ("'abc'.at(-1)", "c"),
        ("'a.a'.replace('a', 'b')", "b.a"),
        ("'a.a'.replaceAll('a', 'b')", "b.b"),
        ("'7'.padStart(3, '0')", "007"),
        ("'7'.padEnd(3, 'ab')", "7ab"),
        ("l.length", 3),
        ("l.includes(2)", True),
        ("l.includes('2')", False),
        ("l.indexOf(9)", -1),
        ("l.slice(0, 2)", [3, 1]),
        ("l.join('-')", "3-1-2"),
        ("m.join()", "b,,a"),
        ("l.reverse()", [2, 1, 3]),
        ("l.sort()", [1, 2, 3]),
        ("m.at(5)", None),
        ("n.toFixed(2)", "3.14"),
        ("n.toString()", "3.14159"),
        ("o.hasOwnProperty('x')", True),
        ("Object.keys(o)", ["x", "y"]),
        ("Object.keys(o).length", 2),
        ("Object.values(o)", [1, [2]]),
        ("Object.entries(o)", [["x", 1], ["y", [2]]]),
        ("Object.keys(missing)", None),
        ("JSON.stringify(o)", '{"x":1,"y":[2]}'),
        ("JSON.stringify(l, null, 1)", "[\n 3,\n 1,\n 2\n]"),
        ("JSON.stringify('a')", '"a"'),
        ("JSON.parse(j).a[0]", 1),
        ("JSON.parse('{')", None),
        ("Math.round(2.5) + Math.round(-2.5)", 1),
        ("Math.floor(n) + Math.ceil(n)", 7),
        ("Math.abs(-2)", 2),
        ("Math.max(1, '5', 3) - Math.min(4, 2)", 3),
        ("Math.max('a')", None),
        ("Number('12') + 1", 13),
        ("String(12) + 1", "121"),
        ("Boolean('')", False),
        ("parseInt('12.7px')", 12),
        ("parseFloat('1.5em')", 1.5),
        ("parseInt('x')", None),
        ("isNaN('x')", True),
        ("Array.isArray(l)", True),
        ("[].length + {}.length", None),
    ],
)
def test_results(text: str, result: Any) -> None:
    value = evaluate_text(text, NAMES)
    assert value == result
    assert type(value) is type(result)


@pytest.mark.parametrize("name", [*METHODS, *LAMBDA_METHODS])
@pytest.mark.parametrize("value", ["null", "n", "o", "l", "t", "true", "{}", "missing"])
def test_a_method_on_what_it_does_not_fit_is_null_and_no_error(name: str, value: str) -> None:
    arguments = "x => x" if name in LAMBDA_METHODS else ", ".join(["'a'"] * METHODS[name].fewest)
    evaluate_text(f"({value}).{name}({arguments})", NAMES)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("value", ["null", "n", "o", "l", "t", "true"])
def test_a_function_takes_any_value(name: str, value: str) -> None:
    evaluate_text(f"{name}({', '.join([value] * FUNCTIONS[name].fewest)})", NAMES)


def test_a_method_on_null_is_null() -> None:
    assert evaluate_text("missing.trim().length", NAMES) is None
    assert evaluate_text("missing.trim().length > 0", NAMES) is False


def test_calls_leave_their_value_alone() -> None:
    items = [3, 1, 2]
    evaluate_text("l.sort().reverse()", Names(inputs={"l": items}))
    assert items == [3, 1, 2]


def test_the_tables_of_conditions_name_real_functions() -> None:
    assert METHODS.keys() | LAMBDA_METHODS >= BOOLEAN_METHODS
    assert FUNCTIONS.keys() >= BOOLEAN_FUNCTIONS
