"""Answers of models that are to be JSON: read them, and hold them against their schema. Asks nobody."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from flowray.definition.inputs import schema_misfits
from flowray.errors import DefinitionError, ErrorCode, FlowrayError
from flowray.values import Json, decode_json

SHOWN_CHARS = 2_000
_FENCED = re.compile(r"\A\s*(?:.*\n)?```(?:json)?\s*\n(.*?)\n\s*```\s*\Z", re.DOTALL)
"""The whole answer, or all after its first line, in a code fence: models do so that know no response format."""


def json_answer(text: str, schema: Mapping[str, Any] | None) -> Json:
    """The JSON that ``text`` is, in a code fence or not.

    Raises NODE_FAILED, which may pass, for text that is none and for JSON that does not fit ``schema``;
    INVALID_NODE_CONFIG for a schema that is none.
    """
    answer = _read(text)
    if schema is None:
        return answer
    try:
        misfits = list(schema_misfits(schema, answer, "the answer"))
    except DefinitionError as error:
        raise FlowrayError(ErrorCode.INVALID_NODE_CONFIG, error.message, hint=error.hint) from error
    if misfits:
        raise _unfit(misfits, text)
    return answer


def _read(text: str) -> Json:
    fenced = _FENCED.match(text)
    try:
        return decode_json(fenced[1] if fenced else text)
    except (ValueError, RecursionError) as error:
        raise FlowrayError(
            ErrorCode.NODE_FAILED,
            f"the model was asked for JSON and answered text that is none: {text[:120]!r}",
            details={"answer": text[:SHOWN_CHARS]},
            retryable=True,
        ) from error


def _unfit(misfits: list[dict[str, str]], text: str) -> FlowrayError:
    said = [{**misfit, "message": misfit["message"].replace("required input", "property")} for misfit in misfits]
    listed = "; ".join(f"{misfit['pointer'] or '/'}: {misfit['message']}" for misfit in said[:5])
    return FlowrayError(
        ErrorCode.NODE_FAILED,
        f"the model's answer does not fit its schema: {listed}",
        details={"errors": said, "answer": text[:SHOWN_CHARS]},
        hint="another try may help; or ask a model that supports JSON Schema, or loosen the schema",
        retryable=True,
    )


def schema_of(response_format: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The JSON Schema in OpenAI's ``response_format``, if it has one."""
    described = (response_format or {}).get("json_schema")
    schema = described.get("schema") if isinstance(described, Mapping) else None
    return schema if isinstance(schema, Mapping) else None


def first_object(text: str) -> dict[str, Any] | None:
    """The first JSON object in a text, prose and fences around it aside."""
    decoder = json.JSONDecoder()
    start = text.find("{")
    while start >= 0:
        try:
            found = decoder.raw_decode(text, start)[0]
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict):
            return found
        start = text.find("{", start + 1)
    return None
