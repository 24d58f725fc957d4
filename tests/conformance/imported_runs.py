"""Runs imported workflows in process: all is real but the outer world, which is scripted."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from flowray.cli.in_process import run_to_end
from flowray.compiler.documents import compile_document
from flowray.definition.diagnostics import Diagnostics
from flowray.definition.dialects.n8n.document import is_n8n
from flowray.definition.documents import read_document
from flowray.definition.loading import LoadResult, load_definition
from flowray.engine.signals import Signals
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.registry import default_registry
from flowray.sdk.session import LocalSession
from flowray.settings import Settings
from tests.corpus import CORPUS

Answer = Callable[[NodeInput], Any]
"""What stands in for the outer world: a node's output, by the node."""

SCRIPTED = ("http", "llm", "agent", "router", "integration")

REGISTRY = default_registry(plugins=False)


class Scripted:
    """A node type as it is, whose work a test does."""

    def __init__(self, name: str, answer: Answer) -> None:
        self.node_type = REGISTRY.node_types()[name]
        self._answer = answer

    def can_handle(self, type_name: str) -> bool:
        """Under the names of the real one."""
        return type_name == self.node_type.name or type_name in self.node_type.aliases

    async def execute(self, node: NodeInput) -> NodeResult:
        """The test's answer; a router's is a route."""
        answer = self._answer(node)
        if self.node_type.name == "router":
            return NodeResult(
                data={"selectedRoute": answer, "routeLabel": answer}, signals=Signals(selected_routes=(answer,))
            )
        return NodeResult(data=answer)


def files(tool: str) -> list[Path]:
    """The real files of one tool."""
    if CORPUS is None:
        return []
    return sorted(path for path in (CORPUS / tool).iterdir() if path.suffix in (".json", ".yml"))


def document(path: Path) -> dict[str, Any]:
    """A real file as an object."""
    found = read_document(path.read_text(encoding="utf-8"), None, Diagnostics())
    assert isinstance(found, dict)
    return found


@cache
def loaded(path: Path) -> LoadResult:
    """A real file, imported."""
    return load_definition(document(path))


def named(tool: str, start: str) -> Path:
    """The file whose name begins so."""
    return next(path for path in files(tool) if path.name.startswith(start))


def run(path: Path, inputs: dict[str, Any], answer: Answer, *, trigger: str | None = None) -> dict[str, Any]:
    """The execution of a real file, as ``GET /executions/{id}`` shows it."""
    source = document(path)
    if trigger is not None:
        assert is_n8n(source)
        source["nodes"].sort(key=lambda node: node["name"] != trigger)
    with LocalSession(Settings()) as session:
        for name in SCRIPTED:
            session._registry.register(Scripted(name, answer))
        compiled = compile_document(source, REGISTRY.node_types())
        return run_to_end(session, compiled, inputs, lambda _event: None)
