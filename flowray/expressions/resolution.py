"""Which value a root name and its keys stand for, among Names. Knows no syntax.

A prefix (``loop``, ``parallel``, ``shared``, ``var``, ``inputs``, ``env``, ``secret``) names its source directly. Only
if that source does not have the first key is the prefix read as a plain name, so that a node called ``inputs`` stays
reachable. A plain name is looked up in the order of the design: names bound by loops and parallels, containers by node
id, shared memory, variables, node outputs by id, aliases, inputs, keys of outputs (if ``flatten``, latest in plan order
first), the nearest loop's or parallel's ``item`` and ``index``, env. Secrets have no plain names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowray.expressions.names import MISSING, Names
from flowray.expressions.stored_lists import PartlyStored, StoredList, whole
from flowray.expressions.syntax import Key

PREFIXES = frozenset({"loop", "parallel", "shared", "var", "inputs", "env", "secret"})
_READABLE_WHOLE = frozenset({"loop", "parallel", "shared", "var", "inputs"})

_ITERATION_ALIASES = {"currentItem": "item", "item": "currentItem"}
_PLAIN_ITERATION_NAMES = frozenset({"item", "currentItem", "index"})


class NotRun:
    """The value of a known node that did not run: null, whatever keys follow (R6)."""


NOT_RUN = NotRun()


def step_into(value: Any, key: Key) -> Any:
    """``value[key]`` of JSON: a key of an object, an index of a list or text, ``length``. MISSING for all else.

    Only JSON is read, never an attribute of a Python object, so names such as ``__class__`` or ``constructor`` are
    missing unless the data has such a key.
    """
    if type(value) is StoredList:
        return _entry_of(value, key)
    if isinstance(value, dict | Mapping):
        return value.get(key if isinstance(key, str) else str(key), MISSING)
    if not isinstance(value, list | str):
        return MISSING
    if isinstance(key, str):
        if key == "length":
            return len(value)
        if not (key.isascii() and key.isdigit() and len(key) < 16):
            return MISSING
        key = int(key)
    return value[key] if 0 <= key < len(value) else MISSING


def _entry_of(value: StoredList, key: Key) -> Any:
    if isinstance(key, str):
        if key == "length":
            return len(value)
        if not (key.isascii() and key.isdigit() and len(key) < 16):
            return MISSING
        key = int(key)
    return value.entry(key) if 0 <= key < len(value) else MISSING


def walk(value: Any, keys: tuple[Key, ...]) -> Any:
    """``value`` and then each key; MISSING as soon as one is."""
    for key in keys:
        value = step_into(value, key)
        if value is MISSING:
            return MISSING
    return value


def resolve(names: Names, root: str, keys: tuple[Key, ...]) -> Any:
    """The value of a reference, or MISSING. A known node that did not run reads null (R6)."""
    return whole(resolve_part(names, root, keys))


def resolve_part(names: Names, root: str, keys: tuple[Key, ...]) -> Any:
    """As ``resolve``; of a stored list, which the caller will step into, nothing is read yet (R16)."""
    if root in PREFIXES:
        value = _resolve_prefixed(names, root, keys)
        if value is not MISSING:
            return value
    value = look_up(names, root)
    if value is MISSING:
        return MISSING
    if value is NOT_RUN:
        return None
    return walk(value, keys) if keys else value


def is_known(names: Names, root: str) -> bool:
    """True if something provides the name, or will be null because its node did not run."""
    return root in PREFIXES or look_up(names, root) is not MISSING


def look_up(names: Names, root: str) -> Any:
    """The value of a plain name; MISSING, or NOT_RUN for a known node without output."""
    for source in (names.bound, names.containers, names.shared, names.variables, names.outputs, names.aliases):
        if root in source:
            return source[root]
    if root in names.inputs:
        return names.inputs[root]
    value = _look_up_last(names, root)
    if value is MISSING and root in names.known:
        return NOT_RUN
    return value


def _look_up_last(names: Names, root: str) -> Any:
    if names.flatten:
        for output in reversed(list(names.outputs.values())):
            if isinstance(output, dict) and root in output:
                return output[root]
    if root in _PLAIN_ITERATION_NAMES:
        for iteration in (names.loop, names.parallel):
            if iteration is not None:
                value = _iteration_field(iteration, root)
                if value is not MISSING:
                    return value
    return names.env.get(root, MISSING)


def _resolve_prefixed(names: Names, prefix: str, keys: tuple[Key, ...]) -> Any:
    source = _source(names, prefix)
    if source is None:
        return MISSING
    if not keys:
        # The bare word is the whole source, unless something of that name exists. Never a dump of env or secrets.
        if prefix not in _READABLE_WHOLE or look_up(names, prefix) is not MISSING:
            return MISSING
        return source if isinstance(source, PartlyStored) else dict(source)
    first = str(keys[0])
    value = _iteration_field(source, first) if prefix in ("loop", "parallel") else source.get(first, MISSING)
    return value if value is MISSING else walk(value, keys[1:])


def _source(names: Names, prefix: str) -> Mapping[str, Any] | None:
    return {
        "loop": names.loop,
        "parallel": names.parallel,
        "shared": names.shared,
        "var": names.variables,
        "inputs": names.inputs,
        "env": names.env,
        "secret": names.secrets,
    }[prefix]


def _iteration_field(iteration: Mapping[str, Any], key: str) -> Any:
    """A field of a loop or parallel. ``iteration`` counts from 1; ``item`` and ``currentItem`` mean the same."""
    if key in iteration:
        return iteration[key]
    if key == "iteration" and isinstance(iteration.get("index"), int):
        return iteration["index"] + 1
    alias = _ITERATION_ALIASES.get(key)
    return iteration.get(alias, MISSING) if alias else MISSING
