"""Build a workflow in Python, look at it, run it in this process. It makes a definition; the compiler judges it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic.alias_generators import to_camel

from flowray.client.notebook import Table, diagnostics_table
from flowray.compiler.documents import CompiledWorkflow, compile_document
from flowray.definition.loading import dump_definition, load_definition
from flowray.definition.workflow import SCHEMA_VERSION
from flowray.drawing.mermaid import to_mermaid
from flowray.drawing.svg import to_svg
from flowray.errors import DefinitionError, ErrorCode, FlowrayError
from flowray.handlers.handler import NodeHandler
from flowray.plan import ExecutionPlan
from flowray.sdk.execution import Execution
from flowray.sdk.nodes import Node
from flowray.sdk.session import LocalSession, default_session

_ENGINE_FIELDS = ("retry", "timeout_ms", "on_error", "error_port", "join", "execution")


class Workflow:
    """A workflow under construction.

    ``inputs`` is JSON Schema, ``variables`` maps names to start values, ``settings`` are those of a definition
    (``{"maxConcurrentNodes": 4}``). Execution begins at the first node, or at ``entry_point``.
    """

    def __init__(
        self,
        name: str = "",
        *,
        inputs: Mapping[str, Any] | None = None,
        variables: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        entry_point: str | None = None,
    ) -> None:
        self.name = name
        self._document: dict[str, Any] = {"schemaVersion": SCHEMA_VERSION, "name": name, "nodes": {}, "edges": []}
        if inputs is not None:
            self._document["inputs"] = dict(inputs)
        if variables:
            self._document["variables"] = {key: {"default": value} for key, value in variables.items()}
        if settings:
            self._document["settings"] = dict(settings)
        if entry_point:
            self._document["entryPoint"] = entry_point
        self._nodes: dict[str, Node] = {}
        self._open: list[Node] = []
        self._own_types: list[NodeHandler] = []

    # -- building -------------------------------------------------------------------------------------------------

    def node(
        self,
        node_id: str,
        node_type: str | NodeHandler,
        /,
        *,
        name: str = "",
        config: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> Node:
        """Add a node. ``node_type`` is a name, or a function with ``@flowray.node``, which need not be registered.

        ``fields`` are its config (``system_prompt=`` becomes ``systemPrompt``), but for those of the engine: ``retry``,
        ``timeout_ms``, ``on_error``, ``error_port``, ``join``, ``execution``. ``config`` takes fields as they are, and
        those whose names the engine has too. Raises INVALID_DEFINITION for an id that is taken.
        """
        if node_id in self._nodes:
            raise FlowrayError(ErrorCode.INVALID_DEFINITION, f"there is already a node {node_id!r}")
        if not isinstance(node_type, str):
            self._own_types.append(node_type)
            node_type = node_type.node_type.name
        given = {to_camel(key): fields.pop(key) for key in _ENGINE_FIELDS if key in fields}
        own = {to_camel(key) if "_" in key else key: value for key, value in fields.items()}
        written: dict[str, Any] = {"type": node_type, "config": {**own, **(config or {})}, **given}
        if name:
            written["name"] = name
        if self._open:
            written["parentId"] = self._open[-1].id
        self._document["nodes"][node_id] = written
        self._nodes[node_id] = Node(self, node_id, node_type)
        return self._nodes[node_id]

    def loop(self, node_id: str, /, **fields: Any) -> Node:
        """A loop; as a context manager, nodes made inside are its body: ``with wf.loop("each", items="orders"):``."""
        return self.node(node_id, "loop", **fields)

    def parallel(self, node_id: str, /, **fields: Any) -> Node:
        """A parallel section; its body as for ``loop``."""
        return self.node(node_id, "parallel", **fields)

    def __getitem__(self, node_id: str) -> Node:
        """The node of that id. Raises KeyError."""
        return self._nodes[node_id]

    def connect(self, source: Node, target: Node, handle: str | None = None) -> None:
        """Draw an edge, as ``source[handle] >> target`` does."""
        for node in (source, target):
            if self._nodes.get(node.id) is not node:
                raise FlowrayError(ErrorCode.INVALID_DEFINITION, f"node {node.id!r} is not of this workflow")
        edge = {"source": source.id, "target": target.id}
        self._document["edges"].append({**edge, "sourceHandle": handle} if handle else edge)

    def enter(self, container: Node) -> None:
        """Nodes made from now on lie in ``container``."""
        self._open.append(container)

    def leave(self, container: Node) -> None:
        """Undo ``enter``."""
        self._open.remove(container)

    # -- documents ------------------------------------------------------------------------------------------------

    @classmethod
    def load(cls, document: Mapping[str, Any] | str | Path) -> Workflow:
        """A workflow from a definition: an object, JSON or YAML text, or a path (text without a line break or brace).

        Raises DefinitionError for what is no definition, FileNotFoundError for a path to nothing.
        """
        if isinstance(document, Path) or (isinstance(document, str) and not set(document) & set("{\n")):
            document = Path(document).read_text(encoding="utf-8")
        given = dict(document) if isinstance(document, Mapping) else document
        dumped = dump_definition(load_definition(given).require())
        workflow = cls(dumped.get("name", ""))
        workflow._document = dumped
        workflow._nodes = {key: Node(workflow, key, node["type"]) for key, node in dumped.get("nodes", {}).items()}
        return workflow

    def to_dict(self) -> dict[str, Any]:
        """The definition as JSON values; ``Workflow.load`` undoes it. A copy."""
        copied: dict[str, Any] = json.loads(json.dumps(self._document))
        nodes = copied.get("nodes", {})
        if "entryPoint" not in copied and nodes:
            copied["entryPoint"] = next(iter(nodes))
        return copied

    def to_json(self) -> str:
        """The definition as text, for ``flowray run`` or ``POST /v1/workflows``."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)

    # -- looking --------------------------------------------------------------------------------------------------

    def plan(self, session: LocalSession | None = None) -> ExecutionPlan:
        """The compiled plan. Raises DefinitionError with every finding."""
        return self._compile(session).plan

    def check(self, session: LocalSession | None = None) -> Table:
        """Every finding about the definition, errors and warnings; an empty table is the best one."""
        try:
            return diagnostics_table([item.as_json() for item in self._compile(session).diagnostics])
        except DefinitionError as error:
            return diagnostics_table(error.details["diagnostics"])

    def svg(self) -> str:
        """The picture of the plan. Raises DefinitionError."""
        return to_svg(self.plan())

    def mermaid(self) -> str:
        """The plan as a Mermaid flowchart. Raises DefinitionError."""
        return to_mermaid(self.plan())

    def __repr__(self) -> str:
        return f"<workflow {self.name!r}: {len(self._nodes)} nodes>"

    def _repr_mimebundle_(self, **_options: Any) -> dict[str, str]:
        try:
            return {"image/svg+xml": self.svg(), "text/plain": repr(self)}
        except DefinitionError:
            # While it is being built it often does not compile: say why instead of failing to show it.
            findings = self.check()
            return {"text/html": findings._repr_html_(), "text/plain": f"{self!r}\n{findings!r}"}

    # -- running --------------------------------------------------------------------------------------------------

    def start(self, inputs: Mapping[str, Any] | None = None, *, session: LocalSession | None = None) -> Execution:
        """Start it in this process and return at once. Raises DefinitionError or InputError."""
        chosen = session or default_session()
        compiled = self._compile(chosen)
        return Execution(chosen, compiled, chosen.start(compiled, inputs or {}), inputs or {})

    def run(
        self, inputs: Mapping[str, Any] | None = None, *, session: LocalSession | None = None, live: bool = True
    ) -> Execution:
        """Start it and wait for its end; in a notebook it is shown meanwhile, unless ``live`` is false.

        A failed execution is returned like any other: ``execution.result()`` raises, ``execution.error`` tells. An
        interrupt cancels the execution. Raises DefinitionError or InputError.
        """
        execution = self.start(inputs, session=session)
        try:
            return execution.wait(live=live)
        except KeyboardInterrupt:
            execution.cancel("Interrupted")
            raise

    def _compile(self, session: LocalSession | None) -> CompiledWorkflow:
        chosen = session or default_session()
        chosen.register(self._own_types)
        return compile_document(self.to_dict(), chosen.node_types)


def run(
    document: Workflow | Mapping[str, Any] | str | Path,
    inputs: Mapping[str, Any] | None = None,
    *,
    session: LocalSession | None = None,
    live: bool = True,
    nodes: Iterable[NodeHandler] = (),
) -> Execution:
    """Run a workflow in this process: a ``Workflow``, a definition, its text, or a path to it. See ``Workflow.run``.

    ``nodes``: node types of one's own that it uses, such as functions with ``@flowray.node``.
    """
    session = session or default_session()
    session.register(nodes)
    workflow = document if isinstance(document, Workflow) else Workflow.load(document)
    return workflow.run(inputs, session=session, live=live)
