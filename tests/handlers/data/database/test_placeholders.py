"""SQL cut into text and bound values: no value ever becomes part of the text."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.errors import FlowrayError
from flowray.expressions.parser import parse_expression
from flowray.expressions.placeholders import Placeholder, split
from flowray.handlers.data.database.placeholders import bind, is_read
from flowray.handlers.databases import Bound, Dialect, Part

EVIL = "'; DROP TABLE users; --"


def bound(sql: str, parameters: Any = (), dialect: Dialect = "postgresql") -> list[Part]:
    def filled(hole: Placeholder) -> Any:
        return {"evil": EVIL, "n": 5}.get(hole.inner)

    given = list(parameters) if isinstance(parameters, tuple) else parameters
    return bind(split(sql, parse_expression), given, filled, dialect)


def shown(parts: list[Part]) -> list[Any]:
    return [[part.value] if isinstance(part, Bound) else part for part in parts]


@pytest.mark.parametrize(
    ("sql", "parameters", "expected"),
    [
        ("a = $1 AND b = $2", (1, "x"), ["a = ", [1], " AND b = ", ["x"]]),
        ("a = $2 AND b = $1 AND c = $2", (1, 2), ["a = ", [2], " AND b = ", [1], " AND c = ", [2]]),
        ("a = ? AND b = ?", (1, 2), ["a = ", [1], " AND b = ", [2]]),
        ("a = :x AND b = :x", {"x": 1}, ["a = ", [1], " AND b = ", [1]]),
        ("a::text = :x", {"x": 1}, ["a::text = ", [1]]),
        ("a = $1::int", (1,), ["a = ", [1], "::int"]),
        ("a ?| b AND c ? 'd'", (), ["a ?| b AND c ? 'd'"]),
        ("a = '$1 ? :x' AND b = $1", (1,), ["a = '$1 ? :x' AND b = ", [1]]),
        ("a -- $1 it's\n= $1", (1,), ["a -- $1 it's\n= ", [1]]),
        ("a /* ' $1 */ = $1", (1,), ["a /* ' $1 */ = ", [1]]),
        ("a = 'it''s $1' AND b = $1", (1,), ["a = 'it''s $1' AND b = ", [1]]),
        (r"a = 'C:\' AND b = $1", (1,), [r"a = 'C:\' AND b = ", [1]]),
        (r"a = E'it\'s $1' AND b = $1", (1,), [r"a = E'it\'s $1' AND b = ", [1]]),
        ('"a$1" = $1', (1,), ['"a$1" = ', [1]]),
        ("$f$ ' $1 $f$ = $1", (1,), ["$f$ ' $1 $f$ = ", [1]]),
        ("at '12:30'", {"x": 1}, ["at '12:30'"]),
        ("a = {{evil}}", (), ["a = ", [EVIL]]), ("a > {{n}}", (), ["a > ", [5]]),
        ("a = {{gone}}", (), ["a = ", [None]]),
        ("a = '{{evil}}'", (), ["a = ", [EVIL]]), ("a LIKE '%{{evil}}%'", (), ["a LIKE ", [f"%{EVIL}%"]]),
        ("a = 'it''s {{n}}'", (), ["a = ", ["it's 5"]]),
        ("a = {{n}} AND b = $1", (1,), ["a = ", [5], " AND b = ", [1]]),
    ],
)  # fmt: skip
def test_values_are_bound(sql: str, parameters: Any, expected: list[Any]) -> None:
    assert shown(bound(sql, parameters)) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (r"a = 'it\'s $1' AND b = $1", [r"a = 'it\'s $1' AND b = ", [1]]),
        ('a = "say $1" AND b = $1', ['a = "say $1" AND b = ', [1]]),
        ("a # $1\n = $1", ["a # $1\n = ", [1]]),
        ('a = "{{evil}}" AND b = $1', ["a = ", [EVIL], " AND b = ", [1]]),
    ],
)
def test_mysql_has_escapes_and_two_quotes(sql: str, expected: list[Any]) -> None:
    assert shown(bound(sql, (1,), "mysql")) == expected


@pytest.mark.parametrize(
    ("sql", "parameters", "message"),
    [
        ("$1", (), "$1 has no value"), ("$2", (1,), "$2 has no value"), ("? ?", (1,), "? has no value"),
        ("$0", (1,), "$0 has no value"), (":y", {"x": 1}, ":y has no value; there are x"),
        ("SELECT 1", (1, 2), "does not use parameter 1, 2"),
        ("SELECT * FROM {{evil}}", (), "cannot stand for a table"), ("UPDATE  {{evil}} SET a = 1", (), "cannot stand"),
        ("SELECT t.{{evil}} FROM t", (), "cannot stand"), ('SELECT "{{evil}}"', (), "inside a comment, a name"),
        ("SELECT 1 -- {{evil}}", (), "inside a comment"), ("SELECT $$ {{evil}} $$", (), "inside a comment"),
        (r"SELECT E'\' {{evil}}'", (), "a text with escapes"),
    ],
)  # fmt: skip
def test_what_is_refused(sql: str, parameters: Any, message: str) -> None:
    with pytest.raises(FlowrayError, match=message.replace("$", r"\$").replace("?", r"\?")) as caught:
        bound(sql, parameters)
    assert caught.value.code == "INVALID_NODE_CONFIG"


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("SELECT * FROM t WHERE a = 'insert'", True), ("  select 1 -- delete", True),
        ("WITH x AS (SELECT 1) SELECT *", True),
        ("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", False), ("SELECT 1; DELETE FROM t", False),
        ("INSERT INTO t VALUES (1)", False), ("SELECT a INTO b FROM t", False), ("SELECT nextval('s')", False),
        ("{{sql}}", False), (None, False), ("SELECT 1;", True),
    ],
)  # fmt: skip
def test_r24_what_only_reads(sql: Any, reads: bool) -> None:
    assert is_read(sql) is reads


def test_long_texts_take_linear_time() -> None:
    """Quadratic, these would not end within the time limit of the suite."""
    for piece in ("'" * 9, "$a", "--", "/*", '"', "$$ ", ": :", "? "):
        bound(piece * 20_000)
