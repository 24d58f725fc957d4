"""A list of ``operations`` one after the other, as FlowMaestro's older patterns write them. Evaluates no expression.

``set`` and ``delete`` change an object. ``normalize``, ``deduplicate``, ``validate`` and ``aggregate`` put what they
find under the name that ``output`` says; ``read`` looks up the names of fields that the data does not have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flowray.handlers.logic.transform import operations as ops
from flowray.handlers.node_config import number_of
from flowray.values import Json

Read = Callable[[str], Json]

KINDS = ("set", "delete", "normalize", "deduplicate", "validate", "aggregate")


def run_steps(base: Json, steps: Sequence[Any], read: Read) -> dict[str, Json]:
    """What the steps make of ``base``. Raises NODE_FAILED for a step of another type."""
    result: dict[str, Json] = dict(base) if isinstance(base, dict) else {}
    records = base if isinstance(base, list) else []
    for step in steps:
        kind = step.get("type", "set") if isinstance(step, Mapping) else step
        if kind in ("set", "delete", "remove") and isinstance(step, Mapping):
            result = ops.set_paths(result, [step])
            continue
        if kind not in KINDS or not isinstance(step, Mapping):
            raise ops.failed(f"unknown transform operation {kind!r}; known: {', '.join(KINDS)}")
        name = str(step.get("output") or kind)
        if kind == "validate":
            result[name] = _validated(step.get("rules") or [], result, read)
        elif kind == "aggregate":
            metrics = [str(metric) for metric in step.get("metrics") or []]
            result[name] = {metric: result.get(metric, read(metric)) for metric in metrics}
        else:
            records = _records(step, records, result, read)
            records = _normalized(step, records) if kind == "normalize" else _distinct(step, records)
            result[name] = records
    return result


def _records(step: Mapping[str, Any], before: list[Json], result: Mapping[str, Json], read: Read) -> list[Json]:
    """What a step works on: what it names, else what the step before it gave."""
    named = step.get("input")
    found = before if not isinstance(named, str) else result.get(named, read(named))
    return found if isinstance(found, list) else []


def _normalized(step: Mapping[str, Any], records: list[Json]) -> list[Json]:
    fields = [str(field) for field in step.get("fields") or []]
    return [
        {key: _normal(key, value) if key in fields else value for key, value in record.items()}
        if isinstance(record, dict)
        else record
        for record in records
    ]


def _normal(field: str, value: Json) -> Json:
    """Text without blanks around it and with single ones inside; addresses in lower case, numbers of phones bare."""
    if not isinstance(value, str):
        return value
    text = " ".join(value.split())
    if "email" in field.lower():
        return text.lower()
    if "phone" in field.lower():
        return re.sub(r"(?!^\+)[^0-9]", "", text)
    return text


def _distinct(step: Mapping[str, Any], records: list[Json]) -> list[Json]:
    key = step.get("key") or step.get("keys")
    fields = [key] if isinstance(key, str) else [str(field) for field in key or []]
    return ops.deduplicate(records, fields, "first", True)


def _validated(rules: Sequence[Any], data: Mapping[str, Json], read: Read) -> dict[str, Json]:
    """``{valid, errors: [{field, rule, message}]}``."""
    errors: list[Json] = []
    for rule in rules:
        field = str(rule.get("field", "")) if isinstance(rule, Mapping) else ""
        value = ops.at_path(dict(data), field) if field.split(".")[0] in data else read(field)
        for name, wrong in _CHECKS.items():
            if isinstance(rule, Mapping) and name in rule and wrong(value, rule[name]):
                errors.append({"field": field, "rule": name, "message": f"{field}: {name} {rule[name]}"})
    return {"valid": not errors, "errors": errors}


def _is_missing(value: Json, wanted: Json) -> bool:
    return bool(wanted) and value in (None, "")


def _length(value: Json) -> int:
    return len(value) if isinstance(value, str | list | dict) else 0


_CHECKS: dict[str, Callable[[Json, Any], bool]] = {
    "required": _is_missing,
    "minLength": lambda value, least: _length(value) < least,
    "maxLength": lambda value, most: _length(value) > most,
    "min": lambda value, least: (number_of(value) is None) or number_of(value) < least,
    "max": lambda value, most: (number_of(value) is None) or number_of(value) > most,
}
