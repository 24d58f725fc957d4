"""SIM's references ``<block.field>`` and ``{{ENV}}`` → ``{{block-id.field}}`` and ``{{env.ENV}}``. Evaluates nothing.

A reference belongs to the block it stands in: ``<loop.index>`` is the nearest loop's, and names of loops and parallels
mean their present round inside them and their results outside.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from flowray.definition.dialects.sim_document import LOOP, PARALLEL, BlockReport, SimBlock, SimDocument, normal_name
from flowray.values import Json, decode_json

_TOKEN = re.compile(r"<([A-Za-z_](?:[^<>\n=&|;{}\"'`*]*[^<>\s=&|;{}\"'`*])?)>|\{\{\s*([A-Za-z_]\w*)\s*\}\}")
"""``<name.path>`` without blanks at its ends, so that ``a < b && c > d`` is none; ``{{NAME}}``."""

_STRING_OR_REFERENCE = re.compile(r"\"[^\"\\]*(?:\\.[^\"\\]*)*\"|<[A-Za-z_][^<>\n\"]*>")
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")
_PLAIN_KEY = re.compile(r"[A-Za-z_]\w*\Z")
_TYPED = "\x00"
"""Marks a reference that stood in JSON text without quotes: its value keeps its type."""

_ROUND_FIELDS = {
    "index": "index", "iteration": "index", "currentItem": "item", "item": "item", "items": "items",
}  # fmt: skip
"""SIM's ``iteration`` counts from 0, like its index."""

_FIELDS = {
    "llm": {"content": "text", "tokens": "usage"},
    "conditional": {"conditionResult": "conditionMet", "selectedOption": "branch"},
}
"""By node type: output fields that have another name here."""

_CONDITION_FIELDS = frozenset({"conditionResult", "selectedOption", "selectedPath", "error"})
_OF_EVERY_START = frozenset({"input", "files", "conversationId"})

CODE_FIELDS = frozenset({"code", "query", "script"})
"""Fields whose text is a program: a reference in it stands for a value, never for a piece of text."""


class References:
    """Rewrites the texts of one document. ``failing``: ids of blocks from which an error edge leads on."""

    def __init__(self, document: SimDocument, failing: frozenset[str]) -> None:
        self._document = document
        self._failing = failing
        self._feeders: dict[str, list[str]] = {}
        for edge in document.edges:
            self._feeders.setdefault(edge.target, []).append(edge.source)
        self._variables = {normal_name(name): name for name in reversed(document.variables)}
        # Of equal names the first counts, one written without dots before others.
        ordered = sorted(document.blocks.values(), key=lambda block: "." in block.name)
        self._blocks = {normal_name(block.name): block for block in reversed(ordered)}

    def within(self, block: SimBlock, report: BlockReport, around: Sequence[str] | None = None) -> BlockTexts:
        """The texts of one block. ``around``: the containers whose round it sees, innermost first."""
        return BlockTexts(self, report, self._document.chain(block.id) if around is None else around)

    def expression(self, inner: str, texts: BlockTexts) -> str | None:
        """What stands between the braces instead of ``<inner>``; None if it names nothing and stays as text."""
        steps = [name or int(index) for name, index in _STEP.findall(inner)]
        if not steps or not isinstance(steps[0], str):
            return None
        root, rest = normal_name(steps[0]), steps[1:]
        if root in (LOOP, PARALLEL):
            return self._round(root, rest, texts)
        if root == "variable":
            name = self._variables.get(normal_name(str(rest[0]))) if rest else None
            return None if name is None else _path("var", [name, *rest[1:]])
        block = self._blocks.get(root)
        if block is None:
            if rest:
                texts.unknown(inner)
            return None
        return self._output(block, rest, inner, texts)

    def _round(self, kind: str, rest: list[str | int], texts: BlockTexts) -> str | None:
        nearest = next((name for name in texts.around if self._document.blocks[name].type == kind), None)
        if nearest is None:
            return None
        # The collection of a container is read before its own round begins: there the nearest one is named.
        root = nearest if texts.names_rounds else kind
        return _path(root, [_ROUND_FIELDS.get(str(rest[0]), rest[0]), *rest[1:]] if rest else [])

    def _output(self, block: SimBlock, rest: list[str | int], inner: str, texts: BlockTexts) -> str | None:
        first = rest[0] if rest else None
        if block.is_container:
            if block.id in texts.around and first in _ROUND_FIELDS:
                return _path(block.id, [_ROUND_FIELDS[str(first)], *rest[1:]])
            if first not in (None, "results"):
                texts.doubtful(f"<{inner}>: outside of {block.name!r} only its results can be read.")
            return _path(block.id, rest)
        if first is not None and first not in _CONDITION_FIELDS:
            block = self._before_conditions(block, inner, texts)
        if first == "error" and block.id in self._failing:
            return _path(block.id, ["message", *rest[1:]])
        self._check_input(block, first, texts)
        renamed = _FIELDS.get(block.node_type, {}).get(str(first), first)
        return _path(block.id, [renamed, *rest[1:]] if renamed is not None else [])

    def _before_conditions(self, block: SimBlock, inner: str, texts: BlockTexts) -> SimBlock:
        """A condition hands on the output of the block before it: that block, as far as only one comes before."""
        seen = {block.id}
        while block.type == "condition":
            feeders = self._feeders.get(block.id, [])
            before = self._document.blocks.get(feeders[0]) if len(feeders) == 1 else None
            if before is None or before.id in seen:
                texts.doubtful(f"<{inner}>: {block.name!r} is a condition, and what it hands on is not known here.")
                break
            seen.add(before.id)
            block = before
        return block

    def _check_input(self, block: SimBlock, first: str | int | None, texts: BlockTexts) -> None:
        declared = {entry["name"] for entry in input_fields(block) if isinstance(entry.get("name"), str)}
        if declared and first is not None and first not in declared | _OF_EVERY_START:
            names = ", ".join(sorted(declared))
            texts.doubtful(f"{block.name!r} declares no input {str(first)!r} (declared: {names}); it may be null.")


class BlockTexts:
    """Rewrites what one block's fields hold. ``names_rounds``: containers are named by id, not as ``loop``."""

    def __init__(self, references: References, report: BlockReport, around: Sequence[str]) -> None:
        self._references = references
        self._report = report
        self._key = ""
        self._reported: set[str] = set()
        self.around = around
        self.names_rounds = False
        self.changed = False

    def field(self, key: str, value: Json) -> Json:
        """One param with every text in it rewritten, by what its field holds."""
        self._key = key
        return self._value(key, value)

    def json_field(self, key: str, value: Json) -> Json:
        """A param that may be JSON text: then its value, with the texts in it rewritten."""
        self._key = key
        if not isinstance(value, str):
            return self._value(key, value)
        parsed = _parse(value)
        return self.text(value) if parsed is None else self._quoted(parsed)

    def condition(self, key: str, text: str) -> str:
        """An expression with references in braces."""
        self._key = key
        return self.code(text).strip()

    def _value(self, key: str, value: Json) -> Json:
        if isinstance(value, str):
            return self.code(value) if key in CODE_FIELDS else self.text(value)
        if isinstance(value, dict):
            return {name: self._value(name, item) for name, item in value.items()}
        return [self._value(key, item) for item in value] if isinstance(value, list) else value

    def _quoted(self, value: Json) -> Json:
        """Values of JSON text. A reference within quotes is text there, whatever it refers to."""
        if isinstance(value, str):
            if value.startswith(_TYPED):
                return self.text(value.removeprefix(_TYPED))
            whole = _TOKEN.fullmatch(value)
            inner = self._inner(whole) if whole and whole[1] else None
            return self.text(value) if inner is None else "{{" + inner + " ?? '' | string}}"
        if isinstance(value, dict):
            return {name: self._quoted(item) for name, item in value.items()}
        return [self._quoted(item) for item in value] if isinstance(value, list) else value

    def text(self, text: str) -> str:
        """A template. Inside longer text, what is missing is the empty text, as in SIM."""
        whole = _TOKEN.fullmatch(text.strip())
        if whole is not None:
            inner = self._inner(whole)
            return text if inner is None else "{{" + inner + "}}"
        return _TOKEN.sub(self._embedded, text)

    def code(self, text: str) -> str:
        """A program or expression: every reference in braces."""
        return _TOKEN.sub(lambda match: self._braced(match, ""), text)

    def _embedded(self, match: re.Match[str]) -> str:
        return self._braced(match, " ?? ''" if match[1] else "")

    def _braced(self, match: re.Match[str], tail: str) -> str:
        inner = self._inner(match)
        return match[0] if inner is None else "{{" + inner + tail + "}}"

    def _inner(self, match: re.Match[str]) -> str | None:
        found = f"env.{match[2]}" if match[2] else self._references.expression(match[1], self)
        self.changed |= found is not None
        return found

    def unknown(self, inner: str) -> None:
        """``<inner>`` names no block: SIM leaves such text alone."""
        self._warn(f"<{inner}> names no block and stays as text.")

    def doubtful(self, message: str) -> None:
        """A reference that SIM refuses when it runs, and that is null here."""
        self._warn(message)

    def _warn(self, message: str) -> None:
        if message not in self._reported:
            self._reported.add(message)
            self._report.unsupported(self._key, message)


def input_fields(block: SimBlock) -> list[dict[str, Any]]:
    """The inputs that a trigger declares (``inputFormat``)."""
    if not block.trigger:
        return []
    declared = block.params.get("inputFormat")
    if isinstance(declared, str):
        declared = _parse(declared)
    return [entry for entry in declared if isinstance(entry, dict)] if isinstance(declared, list) else []


def _parse(text: str) -> Json:
    """The value of JSON text, references without quotes in it marked; None for any other text."""
    if text.strip()[:1] not in ("{", "["):
        return None
    for candidate in (text, _STRING_OR_REFERENCE.sub(_marked, text)):
        try:
            value: Json = decode_json(candidate)
        except ValueError:  # msgspec's DecodeError is one
            continue
        return value
    return None


def _marked(match: re.Match[str]) -> str:
    return match[0] if match[0].startswith('"') else f'"\\u0000{match[0]}"'


def _path(root: str, keys: Sequence[str | int]) -> str:
    written = [root]
    for key in keys:
        if isinstance(key, str) and _PLAIN_KEY.match(key):
            written.append(f".{key}")
        elif isinstance(key, int) or key.isdigit():
            written.append(f"[{key}]")
        else:
            quoted = key.replace("\\", "\\\\").replace("'", "\\'")
            written.append(f"['{quoted}']")
    return "".join(written)
