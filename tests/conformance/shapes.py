"""Every real definition through loading and compiling: what became of it, and in which shape. Asserts nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

from flowray.compiler.builder import build_plan
from flowray.definition.diagnostics import Diagnostic
from flowray.definition.loading import load_definition
from flowray.handlers.builtin import builtin_handlers
from flowray.handlers.registry import NodeRegistry
from flowray.plan import ExecutionPlan
from tests.corpus import load_workflow, workflow_files


@dataclass
class Outcome:
    """One file. ``plan`` is None if it was refused; ``diagnostics`` of loading and compiling together."""

    file: str
    kind: str
    loaded: bool
    plan: ExecutionPlan | None
    diagnostics: list[Diagnostic] = field(default_factory=list)

    @property
    def errors(self) -> list[tuple[str, str | None]]:
        """``(code, node)`` of what refused it."""
        return [(item.code.value, item.node_id) for item in self.diagnostics if item.severity.value == "error"]

    def has(self, code: str) -> bool:
        """Whether a finding of this code was made."""
        return any(item.code.value == code for item in self.diagnostics)


def outcomes() -> list[Outcome]:
    """All files, in order of their names, with the node types that flowray brings."""
    types = NodeRegistry(builtin_handlers()).node_types()
    found = []
    for path in workflow_files():
        meta, document = load_workflow(path)
        loaded = load_definition(document)
        outcome = Outcome(path.name, meta["kind"], loaded.definition is not None, None, list(loaded.diagnostics))
        if loaded.definition is not None:
            result = build_plan(loaded.definition, types)
            outcome.plan = result.plan
            outcome.diagnostics += result.diagnostics
        found.append(outcome)
    return found
