"""A document in any known format → a plan that can run, with what it demands of its inputs. Keeps nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowray.compiler.builder import build_plan
from flowray.definition.diagnostics import Diagnostic
from flowray.definition.inputs import InputContract, input_contract
from flowray.definition.loading import definition_error, load_definition
from flowray.definition.node_type import NodeType
from flowray.plan import ExecutionPlan


@dataclass(frozen=True)
class CompiledWorkflow:
    """A definition that compiles. ``diagnostics`` are warnings."""

    name: str
    plan: ExecutionPlan
    contract: InputContract
    diagnostics: tuple[Diagnostic, ...]


def compile_document(document: Any, node_types: Mapping[str, NodeType]) -> CompiledWorkflow:
    """Compile a document: an object, or JSON or YAML text. Raises DefinitionError with every finding of every stage."""
    loaded = load_definition(document)
    found = list(loaded.diagnostics)
    if loaded.definition is None:
        raise definition_error(found)
    result = build_plan(loaded.definition, node_types)
    found += result.diagnostics
    if result.plan is None:
        raise definition_error(found)
    contract = input_contract(loaded.definition, result.plan.nodes.keys())
    return CompiledWorkflow(loaded.definition.name, result.plan, contract, tuple(found))
