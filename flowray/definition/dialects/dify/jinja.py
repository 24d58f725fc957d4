"""Dify's Jinja templates → a flowray template where they only name values, else a JavaScript program. Runs nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

_TAG = re.compile(r"\{\{-?(.*?)-?\}\}|\{%-?(.*?)-?%\}|\{#.*?#\}", re.DOTALL)
_TRIMMED_BEFORE = re.compile(r"\s*(\{[{%]-)")
_TRIMMED_AFTER = re.compile(r"(-[%}]\})\s*")
_PATH = re.compile(r"\s*([A-Za-z_]\w*)((?:\.\w+|\[\d+\]|\[\s*'[^']*'\s*\]|\[\s*\"[^\"]*\"\s*\])*)\s*\Z")
_FOR = re.compile(r"for\s+([A-Za-z_]\w*)\s+in\s+(.+)\Z", re.DOTALL)
_SET = re.compile(r"set\s+([A-Za-z_]\w*)\s*=\s*(.+)\Z", re.DOTALL)
_STRING = re.compile(r"'[^'\\]*'|\"[^\"\\]*\"")
_ATOM = re.compile(
    r"\s*(?:(?P<string>'[^'\\]*'|\"[^\"\\]*\")|(?P<number>\d+(?:\.\d+)?)|(?P<op>==|!=|>=|<=|>|<|\(|\)|\+)"
    r"|(?P<path>[A-Za-z_]\w*(?:\.\w+|\[\d+\]|\[\s*(?:'[^']*'|\"[^\"]*\")\s*\])*))"
)
_WORDS = {"and": "&&", "or": "||", "not": "!", "true": "true", "True": "true", "false": "false", "False": "false",
          "none": "null", "None": "null"}  # fmt: skip
_FILTERS = {
    "join": "__join(%s, %s)", "length": "__length(%s)", "count": "__length(%s)", "upper": "String(%s).toUpperCase()",
    "lower": "String(%s).toLowerCase()", "trim": "String(%s).trim()", "float": "Number(%s)", "int": "parseInt(%s)",
    "string": "__text(%s)", "tojson": "JSON.stringify(%s)", "first": "(%s)[0]", "default": "(%s ?? %s)",
}  # fmt: skip

_PRELUDE = """const __text = v => v == null ? '' : typeof v === 'object' ? JSON.stringify(v) : String(v);
const __join = (v, by) => (v ?? []).map(__text).join(by ?? '');
const __length = v => v == null ? 0 : Array.isArray(v) || typeof v === 'string' ? v.length : Object.keys(v).length;
const __list = v => Array.isArray(v) ? v : v == null ? [] : Object.keys(v);
let __out = '';
"""


def plain_template(text: str, paths: Mapping[str, str]) -> str | None:
    """The flowray template, if every tag names a value. ``paths``: the expression behind each argument's name."""
    parts, position = [], 0
    for tag in _TAG.finditer(_trimmed(text)):
        inner = tag[1]
        path = _PATH.match(inner) if inner is not None else None
        if path is None:
            return None
        parts.append(_trimmed(text)[position : tag.start()])
        parts.append("{{" + paths[path[1]] + path[2] + " ?? ''}}" if path[1] in paths else "")
        position = tag.end()
    return "".join([*parts, _trimmed(text)[position:]])


def program(text: str) -> str | None:
    """JavaScript that returns the rendered text and reads the arguments as globals; None for what it cannot say."""
    source, lines, position, depth = _trimmed(text), [_PRELUDE], 0, 0
    for tag in _TAG.finditer(source):
        lines.append(f"__out += {json.dumps(source[position : tag.start()])};")
        position = tag.end()
        if tag[1] is not None:
            value = _expression(tag[1])
            line = None if value is None else f"__out += __text({value});"
        elif tag[2] is not None:
            line = _statement(tag[2].strip(), depth)
            depth += tag[2].strip().startswith("for ")
        else:
            line = ""
        if line is None:
            return None
        lines.append(line)
    lines.append(f"__out += {json.dumps(source[position:])};\nreturn __out;")
    return "\n".join(lines)


def _trimmed(text: str) -> str:
    return _TRIMMED_AFTER.sub(r"\1", _TRIMMED_BEFORE.sub(r"\1", text))


def _statement(text: str, depth: int) -> str | None:
    word = text.split(maxsplit=1)[0] if text else ""
    loop, assigned = _FOR.match(text), _SET.match(text)
    if loop is not None:
        items = _expression(loop[2])
        head = f"for (const [__i{depth}, {loop[1]}] of __list({items}).entries()) {{ "
        counters = f"const loop = {{index: __i{depth} + 1, index0: __i{depth}, first: __i{depth} === 0}};"
        return None if items is None else head + counters
    if assigned is not None:
        value = _expression(assigned[2])
        return None if value is None else f"var {assigned[1]} = {value};"
    if word in ("if", "elif"):
        condition = _expression(text[len(word) :])
        opening = "if" if word == "if" else "} else if"
        return None if condition is None else f"{opening} ({condition}) {{"
    return {"else": "} else {", "endfor": "}", "endif": "}"}.get(word)


def _expression(text: str) -> str | None:
    """An expression of names, literals, comparisons and filters."""
    value, *filters = _split_filters(text)
    result = _operands(value)
    for step in filters:
        name, _, arguments = step.strip().partition("(")
        pattern = _FILTERS.get(name.strip())
        if result is None or pattern is None:
            return None
        given = arguments.strip().removesuffix(")").strip() or "''"
        if pattern.count("%s") == 2:
            if not _STRING.fullmatch(given):
                return None
            result = pattern % (result, json.dumps(given[1:-1].replace("\\n", "\n")))
        else:
            result = pattern % result
    return result


def _operands(text: str) -> str | None:
    parts, position = [], 0
    stripped = text.strip()
    while position < len(stripped):
        atom = _ATOM.match(stripped, position)
        if atom is None:
            return None
        position = atom.end()
        if atom["path"] is not None:
            parts.append(
                _WORDS.get(atom["path"]) or atom["path"].replace("[", "?.[").replace(".", "?.").replace("??.", "?.")
            )
        else:
            parts.append(atom["string"] or atom["number"] or atom["op"])
    return " ".join(parts) or None


def _split_filters(text: str) -> list[str]:
    """At every ``|`` outside of strings."""
    kept = _STRING.sub(lambda match: match[0].replace("|", "\x00"), text)
    return [part.replace("\x00", "|") for part in kept.split("|")]
