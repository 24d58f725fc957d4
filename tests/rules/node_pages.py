"""Writes the pages of docs/nodes: one per node type, from its NodeType, its config model, its docstrings and its
example. What a page says is said there; nothing is written here by hand."""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from flowray.definition.node_type import Effects, NodeType, OpenConfig
from flowray.definition.policies import Lane
from flowray.errors import ErrorCode
from flowray.handlers.handler import NodeHandler
from flowray.handlers.node_config import NodeConfig
from flowray.handlers.registry import default_registry
from tests.node_examples.example import Example, load_example, section
from tests.rules.source import table

LANES = {
    Lane.INLINE: "`inline`: in the orchestrator",
    Lane.IO: "`io`: beside hundreds of other waiting nodes",
    Lane.TASK: "`task`: in a Ray task of its own, with its own resources",
}

EFFECTS = {
    Effects.NONE: "none: may run again, and ahead of the commit",
    Effects.READ: "reads the outer world",
    Effects.WRITE: "changes the outer world; starts only once all before it is committed",
}

_COMMON_ERRORS = (
    "A config that does not fit the table above is `INVALID_NODE_CONFIG`, an attempt that takes too long"
    " `NODE_TIMEOUT`; see [all codes](../errors.md)."
)

_LINK = re.compile(r"\b(" + "|".join(sorted((code.value for code in ErrorCode), key=len, reverse=True)) + r")\b")
_BOUNDS = (
    ("minimum", "≥ {}"), ("exclusiveMinimum", "> {}"), ("maximum", "≤ {}"), ("exclusiveMaximum", "< {}"),
    ("minLength", "at least {} characters"), ("maxLength", "at most {} characters"),
    ("minItems", "at least {} items"), ("maxItems", "at most {} items"), ("pattern", "matches `{}`"),
)  # fmt: skip


@lru_cache(maxsize=1)
def handlers() -> Mapping[str, NodeHandler]:
    """The handler of each built-in type, by its name, in order of the names."""
    registry = default_registry(plugins=False)
    names = {node_type.name for node_type in registry.node_types().values()}
    return {name: registry.handler_for(name) for name in sorted(names, key=str.lower)}


def index_page(notice: str) -> str:
    """docs/nodes/index.md: every type by category."""
    lines = [
        "# Node types", "", notice, "",
        "Every built-in type has a page: its config, what it gives, its errors, and an example that the tests run.",
        "`flowray nodes` and `GET /v1/node-types` publish the same, with the JSON Schema of each config. Types of",
        "one's own are [functions with `@flowray.node`](../own-nodes.md).",
    ]  # fmt: skip
    by_category: dict[str, list[NodeType]] = {}
    for handler in handlers().values():
        by_category.setdefault(handler.node_type.category, []).append(handler.node_type)
    for category in sorted(by_category):
        rows = [
            (f"[{found.name}]({found.name}.md)" + (" (experimental)" if found.experimental else ""),
             ", ".join(f"`{alias}`" for alias in found.aliases), found.summary)
            for found in by_category[category]
        ]  # fmt: skip
        lines += ["", f"## {category}", "", *table(("type", "also", "what it does"), rows)]
    return "\n".join(lines) + "\n"


def node_page(name: str, notice: str) -> str:
    """docs/nodes/<type>.md."""
    handler = handlers()[name]
    node_type = handler.node_type
    lines = [f"# {name}", "", notice, "", node_type.summary, ""]
    if node_type.experimental:
        lines += ["**Experimental**: tried against recorded answers only, never against the real thing.", ""]
    lines += _facts(node_type)
    lines += ["", "## Config", "", *_config(node_type.config_model)]
    lines += ["", "## Output", "", _prose(_output_text(handler))]
    lines += ["", "## Errors", "", *_errors(handler)]
    example = load_example(name)
    if example is not None:
        lines += ["", "## Example", "", *_example(name, example)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _facts(node_type: NodeType) -> list[str]:
    lane = LANES[node_type.lane]
    if node_type.computes and node_type.lane is not Lane.INLINE:
        lane = "`inline` where all that it evaluates is bounded, else `io`"
    facts = {
        "category": node_type.category,
        "other names": ", ".join(f"`{alias}`" for alias in node_type.aliases),
        "runs": lane,
        "effects": EFFECTS[node_type.effects],
        "handles": _handles(node_type),
        "streams": "its text, as it comes" if node_type.streams else "",
        "time limit": f"{node_type.timeout_ms} ms, unless `timeoutMs` says otherwise" if node_type.timeout_ms else "",
        "its alias means": f"`{node_type.value_key}` of the output" if node_type.value_key else "",
    }
    return table(("", ""), [(name, fact) for name, fact in facts.items() if fact])


def _handles(node_type: NodeType) -> str:
    match node_type.role.value:
        case "branch":
            own = [f"`{handle}`" for handle in node_type.handles or ()]
            return ", ".join(own) if own else "those that the config names, and `error`"
        case "loop":
            return "`loop-body`, `loop-exit`, `error`"
        case "parallel":
            return "`parallel-body`, `parallel-exit`, `error`"
        case "note":
            return ""
        case _:
            return "`source`, `error`"


# -- config -----------------------------------------------------------------------------------------------------------


def _config(model: type[BaseModel]) -> list[str]:
    """The fields of a model, then those of the models within it."""
    if model is OpenConfig:
        return ["Any fields."]
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.get("$defs", {})
    lines = [_own_doc(model), ""] if _own_doc(model) else []
    lines += _fields(schema, _spellings(model)) or ["No fields of its own."]
    inner = {found.__name__: found for found in _models_within(model)}
    for name, found in inner.items():
        if name in definitions and "properties" in definitions[name]:
            lines += ["", f"### {name}", ""]
            lines += [_own_doc(found), ""] if _own_doc(found) else []
            lines += _fields(definitions[name], _spellings(found))
    return lines


def _fields(schema: Mapping[str, Any], spellings: Mapping[str, list[str]]) -> list[str]:
    required = set(schema.get("required", ()))
    rows = []
    for name, field in schema.get("properties", {}).items():
        default = "required" if name in required else _default(field)
        about = [_prose(field["description"])] if field.get("description") else []
        about += [f"Also {', '.join(f'`{other}`' for other in spellings[name])}."] if spellings.get(name) else []
        rows.append((f"`{name}`", _type(field), default, _cell(" ".join(about))))
    return table(("field", "type", "default", ""), rows) if rows else []


def _default(field: Mapping[str, Any]) -> str:
    value = field.get("default")
    return "" if value in (None, "", [], {}) else f"`{json.dumps(value, ensure_ascii=False)}`"


def _type(field: Mapping[str, Any]) -> str:
    """A field's schema in a few words."""
    if "$ref" in field:
        return str(field["$ref"]).rsplit("/", 1)[-1]
    if "allOf" in field and len(field["allOf"]) == 1:
        return _type(field["allOf"][0])
    if "enum" in field:
        return " \\| ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "anyOf" in field or "oneOf" in field:
        kinds = [_type(part) for part in field.get("anyOf", field.get("oneOf", ())) if part.get("type") != "null"]
        return " \\| ".join(dict.fromkeys(kinds))
    kind = str(field.get("type", "any"))
    if kind == "array":
        items = _type(field.get("items", {}))
        kind = "list" if items == "any" else f"list of {items}"
    bounds = [words.format(_cell(str(field[key]))) for key, words in _BOUNDS if key in field]
    return ", ".join([kind, *bounds])


def _models_within(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The config models that the fields of a model are made of, each once, outermost first."""
    seen: dict[type[BaseModel], None] = {}
    waiting = [model]
    while waiting:
        for field in waiting.pop(0).model_fields.values():
            for found in _classes(field.annotation):
                if found not in seen and found is not model:
                    seen[found] = None
                    waiting.append(found)
    yield from seen


def _classes(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _classes(part)


def _spellings(model: type[BaseModel]) -> dict[str, list[str]]:
    """Other names of fields: what the models' validators hand to ``rename``."""
    found: dict[str, list[str]] = {}
    for owner in model.__mro__:
        if owner is BaseModel or not issubclass(owner, BaseModel) or owner in (NodeConfig, OpenConfig):
            continue
        tree = ast.parse(textwrap.dedent(inspect.getsource(owner)))
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id != "rename":
                continue
            for keyword in call.keywords:
                if keyword.arg and isinstance(keyword.value, ast.Tuple):
                    names = [str(item.value) for item in keyword.value.elts if isinstance(item, ast.Constant)]
                    found.setdefault(keyword.arg, []).extend(name for name in names if name not in found[keyword.arg])
    return found


# -- prose ------------------------------------------------------------------------------------------------------------


def _own_doc(owner: Any) -> str:
    """The docstring that a class has itself; pydantic and Python hand on those of their bases."""
    return _prose(inspect.cleandoc(owner.__dict__.get("__doc__") or ""))


def _output_text(handler: NodeHandler) -> str:
    text = inspect.cleandoc(type(handler).__doc__ or "").removeprefix("Output: ")
    return text[:1].upper() + text[1:]


def _errors(handler: NodeHandler) -> list[str]:
    text = inspect.cleandoc(inspect.getdoc(handler.execute) or "")
    return [_prose(text), "", _COMMON_ERRORS]


def _prose(text: str) -> str:
    """A docstring as Markdown: double backquotes become single, error codes stand in code."""
    text = re.sub(r"``([^`]+)``", r"`\1`", text)
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(part if part.startswith("`") else _LINK.sub(r"`\1`", part) for part in parts)


def _cell(text: str) -> str:
    """Text that stands in one cell of a table."""
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))


# -- example ----------------------------------------------------------------------------------------------------------


def _example(name: str, example: Example) -> list[str]:
    lines = [example.about.strip(), "", "```yaml", section(name, "definition"), "```"]
    for key, words in (
        ("inputs", "With these inputs:"),
        ("outputs", "it gives:"),
        ("contains", "it gives, among others:"),
    ):
        text = section(name, key)
        if text and text != "{}":
            said = words if key == "inputs" or example.inputs else words[0].upper() + words[1:]
            lines += ["", said, "", "```yaml", text, "```"]
    if example.needs:
        names = ", ".join(f"`{address}`" for need in example.needs for address in ADDRESSES[need])
        lines += (
            ["", f"Run against servers on this machine, whose addresses are further inputs: {names}."] if names else []
        )
    return lines


ADDRESSES: Mapping[str, tuple[str, ...]] = {
    "llm": ("llmUrl",), "http": ("httpUrl",), "smtp": ("smtpHost", "smtpPort"), "mcp": ("mcpUrl",),
    "postgres": ("postgresUrl",), "files": (),
}  # fmt: skip
"""The inputs that a need brings."""
