"""Text of an expression to tokens, in linear time. Knows words and signs, not what they mean together."""

from __future__ import annotations

import re
from typing import NamedTuple

from flowray.errors import FlowrayError
from flowray.expressions.limits import MAX_DEPTH, MAX_EXPRESSION_CHARS, expression_error


class Token(NamedTuple):
    """``kind`` is number, name, string, sign or end. ``text`` of a string is its content, unescaped."""

    kind: str
    text: str
    start: int


_NUMBER = r"(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w$]))"
_STRING = r"""(?P<string>"[^"\\]*(?:\\.[^"\\]*)*"|'[^'\\]*(?:\\.[^'\\]*)*')"""
_SIGN = r"(?P<sign>===|!==|==|!=|<=|>=|=>|&&|\|\||\?\?|\?\.(?![0-9])|\{\{|\}\}|\$\{|[-+*/%<>!?:.,()\[\]{}|])"
_WORD = r"[\w$]+"
_HYPHENATED = r"[\w$]+(?:-[\w$]+)*"


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?P<space>\s+)|{_NUMBER}|(?P<dollar>\$\{{)|(?P<name>{name})|{_STRING}|{_SIGN}", re.DOTALL)


_PATTERNS = {False: _pattern(_WORD), True: _pattern(_HYPHENATED)}
_MEMBERS = {False: re.compile(_WORD), True: re.compile(_HYPHENATED)}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0"}


def tokenize(text: str, *, hyphens: bool) -> list[Token]:
    """The tokens of ``text`` and a last one of kind end.

    ``hyphens``: a hyphen between two word characters belongs to the name (``trigger-1``); otherwise it is a minus.
    After a dot anything made of word characters is a name, so ``items.0.name`` reads as a path. Raises
    EXPRESSION_ERROR for a sign that is none, an open string, or too long a text.
    """
    if len(text) > MAX_EXPRESSION_CHARS:
        raise expression_error(f"the expression has {len(text)} characters; the limit is {MAX_EXPRESSION_CHARS}")
    pattern, member = _PATTERNS[hyphens], _MEMBERS[hyphens]
    tokens: list[Token] = []
    position = 0
    after_dot = False
    while position < len(text):
        match = member.match(text, position) if after_dot else None
        kind = "name"
        if match is None:
            match = pattern.match(text, position)
            if match is None:
                raise expression_error(f"unexpected {text[position]!r} at position {position + 1} of {shown(text)}")
            kind = match.lastgroup or ""
        position = match.end()
        if kind == "space":
            continue
        if kind == "dollar":
            kind = "sign"
        word = _unescape(match.group()[1:-1]) if kind == "string" else match.group()
        tokens.append(Token(kind, word, match.start()))
        after_dot = kind == "sign" and word in (".", "?.")
    tokens.append(Token("end", "", len(text)))
    return tokens


def shown(text: str) -> str:
    """The text as error messages quote it: one line, at most 80 characters."""
    flat = " ".join(text.split())
    return repr(flat if len(flat) <= 80 else flat[:77] + "…")


def _unescape(body: str) -> str:
    return _ESCAPE.sub(_escaped, body) if "\\" in body else body


def _escaped(match: re.Match[str]) -> str:
    code = match.group(1)
    if len(code) == 5:
        return chr(int(code[1:], 16))
    return _ESCAPES.get(code, code)


class TokenCursor:
    """A place in the tokens of one text, and the ways to go on from it."""

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.position = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        """The present token."""
        return self.tokens[self.position]

    def at(self, sign: str, ahead: int = 0) -> bool:
        """True if the token ``ahead`` of the present one is that sign."""
        index = min(self.position + ahead, len(self.tokens) - 1)
        return self.tokens[index].kind == "sign" and self.tokens[index].text == sign

    @property
    def following(self) -> Token:
        """The token after the present one; the end, at the end."""
        return self.tokens[min(self.position + 1, len(self.tokens) - 1)]

    def take(self) -> Token:
        """The present token; moves on, but never past the end."""
        token = self.tokens[self.position]
        if token.kind != "end":
            self.position += 1
        return token

    def accept(self, sign: str) -> bool:
        """Take that sign if it is here."""
        if self.at(sign):
            self.position += 1
            return True
        return False

    def expect(self, sign: str) -> None:
        """Take that sign, or raise EXPRESSION_ERROR."""
        if not self.accept(sign):
            raise self.unexpected(f"expected {sign!r}")

    def unexpected(self, wanted: str) -> FlowrayError:
        """The error that says what was found instead, and where."""
        token = self.token
        found = "the end" if token.kind == "end" else repr(token.text[:40])
        return expression_error(f"{wanted} but found {found} at position {token.start + 1} of {shown(self.text)}")

    def enter(self) -> None:
        """Go one level deeper; raises EXPRESSION_ERROR below MAX_DEPTH. The caller counts ``depth`` back."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise expression_error(f"the expression is nested too deeply: {shown(self.text)}")
