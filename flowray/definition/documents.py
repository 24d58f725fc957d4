"""JSON or YAML text to plain values, within bounds of size, depth and YAML aliases. Knows nothing of workflows.

YAML is read by the 1.2 core rules, as JSON's superset: no dates, no ``yes``/``no`` booleans, no Python tags.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

import yaml

from flowray.definition.diagnostics import DiagnosticCode, Diagnostics, pointer

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 100
MAX_VALUES = 2_000_000
"""Values of one document after YAML aliases are expanded: 10,000 nodes have about 200,000."""

_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _RefusalError(Exception):
    """Reading stopped; carries the code and what to tell the author."""

    def __init__(self, code: DiagnosticCode, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


def read_document(text: str | bytes, format: str | None, diagnostics: Diagnostics) -> Any:
    """The value of ``text``, or None with an error in ``diagnostics``.

    ``format`` is ``json``, ``yaml`` or None: JSON if the text begins with ``{`` or ``[``. Repeated keys of a mapping
    are errors, for the parser would silently keep only the last.
    """
    try:
        content = _decode(text)
        kind = format or ("json" if content.lstrip()[:1] in ("{", "[") else "yaml")
        value = _read_json(content, diagnostics) if kind == "json" else _read_yaml(content, diagnostics)
        check_bounds(value)
    except _RefusalError as refused:
        diagnostics.error(refused.code, str(refused), hint=refused.hint)
        return None
    return value


def within_bounds(value: Any, diagnostics: Diagnostics) -> bool:
    """Check a value that was parsed elsewhere, such as a request body; report what exceeds the bounds."""
    try:
        check_bounds(value)
    except _RefusalError as refused:
        diagnostics.error(refused.code, str(refused), hint=refused.hint)
        return False
    return True


def check_bounds(value: Any) -> None:
    """Refuse values nested deeper than MAX_DEPTH or with more than MAX_VALUES members."""
    level, count = [value], 0
    for _depth in range(MAX_DEPTH):
        level = [child for item in level if isinstance(item, dict | list) for child in _members(item)]
        count += len(level)
        if not level:
            return
        if any(isinstance(item, float) and not math.isfinite(item) for item in level):
            raise _RefusalError(DiagnosticCode.MALFORMED_DOCUMENT, "A number is too large for JSON.")
        if count > MAX_VALUES:
            _refuse_size(f"The document holds more than {MAX_VALUES:,} values.")
    _refuse_depth()


def _members(item: dict[str, Any] | list[Any]) -> Any:
    return item.values() if isinstance(item, dict) else item


def _refuse_depth() -> NoReturn:
    raise _RefusalError(DiagnosticCode.DOCUMENT_TOO_DEEP, f"The document is nested deeper than {MAX_DEPTH} levels.")


def _refuse_size(message: str) -> NoReturn:
    raise _RefusalError(DiagnosticCode.DOCUMENT_TOO_LARGE, message)


def _decode(text: str | bytes) -> str:
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        _refuse_size(f"The document has {size:,} bytes; at most {MAX_BYTES:,} are read.")
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _RefusalError(
            DiagnosticCode.MALFORMED_DOCUMENT, f"The document is not UTF-8: byte {error.start} cannot be read."
        ) from None


# --- JSON -------------------------------------------------------------------------------------------------------


def _read_json(content: str, diagnostics: Diagnostics) -> Any:
    repeated: list[str] = []

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        built = dict(pairs)
        if len(built) < len(pairs):
            seen: set[str] = set()
            repeated.extend(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return built

    try:
        value = json.loads(content, object_pairs_hook=build, parse_constant=_refuse_constant)
    except RecursionError:
        raise _RefusalError(DiagnosticCode.DOCUMENT_TOO_DEEP, "The document is nested too deeply to be read.") from None
    except json.JSONDecodeError as error:
        raise _RefusalError(
            DiagnosticCode.MALFORMED_DOCUMENT,
            f"Not JSON: {error.msg} at line {error.lineno}, column {error.colno}.",
            "Check for a missing comma, quote or bracket just before that place.",
        ) from None
    except ValueError as error:
        raise _RefusalError(DiagnosticCode.MALFORMED_DOCUMENT, f"Not JSON: {error}.") from None
    for key in repeated:
        diagnostics.error(
            DiagnosticCode.DUPLICATE_KEY,
            f"The key {key!r} occurs twice in one object.",
            hint="Only the last would count: rename or remove one (node ids must be unique).",
        )
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise _RefusalError(DiagnosticCode.MALFORMED_DOCUMENT, f"{name} is not a JSON value.", "Use null or a number.")


# --- YAML -------------------------------------------------------------------------------------------------------


class _CoreLoader(_SafeLoader):  # type: ignore[misc]
    """The safe loader with YAML 1.2's core resolvers: ``on``, ``no`` and 2024-01-01 stay text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, Any]]] = {}


for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    ("float", r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
    ("merge", r"^(?:<<)$", ["<"]),
):
    _CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def _construct_int(loader: Any, node: Any) -> int:
    # PyYAML's own constructors follow YAML 1.1, where 010 is octal and 1:30 has base 60.
    return int(loader.construct_scalar(node), 10)


def _construct_float(loader: Any, node: Any) -> float:
    return float(loader.construct_scalar(node))


_CoreLoader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_CoreLoader.add_constructor("tag:yaml.org,2002:float", _construct_float)


def _read_yaml(content: str, diagnostics: Diagnostics) -> Any:
    try:
        _check_events(content)
        root = yaml.compose(content, Loader=_CoreLoader)
        if root is None:
            raise _RefusalError(DiagnosticCode.MALFORMED_DOCUMENT, "The document is empty.")
        _check_expansion(root)
        _check_keys(root, diagnostics)
        loader = _CoreLoader("")
        try:
            return _plain(loader.construct_document(root))
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise _RefusalError(DiagnosticCode.MALFORMED_DOCUMENT, f"Not YAML: {problem}{place}.") from None
    except ValueError as error:
        raise _RefusalError(DiagnosticCode.MALFORMED_DOCUMENT, f"Not YAML: {error}.") from None


def _check_events(content: str) -> None:
    """Bound depth and size on the flat event stream, before anything recursive sees the document."""
    depth = 0
    for count, event in enumerate(yaml.parse(content, Loader=_CoreLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            _refuse_depth()
        if count > MAX_VALUES:
            _refuse_size(f"The document holds more than {MAX_VALUES:,} values.")


def _check_expansion(root: Any) -> None:
    """Refuse aliases that would multiply (the "billion laughs") or contain themselves."""
    sizes: dict[int, int] = {}

    def size_of(node: Any, path: frozenset[int]) -> int:
        known = sizes.get(id(node))
        if known is not None:
            return known
        if id(node) in path:
            raise _RefusalError(DiagnosticCode.MALFORMED_DOCUMENT, "A YAML alias refers to what contains it.")
        inner = path | {id(node)}
        total = 1 + sum(size_of(child, inner) for child in _yaml_children(node))
        if total > MAX_VALUES:
            _refuse_size(f"With its YAML aliases expanded the document holds more than {MAX_VALUES:,} values.")
        sizes[id(node)] = total
        return total

    size_of(root, frozenset())


def _yaml_children(node: Any) -> list[Any]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _check_keys(root: Any, diagnostics: Diagnostics) -> None:
    seen_nodes: set[int] = set()
    pending: list[tuple[Any, tuple[str | int, ...]]] = [(root, ())]
    while pending:
        node, path = pending.pop()
        if id(node) in seen_nodes:
            continue
        seen_nodes.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            pending.extend((child, (*path, index)) for index, child in enumerate(node.value))
        if isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, child in node.value:
                name = str(key.value)
                if name in keys and name != "<<":
                    diagnostics.error(
                        DiagnosticCode.DUPLICATE_KEY,
                        f"The key {name!r} occurs twice in one mapping (line {key.start_mark.line + 1}).",
                        pointer=pointer(*path, name),
                        hint="Only the last would count: rename or remove one (node ids must be unique).",
                    )
                keys.add(name)
                pending.append((child, (*path, name)))


def _plain(value: Any) -> Any:
    """YAML keys may be numbers or booleans; JSON's are text."""
    if isinstance(value, dict):
        return {_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise _RefusalError(DiagnosticCode.MALFORMED_DOCUMENT, f"A {type(value).__name__} is not a JSON value.")


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    return "null" if key is None else str(key)
