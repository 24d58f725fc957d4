"""Which root names a config reads, without evaluating it: for the compiler's edges and warnings, and for pruning (R6,
R7, R45). Says what is read by name, not which node provides it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from flowray.errors import FlowrayError
from flowray.expressions.foreign import jsonata_roots, script_roots
from flowray.expressions.parser import parse_expression
from flowray.expressions.resolution import PREFIXES
from flowray.expressions.syntax import Access, Key, Lambda, Member, Node, Path, children, descendants
from flowray.expressions.template import parse_template
from flowray.values import Json


class ReadKind(StrEnum):
    """What the strings of a config field are."""

    TEMPLATE = "template"
    PATH = "path"
    EXPRESSION = "expression"
    JSONATA = "jsonata"
    SCRIPT = "script"


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that is read: ``root``, the static keys after it, and the JSON Pointer of the string it stands in.

    ``certain`` is False for guesses (JSONata, scripts, text outside the language): they keep a node's output alive but
    are no reason to warn of an unknown name.
    """

    root: str
    path: tuple[Key, ...]
    pointer: str
    certain: bool = True

    @property
    def source(self) -> str:
        """The prefix that names the source (``var``, ``inputs``, …), or "" for a plain name."""
        return self.root if self.root in PREFIXES else ""


@dataclass(frozen=True, slots=True)
class Reads:
    """What a config reads. ``reads_all``: it may read any name. ``bounded``: all its expressions are paths and
    operators that may run in a process that owns leases (R45)."""

    references: tuple[Reference, ...] = ()
    reads_all: bool = False
    bounded: bool = True

    @property
    def roots(self) -> frozenset[str]:
        """The root names alone."""
        return frozenset(reference.root for reference in self.references)

    def __or__(self, other: Reads) -> Reads:
        return Reads(
            self.references + other.references, self.reads_all or other.reads_all, self.bounded and other.bounded
        )


def read_roots(
    value: Json, kind: ReadKind | str = ReadKind.TEMPLATE, *, pointer: str = "", dollar: bool = False
) -> Reads:
    """What ``value``, a config or one field of it, reads. Strings inside objects and lists are of the same ``kind``.

    References come in order of the document; those of one string are not repeated. ``dollar``: ``${…}`` counts as well.
    """
    read = ReadKind(kind)
    references: list[Reference] = []
    reads_all, bounded = False, True
    for text, where in _strings(value, pointer):
        found = _read_text(text, read, where, dollar)
        references.extend(dict.fromkeys(found.references))
        reads_all |= found.reads_all
        bounded &= found.bounded
    return Reads(tuple(references), reads_all, bounded)


def is_bounded(text: str) -> bool:
    """True if an expression may run inline: only paths, operators, and methods without lambdas (R45). False for text
    that does not parse."""
    try:
        return _is_bounded(parse_expression(text))
    except FlowrayError:
        return False


def _is_bounded(node: Node) -> bool:
    return not any(isinstance(part, Lambda) for part in descendants(node))


def _strings(value: Json, pointer: str) -> Iterator[tuple[str, str]]:
    pending = [(value, pointer)]
    while pending:
        current, where = pending.pop()
        if isinstance(current, str):
            yield current, where
        elif isinstance(current, dict):
            tokens = [(item, f"{where}/{key.replace('~', '~0').replace('/', '~1')}") for key, item in current.items()]
            pending.extend(reversed(tokens))
        elif isinstance(current, list):
            pending.extend(reversed([(item, f"{where}/{index}") for index, item in enumerate(current)]))


def _read_text(text: str, kind: ReadKind, pointer: str, dollar: bool) -> Reads:
    if kind is ReadKind.TEMPLATE:
        return _read_template(text, pointer, dollar)
    if kind in (ReadKind.JSONATA, ReadKind.SCRIPT):
        template = _read_template(text, pointer, dollar)
        return template | _guess(text, jsonata_roots if kind is ReadKind.JSONATA else script_roots, pointer)
    try:
        return _read_tree(parse_expression(text), pointer)
    except FlowrayError:
        template = _read_template(text, pointer, dollar)
        return template if template.references else _guess(text, script_roots, pointer)


def _read_template(text: str, pointer: str, dollar: bool) -> Reads:
    references: list[Reference] = []
    bounded = True
    for part in parse_template(text, dollar) or ():
        if isinstance(part, str):
            continue
        if part.node is not None:
            found = _read_tree(part.node, pointer)
            references.extend(found.references)
            bounded &= found.bounded
        elif part.inner:
            references.append(Reference(part.inner, (), pointer, certain=False))
    return Reads(tuple(references), bounded=bounded)


def _guess(text: str, roots_of: Callable[[str], tuple[frozenset[str], bool]], pointer: str) -> Reads:
    roots, everything = roots_of(text)
    references = tuple(Reference(root, (), pointer, certain=False) for root in sorted(roots))
    return Reads(references, everything, bounded=False)


def _read_tree(node: Node, pointer: str) -> Reads:
    references: list[Reference] = []
    _collect(node, frozenset(), pointer, references)
    return Reads(tuple(references), bounded=_is_bounded(node))


def _collect(node: Node, bound: frozenset[str], pointer: str, found: list[Reference]) -> None:
    """Add the references of ``node``; ``bound`` are the parameters of enclosing lambdas."""
    if isinstance(node, Path):
        if node.root not in bound:
            found.append(Reference(node.root, node.keys, pointer))
        return
    if isinstance(node, Access) and isinstance(node.base, Path) and node.base.root not in bound:
        keys = []
        for step in node.steps:
            if not isinstance(step, Member):
                break
            keys.append(step.key)
        found.append(Reference(node.base.root, node.base.keys + tuple(keys), pointer))
        for child in list(children(node))[1:]:
            _collect(child, bound, pointer, found)
        return
    inner = bound | frozenset(node.parameters) if isinstance(node, Lambda) else bound
    for child in children(node):
        _collect(child, inner, pointer, found)
