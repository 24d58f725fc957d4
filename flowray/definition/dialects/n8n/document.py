"""An n8n workflow file as it is written: nodes with ids for flowray, connections by kind. Translates nothing."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from flowray.definition.diagnostics import DiagnosticCode, Diagnostics, pointer

Config = dict[str, Any]

_WORD = re.compile(r"[A-Za-z0-9]+")
_RESERVED = frozenset({
    "loop", "parallel", "env", "var", "vars", "secrets", "shared", "inputs", "true", "false", "null", "undefined",
    "and", "or", "not", "in", "typeof", "new", "if", "else", "return", "function", "let", "const", "context", "outputs",
})  # fmt: skip
MAIN = "main"


@dataclass(frozen=True)
class Link:
    """One connection of the kind ``main``: which output of the source, which input of the target."""

    source: str
    output: int
    target: str
    input: int


@dataclass
class N8nNode:
    """One node. ``kind`` is its type without the package; ``id`` its id here, made from its name."""

    id: str
    name: str
    type: str
    version: float
    params: Config
    where: str
    raw: Config
    diagnostics: Diagnostics

    @property
    def kind(self) -> str:
        """The type without the package that it is from."""
        return self.type.rsplit(".", 1)[-1]

    def text(self, key: str, default: str = "") -> str:
        """A parameter as text; of a resource locator, its value."""
        value = plain(self.params.get(key))
        return str(value) if value not in (None, "") else default

    @property
    def options(self) -> Config:
        """The collection ``options``, empty where there is none."""
        return as_object(self.params.get("options"))

    @property
    def connection(self) -> str | None:
        """The name of the first of its credentials."""
        for entry in as_object(self.raw.get("credentials")).values():
            if isinstance(entry, dict) and entry.get("name"):
                return str(entry["name"])
        return None

    def unsupported(self, parameter: str, message: str, hint: str | None = None) -> None:
        """What is lost."""
        self._report(DiagnosticCode.DIALECT_UNSUPPORTED, parameter, message, hint)

    def changed(self, parameter: str, message: str, hint: str | None = None) -> None:
        """What is said in another way here."""
        where = self.where + (pointer("parameters", parameter) if parameter else "")
        self.diagnostics.info(DiagnosticCode.DIALECT_CHANGED, message, node_id=self.id, pointer=where, hint=hint)

    def _report(self, code: DiagnosticCode, parameter: str, message: str, hint: str | None) -> None:
        where = self.where + (pointer("parameters", parameter) if parameter else "")
        self.diagnostics.warning(code, message, node_id=self.id, pointer=where, hint=hint)


@dataclass
class N8nDocument:
    """``links`` are the main connections; ``helpers`` the others: (kind, helper) of each node, by its id."""

    name: str
    nodes: dict[str, N8nNode]
    links: list[Link] = field(default_factory=list)
    helpers: dict[str, list[tuple[str, N8nNode]]] = field(default_factory=dict)
    helping: set[str] = field(default_factory=set)
    by_name: dict[str, N8nNode] = field(default_factory=dict)

    def leaving(self, node_id: str) -> list[Link]:
        """The main connections out of a node."""
        return [link for link in self.links if link.source == node_id]

    def entering(self, node_id: str) -> list[Link]:
        """The main connections into a node, by input."""
        return sorted((link for link in self.links if link.target == node_id), key=lambda link: link.input)

    def helped_by(self, node_id: str, kind: str) -> list[N8nNode]:
        """The helpers of one kind (``ai_tool``, …)."""
        return [helper for its_kind, helper in self.helpers.get(node_id, []) if its_kind == kind]


def is_n8n(document: dict[str, Any]) -> bool:
    """Nodes in a list, each with a type of a package; connections by name."""
    nodes = document.get("nodes")
    if not isinstance(nodes, list) or not isinstance(document.get("connections"), dict):
        return False
    return any(isinstance(node, dict) and "." in str(node.get("type")) and "typeVersion" in node for node in nodes)


def read_n8n(document: dict[str, Any], diagnostics: Diagnostics) -> N8nDocument:
    """The file as objects. Connections that name no node are reported."""
    result = N8nDocument(str(document.get("name") or ""), {})
    for index, raw in enumerate(document.get("nodes") or []):
        if not isinstance(raw, dict) or not raw.get("type"):
            continue
        name = str(raw.get("name") or raw["type"])
        node = N8nNode(
            _free_id(name, result.nodes), name, str(raw["type"]), _number(raw.get("typeVersion")),
            as_object(raw.get("parameters")), pointer("nodes", index), raw, diagnostics,
        )  # fmt: skip
        result.nodes[node.id] = node
        result.by_name.setdefault(name, node)
    _connect(as_object(document.get("connections")), result, diagnostics)
    return result


def _connect(connections: Config, result: N8nDocument, diagnostics: Diagnostics) -> None:
    for source_name, kinds in connections.items():
        source = result.by_name.get(source_name)
        for kind, outputs in as_object(kinds).items():
            for output, targets in enumerate(outputs if isinstance(outputs, list) else []):
                for entry in targets or []:
                    target = result.by_name.get(str(as_object(entry).get("node")))
                    if source is None or target is None:
                        diagnostics.warning(
                            DiagnosticCode.DIALECT_UNSUPPORTED,
                            f"The connection {source_name!r} → {as_object(entry).get('node')!r} lacks an end.",
                            pointer=pointer("connections", source_name, kind, output),
                        )  # fmt: skip
                    elif kind == MAIN:
                        result.links.append(Link(source.id, output, target.id, int(entry.get("index") or 0)))
                    else:
                        result.helpers.setdefault(target.id, []).append((kind, source))
                        result.helping.add(source.id)


def plain(value: Any) -> Any:
    """The value of a resource locator (``__rl``), or the value itself."""
    return value.get("value") if isinstance(value, dict) and value.get("__rl") else value


def as_object(value: Any) -> Config:
    """An object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def rows(value: Any, key: str) -> list[Config]:
    """The rows of a fixed collection, such as ``{"values": [{…}]}``."""
    found = as_object(value).get(key)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def name_of(row: Config) -> str:
    """The name of a field; ``=`` before it is an editor's."""
    return str(row.get("name") or "").removeprefix("=").strip()


def parsed(text: str) -> Any:
    """The value of JSON text, or the text."""
    try:
        value: Any = json.loads(text)
    except ValueError:
        return text
    return value


def _free_id(name: str, taken: Any) -> str:
    words = _WORD.findall(name)
    base = "_".join(words) if words else "node"
    if base[0].isdigit():
        base = f"n{base}"
    if base.lower() in _RESERVED:
        base = f"{base}_node"
    found, number = base, 2
    while found in taken:
        found, number = f"{base}_{number}", number + 1
    return found


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 1.0
