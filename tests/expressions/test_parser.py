"""Text to trees."""

from __future__ import annotations

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.expressions.names import MISSING
from flowray.expressions.parser import parse_condition, parse_expression, parse_function
from flowray.expressions.syntax import (
    Access,
    Call,
    Chain,
    Clock,
    Conditional,
    Either,
    Filtered,
    FilterStep,
    Index,
    Interpolated,
    Lambda,
    ListLiteral,
    Literal,
    Member,
    Method,
    Node,
    Path,
    Unary,
)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a", Path("a")),
        (" a.b[0]['c d'].1 ", Path("a", ("b", 0, "c d", "1"))),
        ("obj['key.with.dots']", Path("obj", ("key.with.dots",))),
        ("link[0].$.href", Path("link", (0, "$", "href"))),
        ("a?.b?.c", Path("a", ("b", "c"))),
        ("", Literal(MISSING)),
        ("undefined", Literal(None)),
        ("'x'", Literal("x")),
        ("-1", Unary(("-",), Literal(1))),
        ("12345678901234567890", Literal(12345678901234567890.0)),
        ("$now", Clock("$now")),
        ("$now()", Clock("$now")),
        ("$now - 5", Chain(Clock("$now", as_number=True), (("-", Literal(5)),))),
        ("byRep[name]", Access(Path("byRep"), (Index(Path("name")),))),
        ("a.trim().length", Access(Path("a"), (Method("trim", ()), Member("length")))),
        ("Object.keys(o)", Call("Object.keys", (Path("o"),))),
        ("a | truncate: 50", Filtered(Path("a"), (FilterStep("truncate", (Literal(50),)),))),
        ("['a', -1]", ListLiteral(("a", -1))),
        ("'{{a}}!'", Interpolated((Path("a"), "!"))),
        ("{{a}} > 0", Chain(Path("a"), ((">", Literal(0)),))),
        ("${a} == 'b'", Chain(Path("a"), (("==", Literal("b")),))),
        ("l.map(r => r.url)", Access(Path("l"), (Method("map", (), Lambda(("r",), Path("r", ("url",)))),))),
    ],
)
def test_trees(text: str, tree: Node) -> None:
    assert parse_expression(text) == tree


def test_precedence_and_flat_chains() -> None:
    assert parse_expression("1 + 2 * 3 - 4") == Chain(
        Literal(1), (("+", Chain(Literal(2), (("*", Literal(3)),))), ("-", Literal(4)))
    )
    assert parse_expression("a == 1 && b") == Chain(Chain(Path("a"), (("==", Literal(1)),)), (("&&", Path("b")),))


def test_conditionals_chain_to_the_right() -> None:
    assert parse_expression("a ? 1 : b ? 2 : 3") == Conditional(
        ((Path("a"), Literal(1)), (Path("b"), Literal(2))), Literal(3)
    )


def test_a_hyphen_may_be_read_in_two_ways() -> None:
    assert parse_expression("a-b") == Either(
        Path("a-b"), Chain(Path("a"), (("-", Path("b")),)), (Path("a-b"),), ("a", "b")
    )
    # Only one of the readings makes sense here.
    assert parse_expression("trigger-1.data") == Path("trigger-1", ("data",))
    assert parse_expression("a-Math.abs(b)") == Chain(Path("a"), (("-", Call("Math.abs", (Path("b"),))),))


def test_or_between_conditions_is_a_plain_or_and_between_values_a_default() -> None:
    assert parse_expression("a || b") == Chain(Path("a"), (("||", Path("b")),))
    assert parse_condition("a || b") == Chain(Path("a"), (("or", Path("b")),))


def test_arrow_functions() -> None:
    assert parse_function("(a, b) => a-b") == Lambda(("a", "b"), Chain(Path("a"), (("-", Path("b")),)))
    assert parse_function("() => 1") == Lambda((), Literal(1))
    with pytest.raises(FlowrayError, match="not an arrow function"):
        parse_function("a")


@pytest.mark.parametrize(
    "text",
    [
        "a b", "a +", "(a", "a)", "a[", "a.", "f()", "a.eval('x')", "eval('1')", "a.b()()", "x => x", "l.map(a)",
        "l.map()", "a | nope", "a | truncate", "a.trim(1)", "[a]", "{a: 1}", "new Date()", "a; b", "import('os')",
        "a ? b", "1.data", "__import__('os')", "''.__class__()", "[x for x in y]", "a.constructor.name()",
    ],
)  # fmt: skip
def test_what_is_not_in_the_language_is_an_expression_error(text: str) -> None:
    with pytest.raises(FlowrayError) as caught:
        parse_expression(text)
    assert caught.value.code is ErrorCode.EXPRESSION_ERROR


def test_errors_name_the_place() -> None:
    with pytest.raises(FlowrayError, match=r"expected a value but found '\)' at position 5 of 'a \+ \)'"):
        parse_expression("a + )")
    with pytest.raises(FlowrayError, match=r"'shout' is no method that expressions have, in 'a\.shout"):
        parse_expression("a.shout()")


def test_the_same_text_gives_the_same_tree() -> None:
    assert parse_expression("cached.path + 1") is parse_expression("cached.path + 1")
