"""Operations that need no expression of the author's: pure functions on JSON. Evaluates nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cmp_to_key
from typing import Any

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers import aggregates
from flowray.handlers.node_config import number_of, text_of
from flowray.values import Json, canonical_json, decode_json


def failed(message: str) -> FlowrayError:
    """The error of a transform that its data does not allow."""
    return FlowrayError(ErrorCode.NODE_FAILED, message)


def require_list(operation: str, data: Json) -> list[Json]:
    """``data``. Raises NODE_FAILED if it is no list."""
    if not isinstance(data, list):
        raise failed(f"{operation[0].upper()}{operation[1:]} operation requires array input")
    return data


def at_path(data: Json, path: str) -> Json:
    """The value at ``a.b[0].c`` in ``data``; null where there is none. A list's elements are numbers."""
    for part in path.replace("[", ".").replace("]", "").split("."):
        name = part.strip().strip("'\"")
        if name in ("", "$"):
            continue
        if isinstance(data, dict):
            data = data.get(name)
        elif isinstance(data, list) and name.lstrip("-").isdigit():
            index = int(name)
            data = data[index] if 0 <= index < len(data) else None
        elif isinstance(data, list | str) and name == "length":
            data = len(data)
        else:
            return None
    return data


def sort_by_path(items: list[Json], path: str, order: str) -> list[Json]:
    """Sorted by the value at ``path`` (the item itself if empty): numbers before text, nulls last, stable."""

    def compare(left: Json, right: Json) -> int:
        a, b = _sort_key(at_path(left, path)), _sort_key(at_path(right, path))
        return -1 if a < b else int(a > b)

    return sorted(items, key=cmp_to_key(compare), reverse=order.lower().startswith("desc"))


def _sort_key(value: Json) -> tuple[int, float, str]:
    if value is None:
        return 2, 0.0, ""
    number = number_of(value)
    return (1, 0.0, text_of(value).lower()) if number is None else (0, float(number), "")


def parse_json(text: Json) -> Json:
    """JSON text as a value; a value that is none stays. Raises NODE_FAILED for malformed text."""
    if not isinstance(text, str):
        return text
    try:
        return decode_json(text)
    except ValueError as error:
        raise failed(f"Invalid JSON: {error}") from error


def json_if_it_looks_so(text: str) -> Json:
    """An object or list if ``text`` is the JSON of one, else ``text``: templates of real files write JSON by hand."""
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return decode_json(text)
    except ValueError:
        return text


def merge_values(values: Sequence[Json]) -> Json:
    """Lists are joined, objects laid over one another; of anything mixed, a list. Nulls are left out."""
    present = [value for value in values if value is not None]
    if present and all(isinstance(value, dict) for value in present):
        return {key: item for value in present for key, item in value.items()}
    joined: list[Json] = []
    for value in present:
        joined.extend(value if isinstance(value, list) else [value])
    return joined


def merge_sources(named: Sequence[tuple[str, Json]]) -> Json:
    """Lists are joined; anything else becomes an object by source, so that equal keys (``text``) are not lost."""
    if named and all(isinstance(value, list) for _, value in named):
        return [item for _, value in named for item in value]
    return dict(named)


def flatten(value: Json, depth: int) -> list[Json]:
    """``value`` with ``depth`` levels of lists taken out."""
    items = value if isinstance(value, list) else [] if value is None else [value]
    for _ in range(depth):
        items = [inner for item in items for inner in (item if isinstance(item, list) else [item])]
    return items


def set_paths(base: Json, operations: Sequence[Any]) -> dict[str, Json]:
    """Apply ``[{type: "set"|"delete", path, value}]`` to a copy of ``base``. Raises NODE_FAILED for another type."""
    result: dict[str, Json] = dict(base) if isinstance(base, dict) else {}
    for operation in operations:
        kind = operation.get("type", "set") if isinstance(operation, dict) else operation
        if kind not in ("set", "delete", "remove") or not isinstance(operation, dict):
            raise failed(f"unknown transform operation {kind!r}; known: set, delete")
        *parents, last = str(operation.get("path", "")).split(".")
        holder = result
        for name in parents:
            inner = holder.get(name)
            holder[name] = dict(inner) if isinstance(inner, dict) else {}
            holder = holder[name]
        if kind == "set":
            holder[last] = operation.get("value")
        else:
            holder.pop(last, None)
    return result


def deduplicate(items: list[Json], fields: Sequence[str] | None, keep: str, case_sensitive: bool) -> list[Json]:
    """Items with distinct values of ``fields`` (of the whole item without any), in their order."""

    def key(item: Json) -> bytes:
        values = [at_path(item, field) for field in fields] if fields else [item]
        if not case_sensitive:
            values = [value.lower() if isinstance(value, str) else value for value in values]
        return canonical_json(values)

    kept: dict[bytes, Json] = {}
    for item in items if keep == "first" else reversed(items):
        kept.setdefault(key(item), item)
    return list(kept.values()) if keep == "first" else list(reversed(kept.values()))


def aggregate(items: list[Json], names: Sequence[str], field: str | None, group_by: str | None) -> dict[str, Json]:
    """``{count, sum, …}`` of the numbers at ``field``; by the value at ``group_by``, if that is given."""
    if group_by:
        groups: dict[str, list[Json]] = {}
        for item in items:
            groups.setdefault(text_of(at_path(item, group_by)), []).append(item)
        return {name: aggregate(members, names, field, None) for name, members in groups.items()}
    values = [at_path(item, field or "") for item in items]
    # How many items there are, whether they have the field or not.
    known = [name for name in names if name != "groupBy"]
    return {name: len(items) if name == "count" else aggregates.aggregate(values, name) for name in known}
