"""A document in any known format → a plan that can run, with what it demands of its inputs. Keeps nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flowray.compiler.builder import build_plan
from flowray.definition.diagnostics import Diagnostic, Diagnostics
from flowray.definition.inputs import InputContract, input_contract
from flowray.definition.loading import definition_error, load_definition
from flowray.definition.node_type import NodeType
from flowray.definition.workflow import WorkflowDefinition
from flowray.plan import ExecutionPlan


@dataclass(frozen=True)
class CompiledWorkflow:
    """A definition that compiles. ``diagnostics`` are warnings."""

    definition: WorkflowDefinition
    plan: ExecutionPlan
    contract: InputContract
    diagnostics: tuple[Diagnostic, ...]

    @property
    def name(self) -> str:
        """The workflow's name."""
        return self.definition.name


def compile_document(
    document: Any,
    node_types: Mapping[str, NodeType],
    *,
    found: Iterable[Diagnostic] = (),
    trigger: str | None = None,
) -> CompiledWorkflow:
    """Compile a document: an object, or JSON or YAML text. ``trigger``: where to begin instead of the entry point.

    ``found``: what reading the document has found already. Raises DefinitionError with every finding of every stage.
    """
    loaded = load_definition(document)
    diagnostics = Diagnostics([*found, *loaded.diagnostics])
    if loaded.definition is None or diagnostics.has_errors:
        raise definition_error(list(diagnostics))
    result = build_plan(loaded.definition, node_types, trigger=trigger)
    diagnostics.extend(result.diagnostics)
    if result.plan is None:
        raise definition_error(list(diagnostics))
    contract = input_contract(loaded.definition, result.plan.nodes.keys())
    return CompiledWorkflow(loaded.definition, result.plan, contract, tuple(diagnostics))
