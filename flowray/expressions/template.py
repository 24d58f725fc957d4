"""Fills the templates of a config: every ``{{…}}`` in the strings of nested objects and lists.

A string that is one placeholder and nothing else becomes its value, type and all; within longer text, values become
text. What does not resolve is null as a whole value and stays verbatim inside text, with a warning; what is not in the
language stays verbatim, with a warning. Keys of objects are never templates.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flowray.expressions.conversions import to_text
from flowray.expressions.evaluator import evaluate
from flowray.expressions.limits import expression_error, within_text_limit
from flowray.expressions.names import MISSING, Names
from flowray.expressions.parser import parse_expression
from flowray.expressions.placeholders import Placeholder, split
from flowray.expressions.resolution import resolve
from flowray.values import Json, decode_json


@dataclass(frozen=True, slots=True)
class FillOptions:
    """``keep_unresolved``: an unresolved reference stays verbatim even as a whole value. ``dollar``: ``${…}`` is a
    placeholder too. ``strict``: raise EXPRESSION_ERROR where there would be a warning."""

    keep_unresolved: bool = False
    dollar: bool = False
    strict: bool = False


DEFAULT_OPTIONS = FillOptions()


@dataclass(frozen=True, slots=True)
class TemplateWarning:
    """A placeholder that was not filled. ``placeholder`` is its text, ``pointer`` the JSON Pointer of its string within
    the config, ``kind`` is ``unresolved`` or ``unsupported``."""

    kind: str
    placeholder: str
    pointer: str
    message: str


def fill(
    value: Json,
    names: Names,
    *,
    options: FillOptions = DEFAULT_OPTIONS,
    warnings: list[TemplateWarning] | None = None,
    pointer: str = "",
) -> Json:
    """``value`` with its templates filled; new objects and lists, the given ones untouched.

    ``warnings`` collects what was not filled. Raises EXPRESSION_ERROR if a limit is reached, or for any warning if
    ``options.strict``.
    """
    try:
        return _Filling(names, options, warnings).value(value, pointer)
    except RecursionError:
        raise expression_error("the config is nested too deeply") from None


def fill_text(
    text: str,
    names: Names,
    *,
    options: FillOptions = DEFAULT_OPTIONS,
    warnings: list[TemplateWarning] | None = None,
    pointer: str = "",
) -> str:
    """``text`` filled as text even if it is one placeholder: for prompts, URLs and other places that hold only text."""
    parts = parse_template(text, options.dollar)
    return text if parts is None else _Filling(names, options, warnings).text(parts, pointer)


def fill_json(
    text: str, names: Names, *, options: FillOptions = DEFAULT_OPTIONS, warnings: list[TemplateWarning] | None = None
) -> Json:
    """Like ``fill``, but text that then reads as a JSON object or list becomes that: for outputs written as JSON."""
    value = fill(text, names, options=options, warnings=warnings)
    if not isinstance(value, str) or value.strip()[:1] not in ("{", "["):
        return value
    try:
        return decode_json(value)
    except ValueError:  # msgspec's DecodeError is one
        return value


@lru_cache(maxsize=4096)
def _parse(text: str, dollar: bool) -> tuple[str | Placeholder, ...]:
    return split(text, parse_expression, dollar=dollar)


def parse_template(text: str, dollar: bool = False) -> tuple[str | Placeholder, ...] | None:
    """The parts of a template, or None for text without placeholders. Cached unless the text is long."""
    if "{{" not in text and not (dollar and "${" in text):
        return None
    # Long texts are mostly data that happens to contain braces; keeping them would only fill the cache.
    parts = _parse(text, dollar) if len(text) <= 10_000 else split(text, parse_expression, dollar=dollar)
    return None if all(isinstance(part, str) for part in parts) else parts


class _Filling:
    """One pass over one config."""

    def __init__(self, names: Names, options: FillOptions, warnings: list[TemplateWarning] | None) -> None:
        self.names = names
        self.options = options
        self.warnings = warnings

    def value(self, value: Json, pointer: str) -> Json:
        if isinstance(value, str):
            parts = parse_template(value, self.options.dollar)
            return value if parts is None else self.template(parts, pointer)
        if isinstance(value, dict):
            return {key: self.value(item, f"{pointer}/{_escape(key)}") for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, f"{pointer}/{index}") for index, item in enumerate(value)]
        return value

    def template(self, parts: tuple[str | Placeholder, ...], pointer: str) -> Json:
        if len(parts) > 1 or isinstance(parts[0], str):
            return self.text(parts, pointer)
        placeholder = parts[0]
        value = self.filled(placeholder, pointer)
        if value is not MISSING:
            return value
        keep = self.options.keep_unresolved or placeholder.node is None
        return placeholder.source if keep else None

    def text(self, parts: tuple[str | Placeholder, ...], pointer: str) -> str:
        texts: list[str] = []
        length = 0
        for part in parts:
            if isinstance(part, str):
                texts.append(part)
            else:
                value = self.filled(part, pointer)
                texts.append(part.source if value is MISSING else to_text(value))
            length += len(texts[-1])
            within_text_limit(length)
        return "".join(texts)

    def filled(self, placeholder: Placeholder, pointer: str) -> Any:
        """The value of a placeholder, or MISSING with a warning."""
        if placeholder.node is None:
            # What is no expression may still be a name with blanks in it.
            value = resolve(self.names, placeholder.inner, ())
        else:
            value = evaluate(placeholder.node, self.names)
        if value is MISSING:
            self.warn(placeholder, pointer)
        return value

    def warn(self, placeholder: Placeholder, pointer: str) -> None:
        kind = "unresolved" if placeholder.node is not None else "unsupported"
        message = placeholder.reason or f"nothing provides {placeholder.inner!r}"
        if self.options.strict:
            where = f" at {pointer}" if pointer else ""
            raise expression_error(f"cannot fill {placeholder.source[:200]}{where}: {message}")
        if self.warnings is not None:
            self.warnings.append(TemplateWarning(kind, placeholder.source, pointer, message))


def _escape(key: str) -> str:
    """A key as a token of a JSON Pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")
