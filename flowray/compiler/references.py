"""Who provides what each node reads (R6, R7): providers, readers, and the ordering edges that a reference implies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from flowray.compiler.bodies import item_names
from flowray.compiler.edges import Order, ScopeEdges, successors
from flowray.compiler.graph import Graph
from flowray.compiler.loops import Scopes
from flowray.compiler.reads import NodeReads
from flowray.definition.diagnostics import DiagnosticCode, Diagnostics
from flowray.definition.workflow import WorkflowDefinition
from flowray.expressions.references import Reference
from flowray.expressions.resolution import PREFIXES
from flowray.plan import ROOT, DialectSemantics, PlanEdge

ALIAS_FIELDS = ("outputVariable", "inputName", "inputVariable", "outputName", "variableName")
"""Config fields that give a node's output another name."""

MAX_READERS = 1_000_000
"""Pairs of provider and reader that a plan lists; beyond, all outputs are retained instead."""

MAX_PROVIDERS = 256
"""Providers of one name that a reader lists, the latest ones: the next is read only if all later ones did not run."""

_MAX_ORDERING_EDGES = 500
"""Each costs a walk through the graph to see that it closes no cycle."""

_ALWAYS_KNOWN = PREFIXES | {"trigger", "execution", "workflow", "item", "currentItem", "index", "$now", "this"}


@dataclass
class Providers:
    """``by_reader[node][name]`` are node ids, best first. ``readers[provider]`` are node ids in plan order."""

    by_reader: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    reads_all: set[str] = field(default_factory=set)
    readers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    retain_all: bool = False


@dataclass
class Names:
    """``candidates`` maps a name to the nodes that may provide it; ``inputs`` and ``variables`` are other sources."""

    candidates: dict[str, list[str]]
    others: set[str]
    open_inputs: bool


def name_table(graph: Graph, definition: WorkflowDefinition) -> Names:
    """Every name that a reference may mean, from node ids, aliases, inputs and variables."""
    candidates: dict[str, list[str]] = {node_id: [node_id] for node_id in graph.nodes}
    schema = definition.inputs or {}
    properties = schema.get("properties")
    others = set(properties) if isinstance(properties, dict) else set()
    others |= definition.variables.keys()
    if definition.settings.error_handler is not None:
        others |= {"error", "errors"}
    inputs_named = False
    for node_id, node in graph.nodes.items():
        for key in ALIAS_FIELDS:
            name = node.config.get(key)
            if isinstance(name, str) and name:
                known = candidates.setdefault(name, [])
                # A node comes here once per alias, so only the last entry, or the one by id, can be itself.
                if node_id not in (known[-1:] + known[:1]):
                    known.append(node_id)
                if key in ("variableName", "inputName", "inputVariable"):
                    others.add(name)
                    inputs_named |= key != "variableName"
    return Names(candidates, others, open_inputs=not properties and not inputs_named)


def order_references(
    graph: Graph,
    scopes: Scopes,
    edges: dict[str, ScopeEdges],
    order: Order,
    reads: Mapping[str, NodeReads],
    names: Names,
    visible: Visibility,
    diagnostics: Diagnostics,
) -> bool:
    """Make a reader wait for a node that it names but that is not upstream (R6). True if edges were added."""
    following: dict[str, dict[str, list[str]]] = {}
    added = 0
    for reader in order.rank:
        for name, reference in reads[reader].roots.items():
            providers = names.candidates.get(name)
            if not providers or providers == [reader] or visible.sees_any(reader, name, providers):
                continue
            present = next((other for other in providers if other in order.rank and other != reader), None)
            by_id = name in graph.nodes and name != reader
            if name in names.others and not by_id:
                continue
            if present is None:
                if by_id:
                    _warn(
                        diagnostics, DiagnosticCode.REFERENCE_UNREACHABLE, reader, reference,
                        f"reads {name!r}, which is never run", "The value is always null.",
                    )  # fmt: skip
                continue
            following = following or {scope: successors(content) for scope, content in edges.items()}
            ends = _common_scope(scopes, present, reader)
            possible = ends is not None and added < _MAX_ORDERING_EDGES
            if possible and ends is not None and not _reaches(following[ends[0]], ends[2], ends[1]):
                scope, source, target = ends
                following[scope][source].append(target)
                edges[scope].edges.append(PlanEdge(f"{source}-[read]->{target}", source, target, kind="ordering"))
                added += 1
                _warn(
                    diagnostics, DiagnosticCode.REFERENCE_NOT_UPSTREAM, reader, reference,
                    f"reads {name!r} of {present!r}, which is not upstream; it waits for it",
                    f"Connect {present!r} to {reader!r}, or to a node before it.",
                )  # fmt: skip
            elif by_id:
                _warn(
                    diagnostics, DiagnosticCode.REFERENCE_CIRCULAR, reader, reference,
                    f"reads {name!r}, which runs only after it", "The value is null.",
                )  # fmt: skip
    return added > 0


def find_providers(
    graph: Graph,
    scopes: Scopes,
    order: Order,
    reads: Mapping[str, NodeReads],
    names: Names,
    visible: Visibility,
    dialect: DialectSemantics,
    diagnostics: Diagnostics,
) -> Providers:
    """Resolve every name that is read to nodes, and turn that round into the readers of every output."""
    found = Providers()
    readers: dict[str, list[str]] = {}
    # Names are few in kind: a loop's item is looked for among its own names only once.
    items = {container: item_names(graph, container) for container in scopes.bodies}
    for reader in order.rank:
        resolved: dict[str, tuple[str, ...]] = {}
        everything = reads[reader].reads_all
        for name, reference in reads[reader].roots.items():
            providers = visible.best(reader, name, names.candidates.get(name, ()))
            if providers:
                resolved[name] = providers
                for provider in providers:
                    readers.setdefault(provider, []).append(reader)
            elif name in graph.nodes and name != reader:
                # A node that this one never sees: its name is known, and reads null (R6).
                resolved[name] = ()
            elif not _known_otherwise(name, reader, graph, scopes, items, names):
                if dialect.flatten_outputs:
                    everything = True
                elif reference.certain and not names.open_inputs:
                    _warn(
                        diagnostics, DiagnosticCode.UNKNOWN_REFERENCE, reader, reference,
                        f"reads {name!r}, which no node, input or variable provides",
                        "Inside text it stays as written; alone it is null.",
                    )  # fmt: skip
        found.by_reader[reader] = resolved
        if everything:
            found.reads_all.add(reader)
    _expand_reads_all(found, readers, visible, order)
    found.readers = {
        provider: tuple(dict.fromkeys(sorted(names_of, key=order.rank.__getitem__)))
        for provider, names_of in sorted(readers.items(), key=lambda item: order.rank[item[0]])
    }
    return found


class Visibility:
    """Which nodes each node can see, as bit sets over plan order: one OR per edge, a few ms for 10,000 nodes.

    ``before``: ancestors in the own scope, with the bodies of ancestor containers. ``again``: the rest of the own body,
    as it was in the previous iteration. ``around``: what the enclosing containers see.
    """

    def __init__(self, scopes: Scopes, edges: dict[str, ScopeEdges], order: Order) -> None:
        self._bit = {node_id: 1 << rank for node_id, rank in order.rank.items()}
        self._names = list(order.rank)
        self._masks: dict[str, int] = {}
        self._before: dict[str, int] = {}
        self._again: dict[str, int] = {}
        self._around: dict[str, int] = {}
        self._bodies: dict[str, int] = {
            container: self._bits(body.members) for container, body in scopes.bodies.items()
        }
        for scope in self._outer_first(scopes):
            self._fill(scope, edges[scope], order.scopes[scope])

    def sees_any(self, reader: str, name: str, candidates: Iterable[str]) -> bool:
        """Whether ``reader`` may read the output of any of ``candidates``, which are all that provide ``name``."""
        return bool(self.all_of(reader) & self._mask(name, candidates))

    def all_of(self, reader: str) -> int:
        """Everything that ``reader`` may read, as bits of plan order."""
        own = self._bodies.get(reader, 0)
        return self._before[reader] | own | self._again[reader] | self._around[reader]

    def best(self, reader: str, name: str, candidates: Iterable[str]) -> tuple[str, ...]:
        """Those of ``candidates`` that ``reader`` sees: own scope, previous iteration, around; latest first (R6)."""
        mask = self._mask(name, candidates)
        found: list[str] = []
        # A container's condition sees what the round before left in its own body.
        own = self._bodies.get(reader, 0)
        for seen in (self._before[reader], own, self._again[reader], self._around[reader]):
            bits = seen & mask
            while bits and len(found) < MAX_PROVIDERS:
                latest = bits.bit_length() - 1
                found.append(self._names[latest])
                bits ^= 1 << latest
        return tuple(found)

    def _mask(self, name: str, candidates: Iterable[str]) -> int:
        known = self._masks.get(name)
        if known is None:
            known = self._masks[name] = self._bits(candidates)
        return known

    def _bits(self, nodes: Iterable[str]) -> int:
        total = 0
        for node_id in nodes:
            total |= self._bit.get(node_id, 0)
        return total

    @staticmethod
    def _outer_first(scopes: Scopes) -> list[str]:
        return [ROOT, *sorted(scopes.bodies, key=lambda container: len(scopes.chain(container)))]

    def _fill(self, scope: str, content: ScopeEdges, ordered: list[str]) -> None:
        incoming: dict[str, list[str]] = {node_id: [] for node_id in ordered}
        for edge in content.edges:
            if edge.target in incoming and edge.source in incoming:
                incoming[edge.target].append(edge.source)
        around = 0
        body = 0
        if scope != ROOT:
            around = self._before[scope] | self._again[scope] | self._around[scope] | self._bit[scope]
            body = self._bodies[scope]
        for node_id in ordered:
            before = 0
            for source in incoming[node_id]:
                before |= self._before[source] | self._bit[source] | self._bodies.get(source, 0)
            self._before[node_id] = before
            self._again[node_id] = body & ~before
            self._around[node_id] = around


def _expand_reads_all(found: Providers, readers: dict[str, list[str]], visible: Visibility, order: Order) -> None:
    """A node that may read anything is a reader of all that it sees, as long as that can be listed."""
    pairs = sum(visible.all_of(reader).bit_count() for reader in found.reads_all)
    if pairs > MAX_READERS:
        found.retain_all = True
        return
    names = list(order.rank)
    for reader in sorted(found.reads_all, key=order.rank.__getitem__):
        bits = visible.all_of(reader)
        while bits:
            lowest = bits & -bits
            readers.setdefault(names[lowest.bit_length() - 1], []).append(reader)
            bits ^= lowest


def _known_otherwise(
    name: str,
    reader: str,
    graph: Graph,
    scopes: Scopes,
    items: Mapping[str, frozenset[str]],
    names: Names,
) -> bool:
    if name in _ALWAYS_KNOWN or name in names.others or name in graph.nodes or name.startswith("$"):
        return True
    chain = [*scopes.chain(reader)[1:], reader]
    return any(name in items.get(scope, ()) for scope in chain)


def _common_scope(scopes: Scopes, provider: str, reader: str) -> tuple[str, str, str] | None:
    """``(scope, source, target)``: the innermost common scope and what stands for both in it; None if that is one."""
    left, right = [*scopes.chain(provider), provider], [*scopes.chain(reader), reader]
    depth = 0
    while depth + 1 < min(len(left), len(right)) and left[depth + 1] == right[depth + 1]:
        depth += 1
    if depth + 1 >= min(len(left), len(right)):
        return None
    return left[depth], left[depth + 1], right[depth + 1]


def _reaches(following: Mapping[str, list[str]], start: str, goal: str) -> bool:
    seen = {start}
    stack = [start]
    while stack:
        current = stack.pop()
        if current == goal:
            return True
        for target in following[current]:
            if target not in seen:
                seen.add(target)
                stack.append(target)
    return False


def _warn(
    diagnostics: Diagnostics, code: DiagnosticCode, reader: str, reference: Reference, message: str, hint: str
) -> None:
    diagnostics.warning(
        code, f"Node {reader!r} {message}.", node_id=reader, pointer=reference.pointer, hint=hint
    )  # fmt: skip
