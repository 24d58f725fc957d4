"""Dify's references ``{{#node.variable#}}`` and selectors → ``{{node.variable}}``. Evaluates nothing.

Dify's ids are numbers, which no expression can name, so every node is called ``n<id>`` here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from flowray.values import Json

_TOKEN = re.compile(r"\{\{#([^#{}]+)#\}\}")
_PLAIN_KEY = re.compile(r"[A-Za-z_]\w*\Z")
_UNFIT = re.compile(r"\W")

FIELDS: dict[str, dict[str, str]] = {
    "http-request": {"body": "data", "status_code": "status"},
    "knowledge-retrieval": {"result": "results"},
    "question-classifier": {"class_name": "routeLabel", "class_id": "selectedRoute"},
    "tool": {"text": "data.text", "json": "data.json", "files": "data.files"},
    "agent": {"json": "data"},
}
"""By Dify's type: output variables that have another name here. Those of a tool lie in ``data``."""

_WHOLE = {"template-transform": "output", "variable-aggregator": "output", "iteration": "output"}
"""Types whose one output variable is the whole output here."""


def node_name(dify_id: str) -> str:
    """The id of a node here."""
    cleaned = _UNFIT.sub("_", dify_id)
    return cleaned if _PLAIN_KEY.match(cleaned) and cleaned not in _RESERVED else f"n{cleaned}"


_RESERVED = frozenset({"loop", "parallel", "env", "var", "secrets", "shared", "inputs", "true", "false", "null"})


class References:
    """Rewrites selectors and texts of one document. ``types``: Dify's type of each node id."""

    def __init__(self, types: Mapping[str, str], start: str | None, report: Callable[[str], None]) -> None:
        self._types = types
        self._start = start
        self._report = report

    def path(self, selector: Json, inside: str | None = None) -> str:
        """The expression for ``[node, variable, …]``. ``inside``: the container whose round is read by its id."""
        steps = [str(step) for step in selector] if isinstance(selector, list) else []
        if len(steps) < 2:
            return "null"
        node, field, rest = steps[0], steps[1], steps[2:]
        if node == "sys":
            return written([node_name(self._start) if self._start else "inputs", field, *rest])
        if node == "env":
            return written(["env", field, *rest])
        if node == "conversation":
            return written(["var", field, *rest])
        kind = self._types.get(node)
        if kind is None:
            self._report(f"The reference {'.'.join(steps)!r} names no node; it reads null.")
            return "null"
        if kind == "variable-aggregator" and field != _WHOLE[kind]:
            # Of groups: [node, Group1, output].
            return written([node_name(node), field, *(rest[1:] if rest[:1] == ["output"] else rest)])
        if _WHOLE.get(kind) == field:
            return written([node_name(node), *rest])
        renamed = FIELDS.get(kind, {}).get(field, field)
        return written([node_name(node), *renamed.split("."), *rest])

    def template(self, selector: Json) -> str:
        """The reference in braces: the value itself, type and all."""
        return "{{" + self.path(selector) + "}}"

    def text(self, text: Json) -> Json:
        """A text, or a nested value, with its references in braces. Inside longer text, what is missing is empty."""
        if isinstance(text, list):
            return [self.text(item) for item in text]
        if isinstance(text, dict):
            return {key: self.text(item) for key, item in text.items()}
        if not isinstance(text, str):
            return text
        whole = _TOKEN.fullmatch(text.strip())
        if whole is not None:
            return "{{" + self._token(whole) + "}}"
        return _TOKEN.sub(lambda match: "{{" + self._token(match) + " ?? ''}}", text)

    def _token(self, match: re.Match[str]) -> str:
        return self.path(match[1].strip().split("."))


def written(steps: list[Any]) -> str:
    """A path as an expression."""
    parts = [str(steps[0])]
    for step in steps[1:]:
        key = str(step)
        if _PLAIN_KEY.match(key):
            parts.append(f".{key}")
        else:
            parts.append(f"[{key}]" if key.isdigit() else "['" + key.replace("\\", "\\\\").replace("'", "\\'") + "']")
    return "".join(parts)
