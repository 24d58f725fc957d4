"""What each node's config reads, by root name, and the expressions in it that do not parse. Providers come later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from flowray.compiler.graph import Graph
from flowray.definition.diagnostics import DiagnosticCode, Diagnostics, Severity, pointer
from flowray.definition.node_type import FieldKind
from flowray.expressions.references import Reads, Reference, read_roots
from flowray.expressions.template import parse_template

_RULE_NAMES = frozenset({"name", "label", "id", "value", "description"})


@dataclass(frozen=True, slots=True)
class NodeReads:
    """``roots`` maps each root name to the first reference to it. Pointers are those of the definition. ``bounded``:
    see ``Reads``.
    """

    roots: dict[str, Reference] = field(default_factory=dict)
    reads_all: bool = False
    bounded: bool = True


def collect_reads(
    graph: Graph, reachable: tuple[str, ...], dollar: bool, strict: bool, diagnostics: Diagnostics
) -> dict[str, NodeReads]:
    """The reads of every reachable node, by the kinds that its type declares for its fields (R7)."""
    severity = Severity.ERROR if strict else Severity.WARNING
    found: dict[str, NodeReads] = {}
    for node_id in reachable:
        reads = _read_config(graph, node_id, dollar)
        roots: dict[str, Reference] = {}
        for reference in reads.references:
            known = roots.get(reference.root)
            if known is None or (reference.certain and not known.certain):
                roots[reference.root] = reference
        found[node_id] = NodeReads(roots, reads.reads_all or graph.types[node_id].reads_all, reads.bounded)
        # What does not parse is read as an uncertain name, so certain ones need no second look.
        doubtful = any(not reference.certain for reference in reads.references)
        for where, inner, reason in _broken(graph, node_id, dollar) if doubtful else ():
            diagnostics.add(
                severity,
                DiagnosticCode.EXPRESSION_SYNTAX,
                f"Node {node_id!r}: {{{{{inner[:120]}}}}} cannot be read as an expression and stays as text: {reason}",
                node_id=node_id,
                pointer=where,
                hint="Check quotes and brackets; write literal braces as text without a path between them.",
            )
    return found


def _read_config(graph: Graph, node_id: str, dollar: bool) -> Reads:
    reads = Reads()
    for name, value, kind in _fields(graph, node_id):
        where = pointer("nodes", node_id, "config", name)
        if kind is FieldKind.EXPRESSION and isinstance(value, list):
            reads |= _read_rules(value, where, dollar)
        elif kind is not FieldKind.LITERAL:
            reads |= read_roots(value, kind.value, pointer=where, dollar=dollar)
    return reads


def _read_rules(rules: list[Any], where: str, dollar: bool) -> Reads:
    """A list of rules: what names a rule is text with templates, only the rest is an expression."""
    reads = Reads()
    for index, rule in enumerate(rules):
        place = where + pointer(index)
        if not isinstance(rule, dict):
            reads |= read_roots(rule, FieldKind.EXPRESSION.value, pointer=place, dollar=dollar)
            continue
        for key, value in rule.items():
            kind = FieldKind.TEMPLATE if key in _RULE_NAMES else FieldKind.EXPRESSION
            reads |= read_roots(value, kind.value, pointer=place + pointer(key), dollar=dollar)
    return reads


def _fields(graph: Graph, node_id: str) -> Iterator[tuple[str, Any, FieldKind]]:
    kinds = graph.types[node_id].fields
    for name, value in graph.nodes[node_id].config.items():
        if value is not None:
            yield name, value, kinds.get(name) or FieldKind.TEMPLATE


def _broken(graph: Graph, node_id: str, dollar: bool) -> Iterator[tuple[str, str, str]]:
    """``(pointer, text, reason)`` of every placeholder that does not parse."""
    for name, value, kind in _fields(graph, node_id):
        if kind is FieldKind.TEMPLATE:
            for text, where in _texts(value, pointer("nodes", node_id, "config", name)):
                for part in parse_template(text, dollar) or ():
                    if not isinstance(part, str) and part.node is None:
                        yield where, part.inner, part.reason


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if "{{" in value or "${" in value:
            yield value, where
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, where + pointer(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, where + pointer(index))
