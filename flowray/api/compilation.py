"""Definitions as they arrive → compiled workflows, each compiled once. The compiler itself is ``compiler.builder``."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool

from flowray.compiler.documents import compile_document
from flowray.definition.diagnostics import Diagnostic, DiagnosticCode, Diagnostics, Severity
from flowray.definition.inputs import InputContract
from flowray.definition.loading import definition_error, dump_definition
from flowray.definition.workflow import WorkflowDefinition
from flowray.errors import DefinitionError
from flowray.handlers.registry import NodeRegistry
from flowray.plan import ExecutionPlan, plan_hash, plan_to_json
from flowray.values import stable_hash

LARGE_NODES = 100
"""Definitions with more nodes compile in a thread (10,000 nodes take about a second), smaller ones at once (<5 ms)."""


@dataclass(frozen=True)
class CompiledWorkflow:
    """A definition that can run. ``dumped`` is the form in which it is stored, ``hash`` that of its canonical JSON."""

    definition: WorkflowDefinition
    dumped: dict[str, Any]
    hash: str
    diagnostics: tuple[Diagnostic, ...]
    plan: ExecutionPlan
    plan_bytes: bytes
    plan_hash: str
    contract: InputContract

    def refuse_unknown_types(self) -> None:
        """What ``?strict=true`` adds: raises DefinitionError if a node type is unknown."""
        unknown = unknown_types_as_errors(self.diagnostics)
        if any(item.severity is Severity.ERROR for item in unknown):
            raise definition_error(unknown)


def unknown_types_as_errors(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The same findings, unknown node types being errors."""
    return [
        Diagnostic(item.code, Severity.ERROR, item.message, item.node_id, item.pointer, item.hint)
        if item.code is DiagnosticCode.UNKNOWN_NODE_TYPE
        else item
        for item in diagnostics
    ]


class WorkflowCompiler:
    """Compiles documents and stored definitions; keeps the latest ``capacity`` stored ones by hash and trigger."""

    def __init__(self, registry: NodeRegistry, capacity: int) -> None:
        self._registry = registry
        self._capacity = capacity
        self._cache: OrderedDict[tuple[str, str | None], CompiledWorkflow] = OrderedDict()

    async def document(
        self, document: Any, found: Diagnostics | None = None, *, trigger: str | None = None
    ) -> CompiledWorkflow:
        """Compile a parsed document (or JSON or YAML text) in any known format.

        ``found``: what reading it has found already. Raises DefinitionError with every finding of every stage.
        """
        return await self._compile(document, found or Diagnostics(), trigger)

    async def stored(
        self, definition_hash: str, dumped: Mapping[str, Any], trigger: str | None = None
    ) -> CompiledWorkflow:
        """Compile a definition from the store. Raises DefinitionError if it no longer compiles (rules have grown)."""
        key = (definition_hash, trigger)
        compiled = self._cache.get(key)
        if compiled is None:
            compiled = await self._compile(dict(dumped), Diagnostics(), trigger)
            self._cache[key] = compiled
            if len(self._cache) > self._capacity:
                self._cache.popitem(last=False)
        else:
            self._cache.move_to_end(key)
        return compiled

    async def findings(self, document: Any, found: Diagnostics) -> list[Diagnostic]:
        """Every finding about a document, whether it compiles or not."""
        try:
            return list((await self.document(document, found)).diagnostics)
        except DefinitionError as error:
            return [_diagnostic(item) for item in error.details["diagnostics"]]

    async def _compile(self, document: Any, found: Diagnostics, trigger: str | None) -> CompiledWorkflow:
        nodes = document.get("nodes") if isinstance(document, Mapping) else None
        if isinstance(nodes, dict | list) and len(nodes) <= LARGE_NODES:
            return _compile(document, found, self._registry, trigger)
        return await run_in_threadpool(_compile, document, found, self._registry, trigger)


def _compile(document: Any, found: Diagnostics, registry: NodeRegistry, trigger: str | None) -> CompiledWorkflow:
    compiled = compile_document(document, registry.node_types(), found=found, trigger=trigger)
    dumped = dump_definition(compiled.definition)
    return CompiledWorkflow(
        definition=compiled.definition,
        dumped=dumped,
        hash=stable_hash(dumped),
        diagnostics=compiled.diagnostics,
        plan=compiled.plan,
        plan_bytes=plan_to_json(compiled.plan),
        plan_hash=plan_hash(compiled.plan),
        contract=compiled.contract,
    )


def _diagnostic(body: Mapping[str, Any]) -> Diagnostic:
    return Diagnostic(
        DiagnosticCode(body["code"]),
        Severity(body["severity"]),
        body["message"],
        body["node_id"],
        body["pointer"],
        body["hint"],
    )
