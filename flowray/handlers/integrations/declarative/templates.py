"""Fills the templates of manifests with parameters. A member whose parameter is not given is left out. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flowray.values import Json

REST = "$*"
_WORDS = ("$each", "$join", "$with")
"""Keys that say how an object is filled, and name no parameter."""

_NAME = re.compile(r"\$([A-Za-z_][\w.-]*)")
_ABSENT: Any = object()


def used_by(template: Any) -> set[str]:
    """The parameters that a template names."""
    if isinstance(template, str):
        found = _NAME.fullmatch(template)
        return {found[1]} if found is not None else set()
    if isinstance(template, Mapping):
        special = {template[name] for name in _WORDS if name in template}
        names = [name for name in template if name not in _WORDS]
        return special.union(*(used_by(part) for part in (*names, *template.values())))
    if isinstance(template, list | tuple):
        return set().union(*map(used_by, template))
    return set()


def fill(template: Any, parameters: Mapping[str, Json], rest: Mapping[str, Json]) -> Json:
    """``template`` with ``$name`` and ``$*`` filled; null if all of it is left out."""
    found = _fill(template, parameters, rest)
    return None if found is _ABSENT else found


def _fill(template: Any, parameters: Mapping[str, Json], rest: Mapping[str, Json]) -> Any:
    if isinstance(template, str):
        if template == REST:
            return dict(rest)
        found = _NAME.fullmatch(template)
        return template if found is None else parameters.get(found[1], _ABSENT)
    if isinstance(template, Mapping):
        if "$join" in template:
            listed = parameters.get(template["$join"], _ABSENT)
            return ",".join(map(str, listed)) if isinstance(listed, list) else listed
        if "$with" in template:
            if parameters.get(template["$with"]) is None:
                return _ABSENT
            template = {name: part for name, part in template.items() if name != "$with"}
        if "$each" in template:
            items = parameters.get(template["$each"])
            if not isinstance(items, list):
                return _ABSENT
            return [_fill(template["as"], {**parameters, "item": item}, rest) for item in items]
        filled = {_fill(name, parameters, rest): _fill(part, parameters, rest) for name, part in template.items()}
        kept = {name: part for name, part in filled.items() if name is not _ABSENT and part is not _ABSENT}
        # An object of which nothing was given is not given either; one that is written empty is meant.
        return kept if kept or not template else _ABSENT
    if isinstance(template, list | tuple):
        found_items = [_fill(part, parameters, rest) for part in template]
        kept_items = [part for part in found_items if part is not _ABSENT]
        return kept_items if kept_items or not template else _ABSENT
    return template


def at(document: Json, path: str) -> Json:
    """What is at ``a.b.0`` of a document; the whole for an empty path, null where there is nothing."""
    for step in path.split(".") if path else ():
        if isinstance(document, list) and step.isdigit() and int(step) < len(document):
            document = document[int(step)]
        elif isinstance(document, dict):
            document = document.get(step)
        else:
            return None
    return document
