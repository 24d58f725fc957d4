"""SQL of an author's, cut into text and bound values: ``$1``, ``:name``, ``?`` and templates. Runs nothing.

No value ever becomes part of the text. A template is a bound value as well, and a string literal with templates in it
is one, too: ``'%{{name}}%'``. Where no value can stand, for a table or inside a quoted name, a template is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flowray.errors import ErrorCode, FlowrayError
from flowray.expressions.placeholders import Placeholder
from flowray.handlers.databases import Bound, Dialect, Part
from flowray.handlers.node_config import text_of
from flowray.values import Json

_STANDARD = r"""
      (?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<dollar>\$(?P<tag>[A-Za-z_]\w*|)\$.*?\$(?P=tag)\$)
    | (?P<escaped>\b[eE]'(?:[^'\\]|''|\\.)*(?:'|\Z))
    | (?P<literal>'(?:[^']|'')*(?:'|\Z))
    | (?P<quoted>"(?:[^"]|"")*(?:"|\Z)|`(?:[^`]|``)*(?:`|\Z))
"""
_OF_MYSQL = r"""
      (?P<comment>--[^\n]*|\#[^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<escaped>(?:'(?:[^'\\]|''|\\.)*(?:'|\Z)|"(?:[^"\\]|""|\\.)*(?:"|\Z)))
    | (?P<quoted>`(?:[^`]|``)*(?:`|\Z))
    | (?P<literal>(?!))
    | (?P<dollar>(?!))
"""
_VALUES = r"""
    | (?P<template>\x00(?P<index>\d+)\x00)
    | \$(?P<number>\d+)
    | (?<![:\w]):(?P<name>[A-Za-z_]\w*)
    | (?P<mark>\?(?![|&?]))
"""
_TOKENS: dict[Dialect, re.Pattern[str]] = {
    "postgresql": re.compile(_STANDARD + _VALUES, re.VERBOSE | re.DOTALL),
    "sqlite": re.compile(_STANDARD + _VALUES, re.VERBOSE | re.DOTALL),
    "mysql": re.compile(_OF_MYSQL + _VALUES, re.VERBOSE | re.DOTALL),
}
_HOLE = re.compile(r"\x00(\d+)\x00")
_NAMES_A_TABLE = re.compile(r"(?:\b(?:from|join|into|update|table|truncate|database|schema|index|on)\s+|\.)\Z", re.I)

Parameters = list[Json] | dict[str, Json]
Filled = Callable[[Placeholder], Json]


def bind(parts: tuple[str | Placeholder, ...], parameters: Parameters, filled: Filled, dialect: Dialect) -> list[Part]:
    """The statement ``parts`` with every placeholder and template as a bound value.

    ``parameters`` are by position for ``$1`` and ``?``, by name for ``:name``. Raises INVALID_NODE_CONFIG for one that
    has no value, for a value that nothing uses, and for a template where no value can stand.
    """
    holes = [part for part in parts if isinstance(part, Placeholder)]
    numbered = iter(range(len(holes)))
    pieces = [part.replace("\x00", "") if isinstance(part, str) else f"\x00{next(numbered)}\x00" for part in parts]
    text = "".join(pieces)
    values = _Values(parameters)
    bound: list[Part] = []
    done = 0
    for match in _TOKENS[dialect].finditer(text):
        replaced = _replaced(match, text, values, holes, filled)
        if replaced is None:
            continue
        if match.start() > done:
            bound.append(text[done : match.start()])
        bound.append(replaced)
        done = match.end()
    bound.append(text[done:])
    values.check_used()
    return [part for part in bound if part != ""]


def _replaced(
    match: re.Match[str], text: str, values: _Values, holes: list[Placeholder], filled: Filled
) -> Bound | None:
    """The value that a token stands for; None for one that stays."""
    token = match[0]
    if match["template"]:
        before = text[: match.start()]
        if _NAMES_A_TABLE.search(before):
            raise _wrong(f"{holes[int(match['index'])].source} cannot stand for a table or a column in SQL")
        return Bound(filled(holes[int(match["index"])]))
    literal = match["literal"] or match["escaped"]
    if literal and "\x00" in token and "\\" not in token:
        return Bound(_literal(token, holes, filled))
    if "\x00" in token:
        found = _HOLE.search(token)
        source = holes[int(found[1])].source if found else "a template"
        raise _wrong(f"{source} stands inside a comment, a name, or a text with escapes of the SQL")
    if match["number"]:
        return values.at(int(match["number"]), token)
    if match["name"] and values.by_name is not None:
        return values.called(match["name"])
    return values.next() if match["mark"] and values.marks else None


def _literal(token: str, holes: list[Placeholder], filled: Filled) -> str:
    """The text that a string literal with templates comes to."""
    quote = token[-1]
    inner = token[token.index(quote) + 1 : -1].replace(quote * 2, quote)
    return _HOLE.sub(lambda hole: text_of(filled(holes[int(hole[1])])), inner)


class _Values:
    """The parameters, and which of them were used."""

    def __init__(self, parameters: Parameters) -> None:
        self.by_name: Mapping[str, Json] | None = parameters if isinstance(parameters, dict) and parameters else None
        self._listed = parameters if isinstance(parameters, list) else []
        self._used: set[int | str] = set()
        self._marks: Iterator[int] = iter(range(1, len(self._listed) + 1))
        # Without a list a question mark is an operator, as PostgreSQL has it.
        self.marks = isinstance(parameters, list) and bool(parameters)

    def at(self, number: int, token: str) -> Bound:
        if self.by_name is not None and str(number) in self.by_name:
            return self.called(str(number))
        if not 0 < number <= len(self._listed):
            raise _wrong(f"{token} has no value: there are {len(self._listed)} parameters")
        self._used.add(number)
        return Bound(self._listed[number - 1])

    def called(self, name: str) -> Bound:
        assert self.by_name is not None
        if name not in self.by_name:
            raise _wrong(f":{name} has no value; there are {', '.join(sorted(self.by_name))}")
        self._used.add(name)
        return Bound(self.by_name[name])

    def next(self) -> Bound:
        number = next(self._marks, 0)
        return self.at(number or len(self._listed) + 1, "?")

    def check_used(self) -> None:
        """A value that goes nowhere is a mistake in the one list or the other."""
        if len(self._used) < len(self._listed):
            unused = [str(number) for number in range(1, len(self._listed) + 1) if number not in self._used]
            raise _wrong(f"the SQL does not use parameter {', '.join(unused)}")


def _wrong(message: str) -> FlowrayError:
    return FlowrayError(
        ErrorCode.INVALID_NODE_CONFIG, message, hint="write $1, ?, or :name in the SQL, and the value into parameters"
    )


def is_read(sql: Any) -> bool:
    """True if a text can only read: errs towards writing (R24)."""
    if not isinstance(sql, str):
        return False
    code = _TOKENS["postgresql"].sub(lambda match: match[0] if match["quoted"] or match["template"] else " ", sql)
    return _READS.match(code) is not None and _WRITES.search(code) is None


_READS = re.compile(r"\s*\(?\s*(?:select|with|values|show|explain|describe|table)\b", re.I)
_WRITES = re.compile(
    r"\b(?:insert|update|delete|merge|replace|upsert|create|drop|alter|truncate|grant|revoke|call|do|copy|into|execute|"
    r"vacuum|lock|nextval|setval|set)\b|;\s*\S",
    re.I,
)
