"""Text to tokens."""

from __future__ import annotations

import pytest

from flowray.errors import FlowrayError
from flowray.expressions.lexer import TokenCursor, shown, tokenize


def _words(text: str, *, hyphens: bool = True) -> list[str]:
    return [token.text for token in tokenize(text, hyphens=hyphens)[:-1]]


def test_a_hyphen_between_word_characters_belongs_to_the_name_only_if_asked() -> None:
    assert _words("trigger-1.data") == ["trigger-1", ".", "data"]
    assert _words("trigger-1.data", hyphens=False) == ["trigger", "-", "1", ".", "data"]
    assert _words("a - b -c") == ["a", "-", "b", "-", "c"]


def test_after_a_dot_numbers_are_names() -> None:
    assert _words("items.1.5.x") == ["items", ".", "1", ".", "5", ".", "x"]
    assert [token.kind for token in tokenize("items.1", hyphens=True)] == ["name", "sign", "name", "end"]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("1.5e3", ["number"]),
        ("2fa", ["name"]),
        ("10-5", ["number", "sign", "number"]),
        ("$now", ["name"]),
        ("${x}", ["sign", "name", "sign"]),
        ("a?.b", ["name", "sign", "name"]),
        ("a ?.5 : 1", ["name", "sign", "sign", "name", "sign", "number"]),
        ("naïve", ["name"]),
    ],
)
def test_kinds(text: str, kinds: list[str]) -> None:
    assert [token.kind for token in tokenize(text, hyphens=True)[:-1]] == kinds


def test_strings_are_unescaped() -> None:
    assert _words(r"""'it\'s' "a\n\t\u0041\q" """) == ["it's", "a\n\tAq"]


@pytest.mark.parametrize("text", ["a # b", "'open", "a = b", "`x`", "a & b", "@"])
def test_other_signs_are_errors_with_a_position(text: str) -> None:
    with pytest.raises(FlowrayError, match="at position"):
        tokenize(text, hyphens=True)


def test_shown_is_one_short_line() -> None:
    assert shown("a\n  b") == "'a b'"
    assert len(shown("x" * 500)) == 80


def test_a_cursor_never_passes_the_end() -> None:
    cursor = TokenCursor("a", tokenize("a", hyphens=True))
    assert [cursor.take().kind for _ in range(3)] == ["name", "end", "end"]
    assert cursor.following.kind == "end"
    with pytest.raises(FlowrayError, match=r"expected '\)' but found the end at position 2 of 'a'"):
        cursor.expect(")")
