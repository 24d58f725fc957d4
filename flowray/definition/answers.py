"""Does this answer fit what was asked? Coerces text and names every misfit, as for a workflow's inputs (R57). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowray.definition.inputs import MAX_ERRORS, coerce_by_schema, schema_misfits
from flowray.errors import ErrorCode, InputError
from flowray.values import Json

RESERVED_KEY = "$flowray"


def prepare_answer(schema: Mapping[str, Any] | None, data: Json) -> Json:
    """``data`` as the asked JSON Schema has it; text becomes what the schema says where it can be read as that.

    Raises InputError (INVALID_INPUT) whose ``details["errors"]`` lists ``{pointer, message}``, relative to ``data``;
    DefinitionError if the schema itself is none.
    """
    answer = data if schema is None else _coerced(schema, data)
    errors = [] if schema is None else list(schema_misfits(schema, answer, "what is asked for"))[:MAX_ERRORS]
    if isinstance(answer, dict) and RESERVED_KEY in answer:
        errors.insert(0, {"pointer": "", "message": f"the key {RESERVED_KEY!r} is reserved"})
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise InputError(
            ErrorCode.INVALID_INPUT,
            f"the answer does not fit what is asked for: {errors[0]['message']}{more}",
            details={"errors": errors},
            hint="errors[] names every misfit by its JSON pointer; the waitpoint stays open",
        )
    return answer


def _coerced(schema: Mapping[str, Any], data: Json) -> Json:
    properties = schema.get("properties")
    if not isinstance(data, dict) or not isinstance(properties, dict):
        return coerce_by_schema(data, schema)
    return {
        name: coerce_by_schema(value, properties[name]) if isinstance(properties.get(name), dict) else value
        for name, value in data.items()
    }
