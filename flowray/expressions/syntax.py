"""The tree of an expression. Plain immutable data: how text becomes a tree is the parser's business, what a tree means
the evaluator's.

Chains of operators, accesses and filters are flat, so the depth of a tree is bounded by the nesting that its author
wrote, not by its length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

Key: TypeAlias = str | int


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: null, true, false, a number or a string. MISSING for an empty expression."""

    value: Any


@dataclass(frozen=True, slots=True)
class ListLiteral:
    """``['a', 1]``: constants only, so that no expression can multiply values."""

    items: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ObjectLiteral:
    """``{}``: only the empty object, as a default."""


@dataclass(frozen=True, slots=True)
class Path:
    """A root name and static keys: ``order.items[0]['unit price']``."""

    root: str
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Clock:
    """``$now``, as ISO 8601 text or, beside an operator that needs a number, in milliseconds; or ``$elapsed``."""

    name: str
    as_number: bool = False


@dataclass(frozen=True, slots=True)
class Interpolated:
    """A quoted string with ``{{…}}`` inside. ``parts`` are text and trees."""

    parts: tuple[str | Node, ...]


@dataclass(frozen=True, slots=True)
class Lambda:
    """``(sum, d) => sum + d.value``, only as an argument of a method that takes one."""

    parameters: tuple[str, ...]
    body: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the allowlist: ``Object.keys(o)``."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """Step of an access: a static key after something that is not a plain path."""

    key: Key


@dataclass(frozen=True, slots=True)
class Index:
    """Step of an access: a computed key, ``byRep[repName]``."""

    key: Node


@dataclass(frozen=True, slots=True)
class Method:
    """Step of an access: a method of the allowlist. ``function`` is its lambda, if it takes one."""

    name: str
    arguments: tuple[Node, ...]
    function: Lambda | None = None


Step: TypeAlias = Member | Index | Method


@dataclass(frozen=True, slots=True)
class Access:
    """``base`` and then each step. Null anywhere makes the rest missing: navigation is always safe."""

    base: Node
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Unary:
    """Prefix operators, outermost first: ``!``, ``-``, ``+``, ``typeof``."""

    operators: tuple[str, ...]
    operand: Node


@dataclass(frozen=True, slots=True)
class Chain:
    """Operators of one precedence, from left to right.

    ``||`` yields its right side only for null and missing; ``or`` (which is how the parser writes ``||`` between
    conditions) for anything falsy.
    """

    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Conditional:
    """``a ? b : c ? d : e`` as cases (test, value) and the last value."""

    cases: tuple[tuple[Node, Node], ...]
    otherwise: Node


@dataclass(frozen=True, slots=True)
class FilterStep:
    """One ``| name: argument``."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Filtered:
    """A value and the filters it passes."""

    value: Node
    filters: tuple[FilterStep, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Text with a hyphen that could be part of a name or a minus: ``total-count``.

    ``hyphenated`` is taken if each of ``paths``, its hyphenated references, resolves; else ``subtracted`` if each of
    its root names ``roots`` is known; else ``hyphenated``.
    """

    hyphenated: Node
    subtracted: Node
    paths: tuple[Path, ...]
    roots: tuple[str, ...]


Node: TypeAlias = (
    Literal
    | ListLiteral
    | ObjectLiteral
    | Path
    | Clock
    | Interpolated
    | Lambda
    | Call
    | Access
    | Unary
    | Chain
    | Conditional
    | Filtered
    | Either
)


def _step_children(step: Step) -> Iterator[Node]:
    if isinstance(step, Index):
        yield step.key
    elif isinstance(step, Method):
        yield from step.arguments
        if step.function is not None:
            yield step.function


def children(node: Node) -> Iterator[Node]:  # noqa: C901 - one flat case per kind of node
    """The trees directly inside ``node``."""
    match node:
        case Interpolated(parts):
            yield from (part for part in parts if not isinstance(part, str))
        case Lambda(_, body):
            yield body
        case Call(_, arguments):
            yield from arguments
        case Access(base, steps):
            yield base
            for step in steps:
                yield from _step_children(step)
        case Unary(_, operand):
            yield operand
        case Chain(first, rest):
            yield first
            yield from (operand for _, operand in rest)
        case Conditional(cases, otherwise):
            for test, value in cases:
                yield test
                yield value
            yield otherwise
        case Filtered(value, filters):
            yield value
            for passed in filters:
                yield from passed.arguments
        case Either(hyphenated, subtracted):
            yield hyphenated
            yield subtracted
        case _:
            return


def descendants(node: Node) -> Iterator[Node]:
    """``node`` and every tree inside it, parents before children."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(children(current))
