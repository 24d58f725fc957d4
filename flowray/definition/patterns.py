"""JSON Schema with the patterns of ECMA-262, as the specification has them, in bounded time. Draft 2020-12 only.

Python's own ``re`` cannot be interrupted: one pattern such as ``^(a+)+$`` would hold up the whole process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import quickjs
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.protocols import Validator

from flowray.errors import ErrorCode, FlowrayError

PATTERN_LIMIT_S = 0.03
"""Of the time limit's own clock, which is looked at so rarely that a fifth of a second may pass."""

_SEARCH = """(pattern, text) => {
  let compiled;
  try { compiled = new RegExp(pattern, "u"); } catch { compiled = new RegExp(pattern); }
  return compiled.test(text);
}"""


def is_found(pattern: str, text: str) -> bool:
    """Whether the pattern is anywhere in the text.

    Raises jsonschema's SchemaError if it is no pattern, EXPRESSION_TIMEOUT if it is too slow.
    """
    context = quickjs.Context()
    context.set_time_limit(PATTERN_LIMIT_S)
    try:
        return bool(context.eval(_SEARCH)(pattern, text))
    except quickjs.JSException as error:
        if "interrupted" not in str(error):
            raise SchemaError(f"{pattern!r} is not a pattern: {str(error).splitlines()[0]}") from None
        raise FlowrayError(
            ErrorCode.EXPRESSION_TIMEOUT,
            f"the pattern {pattern[:200]!r} takes too long on a text of {len(text)} characters",
            hint="Write it without a repetition inside a repetition.",
        ) from None


def _pattern(validator: Validator, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not is_found(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], instance: Any, _schema: Any
) -> Iterator[ValidationError]:
    if validator.is_type(instance, "object"):
        for pattern, inner in patterns.items():
            for key, value in instance.items():
                if is_found(pattern, key):
                    yield from validator.descend(value, inner, path=key, schema_path=pattern)


def _additional_properties(
    validator: Validator, allowed: Any, instance: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if validator.is_type(instance, "object") and "patternProperties" in schema:
        known = schema.get("properties", {})
        patterns = schema["patternProperties"]
        matched = {key: True for key in instance if key not in known and any(is_found(each, key) for each in patterns)}
        schema = {"properties": {**known, **matched}}
    yield from Draft202012Validator.VALIDATORS["additionalProperties"](validator, allowed, instance, schema)


SchemaValidator: type[Validator] = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
    },
)


def check_no_unbounded_search(schema: Any) -> None:
    """Raises SchemaError for the two ways in which jsonschema would leave this validator for its own search."""
    found: set[str] = set()
    pending = [(schema, True)]
    while pending:
        part, is_root = pending.pop()
        if isinstance(part, dict):
            found |= part.keys()
            if not is_root and isinstance(part.get("$schema"), str):
                raise SchemaError("a $schema inside the schema is not supported")
            pending += [(value, False) for value in part.values()]
        elif isinstance(part, list):
            pending += [(value, False) for value in part]
    if {"patternProperties", "unevaluatedProperties"} <= found:
        raise SchemaError("patternProperties and unevaluatedProperties together are not supported")
