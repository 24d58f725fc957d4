"""Inputs for real workflows that come without any: made of what the definition reads of them. Runs nothing."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}|\$\{(.*?)\}", re.DOTALL)
LIST_FIELDS = ("collection", "items", "iterateOver", "arrayPath", "inputArray", "forEach")
FILE = {
    "fileName": "notes.txt",
    "fileType": "txt",
    "base64": base64.b64encode(b"Invoice 123\n\nAmount: $10.00\n").decode(),
}


def texts(value: Any) -> Iterator[str]:
    """Every text within a JSON value."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)
    elif isinstance(value, str):
        yield value


def inputs_for(definition: Mapping[str, Any]) -> dict[str, Any]:
    """A value for every input that the definition declares and gives no default."""
    nodes = definition["nodes"]
    said = [text for node in nodes.values() for text in texts(node["config"])]
    lists = {
        _root(str(node["config"].get(name, ""))) for node in nodes.values() for name in LIST_FIELDS
    }  # fmt: skip
    found: dict[str, Any] = {}
    for node in nodes.values():
        config = node["config"]
        if node["type"] == "files":
            found[config.get("inputName") or config.get("inputVariable") or "files"] = [FILE]
        if node["type"] != "input" or config.get("defaultValue") is not None:
            continue
        names = {config[key] for key in ("inputName", "inputVariable") if config.get(key)}
        kind = str(config.get("inputType") or "text")
        for name in names:
            found[name] = _sample(name, kind, lists & names, said)
    return found


def _root(text: str) -> str:
    return re.sub(r"^[{$\s]+|[}\s]+$", "", text).split(".")[0].split("[")[0]


def _sample(name: str, kind: str, is_list: set[str], said: list[str]) -> Any:
    if kind == "file":
        return FILE
    if kind == "number":
        return 42
    if kind == "boolean":
        return True
    read = sorted({path for text in said for path in _paths(name, text)})
    value: Any = _object(read) if read else None
    if is_list:
        return [value or f"{name} one", value or f"{name} two"]
    if value is not None:
        return value
    return {"note": f"a sample {name}"} if kind == "json" else f"a sample {name}"


def _paths(name: str, text: str) -> Iterator[str]:
    for match in re.finditer(rf"(?<![\w.'\"-]){re.escape(name)}\.((?:[A-Za-z_]\w*\.?)+)", text):
        path = match.group(1).rstrip(".")
        if path.split(".")[0] not in ("length", "map", "filter", "join", "includes", "split", "slice"):
            yield path


def _object(paths: list[str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for path in paths:
        at = made
        *parents, last = path.split(".")
        for parent in parents:
            inner = at.get(parent)
            if not isinstance(inner, dict):
                inner = at[parent] = {}
            at = inner
        if last in ("length", "map", "filter"):
            continue
        at.setdefault(last, f"a sample {last}")
    return json.loads(json.dumps(made))  # type: ignore[no-any-return]
