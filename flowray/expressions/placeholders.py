"""Where the ``{{…}}`` and ``${…}`` of a text are. Finds them; what is inside is for the parser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flowray.errors import FlowrayError
from flowray.expressions.limits import MAX_EXPRESSION_CHARS
from flowray.expressions.syntax import Node

_MAX_CLOSINGS = 4
"""How many later ``}}`` are tried if the text up to the first does not parse: a string or ``{}`` may hold one."""

_CLOSINGS = {"{{": "}}", "${": "}"}


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One ``{{…}}``. ``source`` is its text, braces included; ``inner`` what is between them, stripped. ``node`` is its
    tree, or None if it does not parse, with the ``reason``."""

    source: str
    inner: str
    node: Node | None
    reason: str = ""


def split(text: str, parse: Callable[[str], Node], *, dollar: bool = False) -> tuple[str | Placeholder, ...]:
    """``text`` as a sequence of plain texts and placeholders, which joined give ``text`` again.

    Of nested openings the innermost counts, so ``{{{x}}}`` is a placeholder within braces. ``dollar`` takes ``${…}`` as
    well; ``${{x}}`` stays a dollar sign before ``{{x}}``, as prices are written. Linear in the length of ``text``.
    """
    parts: list[str | Placeholder] = []
    done = 0
    openings = ["{{", "${"] if dollar else ["{{"]
    while (found := _next_opening(text, done, openings)) is not None:
        start, opening = found
        closing = _CLOSINGS[opening]
        end = text.find(closing, start + 2)
        if end < 0:
            # Nothing closes any later opening of this kind either.
            openings.remove(opening)
            continue
        if opening == "{{":
            start = text.rfind("{{", start, end)
        placeholder, stop = _placeholder(text, start, end, closing, parse)
        if start > done:
            parts.append(text[done:start])
        parts.append(placeholder)
        done = stop
    if done < len(text):
        parts.append(text[done:])
    return tuple(parts)


def _next_opening(text: str, position: int, openings: list[str]) -> tuple[int, str] | None:
    """The first opening from ``position``. ``${`` just before ``{{``, as in ``${{x}}``, is no opening."""
    candidates = []
    for opening in openings:
        start = text.find(opening, position)
        while start >= 0 and opening == "${" and text.startswith("{", start + 2):
            start = text.find(opening, start + 2)
        if start >= 0:
            candidates.append((start, opening))
    return min(candidates, default=None)


def _placeholder(
    text: str, start: int, end: int, closing: str, parse: Callable[[str], Node]
) -> tuple[Placeholder, int]:
    """The placeholder that opens at ``start``, and where it ends."""
    reason = ""
    stop = end
    for _ in range(_MAX_CLOSINGS):
        inner = text[start + 2 : stop]
        try:
            node = parse(inner)
        except FlowrayError as error:
            reason = reason or error.message
        else:
            after = stop + len(closing)
            return Placeholder(text[start:after], inner.strip(), node), after
        following = text.find(closing, stop + 1, start + MAX_EXPRESSION_CHARS)
        if following < 0 or not any(sign in inner for sign in "\"'{"):
            break
        stop = following
    after = end + len(closing)
    return Placeholder(text[start:after], text[start + 2 : end].strip(), None, reason), after
