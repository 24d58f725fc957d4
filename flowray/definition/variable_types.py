"""The types that a workflow variable may be declared with, and which values fit them. Converts nothing."""

from __future__ import annotations

from flowray.values import Json

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}
_SPELLINGS = {"text": "string", "list": "array", "int": "integer", "float": "number", "bool": "boolean"}
UNCHECKED = frozenset({"", "any", "json", "plain", "auto"})
"""Names of types that any value fits."""


def checked_type(written: str | None) -> str | None:
    """The canonical name of a declared type that values are checked against; None for any other."""
    name = (written or "").lower()
    name = _SPELLINGS.get(name, name)
    return name if name in _TYPES else None


def fits(value: Json, kind: str) -> bool:
    """Whether a value is of a checked type. Null fits every type; a truth value is no number."""
    if value is None:
        return True
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[kind])


def type_name(value: Json) -> str:
    """The name of a value's own type, as messages call it."""
    if value is None:
        return "null"
    order = ("boolean", "integer", "number", "string", "object")
    found = next((kind for kind in order if not isinstance(value, float) and fits(value, kind)), "array")
    return "number" if isinstance(value, float) or found == "integer" else found
