"""Guesses of what JSONata and JavaScript read: too many names are fine, too few never."""

from __future__ import annotations

import pytest

from flowray.expressions.foreign import jsonata_roots, script_roots


@pytest.mark.parametrize(
    ("text", "roots", "everything"),
    [
        ("order.items.price", {"order"}, False),
        ("$sum(items.(price * quantity))", {"items", "price", "quantity"}, False),
        ("items[price > 10 and active].name", {"items", "price", "active"}, False),
        ("$map(items, function($v) { $v * 2 })", {"items"}, False),
        ('{"total": $count(items), "who": `user name`.x}', {"items", "user name"}, False),
        ("/* note */ a.b", {"a"}, False),
        ("$$.a + $.`b c`", {"a", "b c"}, False),
        ("$keys($$)", set(), True),
        ("items[$ > 5]", {"items"}, True),
        ("*", set(), True),
        ("**.price", set(), True),
        ("a * b", {"a", "b"}, False),
        ("a.*", {"a"}, False),
        ("$eval(a)", {"a"}, True),
        ("'b' & a", {"a"}, False),
        ("$replace(a, /it's/, b)", {"a", "b"}, False),
        ("a & 'open", {"a"}, False),
    ],
)
def test_jsonata(text: str, roots: set[str], everything: bool) -> None:
    found, reads_all = jsonata_roots(text)
    assert reads_all is everything
    assert roots <= found
    assert found <= roots | {"price", "it", "s"}


@pytest.mark.parametrize(
    ("text", "roots", "everything"),
    [
        ("return inputs.x + variables.y.z;", {"x", "y"}, False),
        ("const { a, b } = inputs; return a", {"a", "b"}, False),
        ("inputs['my key']", {"my key"}, False),
        ("inputs[key]", {"key"}, True),
        ("const data = inputs.a; return Object.keys(data)", {"a"}, False),
        ("Object.keys(inputs)", set(), True),
        ("`${inputs.name}`", {"name"}, False),
        ("// inputs\nx", {"x"}, False),
        ("/* inputs */ x /* open", {"x"}, False),
        ("a(); // inputs\nx", {"x"}, False),
        ("half = total // count", {"total", "count"}, False),
        ("inputs.get('x', other)", {"x", "other"}, True),
        ("for key in inputs.keys(): pass", set(), True),
        ("`it's ${inputs.name} isn't it`", {"name"}, False),
        ("'inputs' + x", {"x"}, True),
        ("eval(code)", {"code"}, True),
        ("fetch('https://e.org/inputs.x', { body: payload })", {"payload"}, False),
        ("(...rest) => rest.length + [...items].length", {"items"}, False),
    ],
)
def test_scripts(text: str, roots: set[str], everything: bool) -> None:
    found, reads_all = script_roots(text)
    assert reads_all is everything
    assert roots <= found


def test_javascript_words_are_no_names() -> None:
    assert script_roots("return typeof x === y ? null : true")[0] == {"x", "y"}


@pytest.mark.parametrize(
    "text",
    [" " * 50_000, '\\"' * 30_000, '"' * 50_001, "`" * 50_001, "/* " * 30_000, "[" + " " * 50_000,
     "$" + " " * 50_000 + "."],
)  # fmt: skip
def test_guessing_takes_linear_time(text: str) -> None:
    """Quadratic, each of these would take longer than the suite's time limit allows for all of them."""
    jsonata_roots(text * 4)
    script_roots(text * 4)
