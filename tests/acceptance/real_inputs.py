"""Inputs for real workflows that come without any: made of what the definition reads of them. Runs nothing."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.fakes.anything import small_pdf

LIST_FIELDS = ("collection", "items", "iterateOver", "arrayPath", "inputArray")
LIST_METHODS = frozenset(
    {"map", "filter", "reduce", "forEach", "length", "some", "every", "find", "slice", "join", "sort", "flatMap"}
)
TEXT_METHODS = frozenset(
    {"split", "trim", "toLowerCase", "toUpperCase", "replace", "match", "startsWith", "endsWith", "toString"}
)
URL = "{world}/at/sample"
"""Filled in with the address of the local server."""


CONTENTS = {
    "pdf": small_pdf("Invoice 123, Amount: $10.00"),
    "csv": b"id,name\n1,Ann\n2,Bob\n",
    "txt": b"Invoice 123\n\nAmount: $10.00\n",
}
URLS = re.compile(r"(urls?|endpoint|link|website)$", re.IGNORECASE)
NUMBERS = re.compile(
    r"(count|amount|price|rate|years|principal|quantity|score|total|limit|value|x|n|age)$", re.IGNORECASE
)


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
    lists = {_path(config[name]) for config in _configs(nodes) for name in _list_fields(config) if config.get(name)}
    # What an input node puts out is read below its id.
    lists |= {path.partition(".")[2] for path in lists if nodes.get(path.split(".")[0], {}).get("type") == "input"}
    found: dict[str, Any] = {}
    for node_id, node in nodes.items():
        config = node["config"]
        if node["type"] == "files":
            named = (config.get(key) for key in ("inputName", "inputVariable", "outputVariable"))
            found[next(filter(None, named), "files")] = [file_of(str(config))]
        if node["type"] != "input" or config.get("defaultValue") not in (None, ""):
            continue
        names = {config[key] for key in ("inputName", "inputVariable") if config.get(key)}
        if not names:
            whole = _sample(node_id, "json", lists, said)
            found.update({} if "note" in whole or not isinstance(whole, dict) else whole)
        for name in names:
            found[name] = _sample(name, str(config.get("inputType") or "text"), lists, said)
    made = {name for node in nodes.values() for name in made_by(node)} | set(nodes)
    missing = {path for path in lists if re.fullmatch(r"[A-Za-z_]\w*", path)} - made
    return {**{name: [f"{name} one", f"{name} two"] for name in missing}, **found}


def file_of(allowed: str) -> dict[str, str]:
    """A small file of a kind that the text names; of plain text if it names none."""
    kind = next((kind for kind in CONTENTS if kind in allowed), "txt")
    return {"fileName": f"notes.{kind}", "fileType": kind, "base64": base64.b64encode(CONTENTS[kind]).decode()}


def _configs(nodes: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [node["config"] for node in nodes.values()]


def _list_fields(config: Mapping[str, Any]) -> Iterator[str]:
    """The fields of a config that name a list."""
    yield from LIST_FIELDS
    if config.get("operation") in ("map", "filter", "reduce", "sort"):
        yield "inputData"


def _path(written: Any) -> str:
    return re.sub(r"^[{$\s]+|[}\s]+$", "", str(written))


def made_by(node: Mapping[str, Any]) -> Iterator[str]:
    """Names under which a node's output, item or variable can be read."""
    for key in ("outputVariable", "inputVariable", "inputName", "itemVariable", "variableName", "key", "outputName"):
        if isinstance(node["config"].get(key), str):
            yield node["config"][key]


def replies_for(definition: Mapping[str, Any]) -> dict[str, str]:
    """What the model has to answer where its text is looped over: lists, by a part of the prompt."""
    looped = {
        match.group(1)
        for node in definition["nodes"].values()
        for name in (*LIST_FIELDS, "inputData")
        for match in re.finditer(r"(\w+)\.text", str(node["config"].get(name, "")))
        if node["type"] in ("loop", "parallel") or node["config"].get("operation") in ("map", "filter", "reduce")
    }
    return {
        longest_literal(str(node["config"].get("prompt", ""))): '["a first", "a second"]'
        for node in definition["nodes"].values()
        if node["type"] == "llm" and node["config"].get("outputVariable") in looped
    }


def longest_literal(prompt: str) -> str:
    """The longest part of a prompt that no template fills."""
    return max(re.split(r"\{\{.*?\}\}|\$\{.*?\}", prompt), key=len).strip()


def _sample(name: str, kind: str, lists: set[str], said: list[str]) -> Any:
    by_kind = {"file": file_of(name.lower()), "number": 42, "boolean": True}
    simple = by_kind.get(kind, _leaf(name) if URLS.search(name) and name not in lists else None)
    if simple is not None:
        return simple
    paths = {path: is_list for text in said for path, is_list in _paths(name, text)}
    paths |= {path.removeprefix(f"{name}."): True for path in lists if path.startswith(f"{name}.")}
    elements = {field for text in said for field in _fields_of_elements(name, text)}
    if name in lists or paths.pop("", False):
        found = _elements(elements) if elements else [f"{name} one", f"{name} two"]
        return json.dumps(found) if any(f"JSON.parse(inputs.{name})" in text for text in said) else found
    if paths:
        return _object(paths, elements)
    return {"note": f"a sample {name}"} if kind == "json" else f"a sample {name}"


def _paths(name: str, text: str) -> Iterator[tuple[str, bool]]:
    """What is read below ``name``, and whether as a list. The empty path is ``name`` itself."""
    for match in re.finditer(rf"(?<![\w'\"-]){re.escape(name)}((?:\.[A-Za-z_]\w*)+)", text):
        parts = match.group(1).strip(".").split(".")
        method = next((i for i, part in enumerate(parts) if part in LIST_METHODS | TEXT_METHODS), len(parts))
        is_list = method < len(parts) and parts[method] in LIST_METHODS
        if parts[:method] or is_list:
            yield ".".join(parts[:method]), is_list


def _fields_of_elements(name: str, text: str) -> Iterator[str]:
    """Fields that arrow functions over something below ``name`` read of each element."""
    if name not in text:
        return
    for arrow in re.finditer(r"\(?\b([a-zA-Z_]\w*)\)?\s*=>", text):
        for field in re.finditer(rf"\b{arrow.group(1)}\.([A-Za-z_]\w*)", text):
            if field.group(1) not in LIST_METHODS | TEXT_METHODS:
                yield field.group(1)


def _elements(fields: set[str]) -> list[Any]:
    if not fields:
        return ["one", "two"]
    return [{field: _leaf(field, number) for field in sorted(fields)} for number in (1, 2)]


def _leaf(name: str, number: int = 1) -> Any:
    if URLS.search(name):
        return URL
    if name.lower().endswith("pdf"):
        return f"data:application/pdf;base64,{file_of('pdf')['base64']}"
    return 10 * number if NUMBERS.search(name) else f"a sample {name} {number}"


def _object(paths: Mapping[str, bool], elements: set[str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for path, is_list in sorted(paths.items()):
        at = made
        *parents, last = path.split(".")
        for parent in parents:
            inner = at.get(parent)
            if not isinstance(inner, dict):
                inner = at[parent] = {}
            at = inner
        if not isinstance(at.get(last), dict | list):
            at[last] = _elements(elements) if is_list else _leaf(last)
    return made
