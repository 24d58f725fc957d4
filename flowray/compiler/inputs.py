"""The inputs that a workflow declares, from its JSON Schema and its input nodes. Checks no execution's inputs."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from flowray.definition.diagnostics import DiagnosticCode, Diagnostics, pointer
from flowray.definition.inputs import input_contract, schema_misfits
from flowray.definition.workflow import WorkflowDefinition
from flowray.errors import DefinitionError


def check_input_schema(definition: WorkflowDefinition, diagnostics: Diagnostics) -> None:
    """Report ``inputs`` that is no JSON Schema (2020-12)."""
    if definition.inputs is None:
        return
    try:
        Draft202012Validator.check_schema(definition.inputs)
        next(schema_misfits(definition.inputs, {}, "the workflow's inputs"), None)
    except DefinitionError as error:
        code = DiagnosticCode.INVALID_INPUT_SCHEMA
        diagnostics.error(code, f"{error.message}.", pointer=pointer("inputs"), hint=error.hint)
    except SchemaError as error:
        diagnostics.error(
            DiagnosticCode.INVALID_INPUT_SCHEMA,
            f"inputs is not a JSON Schema: {error.message}.",
            pointer=pointer("inputs", *error.absolute_path),
            hint="See https://json-schema.org/draft/2020-12.",
        )


def declared_inputs(
    definition: WorkflowDefinition, reachable: frozenset[str]
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """``(required names, defaults by name)`` of the input nodes that run."""
    declared = input_contract(definition, reachable).declared
    defaults = {item.name: item.default for item in declared if item.default is not None}
    required = dict.fromkeys(item.name for item in declared if item.required and item.name not in defaults)
    return tuple(required), defaults
