"""n8n's expressions → flowray's templates: paths become references, everything else JavaScript in a node before.

n8n's nodes pass lists of items; here a value is what the one item holds (see ``items``). A node's value may have other
fields than in n8n, so that each node has a *shape*: an expression, or an object of shapes by n8n's field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flowray.definition.dialects.n8n.document import N8nNode, plain
from flowray.definition.dialects.n8n.javascript import expressions_program, nodes_named, unknown_names
from flowray.values import Json

Shape = str | dict[str, Any]
"""An expression for a value, or the shapes of its fields."""

Config = dict[str, Any]

_PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_ACCESS = r"(?:\??\.[A-Za-z_$][\w$]*(?!\s*\()|(?:\?\.)?\[\s*(?:\d+|\"[^\"\\]*\"|'[^'\\]*')\s*\])*"
_NAME = r"""\(\s*(?:"(?P<n1>[^"]+)"|'(?P<n2>[^']+)'|`(?P<n3>[^`$]+)`)\s*\)"""
_PATH = re.compile(
    rf"""\s*(?:(?P<here>\$json|\$input\.(?:item|first\(\)|last\(\))\.json)|\${_NAME}\??\.(?:item|first\(\)|last\(\))\??\.json"""
    rf"""|\$node\[\s*(?:"(?P<n4>[^"]+)"|'(?P<n5>[^']+)')\s*\]\.json|(?P<env>\$env)|(?P<now>\$now(?:\.toISO\(\)|\.toString\(\))?(?=\s*\Z)))"""
    rf"""(?P<path>{_ACCESS})\s*;?\s*\Z"""
)
_STEP = re.compile(r"\.([A-Za-z_$][\w$]*)|\[\s*(\d+)\s*\]|\[\s*\"([^\"]*)\"\s*\]|\[\s*'([^']*)'\s*\]")
_PLAIN_KEY = re.compile(r"[A-Za-z_]\w*\Z")
_FROM_AI = re.compile(r"\$fromAI\(\s*(?:'([^']*)'|\"([^\"]*)\"|`([^`]*)`)")


@dataclass
class Texts:
    """Translates the parameters of one node. ``programs`` collects the JavaScript that a node before it has to run."""

    node: N8nNode
    here: list[Shape]
    shape_of: Callable[[str], list[Shape] | None]
    programs: dict[str, str] = field(default_factory=dict)
    reported: set[str] = field(default_factory=set)
    read: list[str] = field(default_factory=list)

    @property
    def helper_id(self) -> str:
        """The node that evaluates the JavaScript."""
        return f"{self.node.id}_expressions"

    def value(self, value: Json) -> Json:
        """Any parameter, with every expression in it as a template."""
        value = plain(value)
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        return [self.value(item) for item in value] if isinstance(value, list) else value

    def text(self, text: str) -> str:
        """A text: with ``=`` before it, an expression."""
        if not text.startswith("="):
            return text
        body = text[1:]
        whole = _PLACEHOLDER.fullmatch(body.strip())
        if whole is not None and "}}" not in whole[1]:
            return "{{" + self.expression(whole[1]) + "}}"
        return _PLACEHOLDER.sub(lambda match: "{{" + self.expression(match[1]) + " ?? ''}}", body)

    def operand(self, value: Json) -> str:
        """One side of a comparison as an expression."""
        value = plain(value)
        if isinstance(value, str) and value.startswith("="):
            whole = _PLACEHOLDER.fullmatch(value[1:].strip())
            return self.expression(whole[1]) if whole is not None else self._program(_source(value))
        return json.dumps(value, ensure_ascii=False)

    def script(self, form: str, *sides: Json) -> str:
        """A comparison that only JavaScript knows; ``form`` has the places of its sides."""
        return self._program(form.format(*(f"({_source(plain(side))})" for side in sides)))

    def expression(self, text: str) -> str:
        """What stands between the braces."""
        path = self._path(text)
        return path if path is not None else self._program(text.strip().rstrip(";"))

    def inputs(self, code: str, *, whole: str | None = None) -> Config:
        """What a JavaScript program reads. ``whole``: the list of items, where it reads more than one."""
        named = {name: self.shape_of(name) for name in nodes_named(code)}
        for name, shapes in named.items():
            if shapes is None:
                self._unknown(name)
            else:
                self.read.append(name)
        return {
            "__in": whole if whole is not None else filled(self.here),
            "__nodes": {name: filled(shapes) for name, shapes in named.items() if shapes is not None},
            "__now": "{{$now}}",
            "__env": {name: "{{env." + name + "}}" for name in dict.fromkeys(re.findall(r"\$env\.(\w+)", code))},
        }

    def report(self, code: str, parameter: str = "") -> None:
        """Name what the code uses of n8n's that is not here."""
        for name in unknown_names(code):
            if name not in self.reported:
                self.reported.add(name)
                hint = "The tool's arguments come from the model by its parameters." if name == "$fromAI" else None
                self.node.unsupported(parameter, f"{name} of n8n is not there: an expression with it fails here.", hint)

    def helper(self) -> Config | None:
        """The config of the node that evaluates the JavaScript, if any."""
        if not self.programs:
            return None
        code = expressions_program(self.programs)
        return {
            "language": "javascript", "code": code, "outputKey": "",
            "inputVariables": self.inputs("\n".join(self.programs.values())),
        }  # fmt: skip

    def _program(self, text: str) -> str:
        asked = _FROM_AI.search(text)
        if asked is not None:
            # A tool's argument: the model gives it by its own name.
            return "args." + (asked[1] or asked[2] or asked[3] or "value")
        known = next((key for key, code in self.programs.items() if code == text), None)
        if known is None:
            known = f"e{len(self.programs)}"
            self.programs[known] = text or "''"
            self.report(text)
        return f"{self.helper_id}.{known}"

    def _path(self, text: str) -> str | None:
        match = _PATH.match(text)
        if match is None:
            return None
        steps: list[str | int] = [
            int(step[2]) if step[2] is not None else step[1] or step[3] or step[4] or ""
            for step in _STEP.finditer(match["path"])
        ]
        if match["env"]:
            return written("env", steps) if steps else None
        if match["now"]:
            return "$now"
        if match["here"]:
            return read_path(self.here, steps)
        name = next(match[key] for key in ("n1", "n2", "n3", "n4", "n5") if match[key])
        shapes = self.shape_of(name)
        if shapes is None:
            self._unknown(name)
            return "null"
        self.read.append(name)
        return read_path(shapes, steps)

    def _unknown(self, name: str) -> None:
        if name not in self.reported:
            self.reported.add(name)
            self.node.unsupported("", f"An expression reads {name!r}, and there is no such node; it reads null.")


def _source(value: Json) -> str:
    """A parameter as JavaScript."""
    if not isinstance(value, str) or not value.startswith("="):
        return json.dumps(value)
    whole = _PLACEHOLDER.fullmatch(value[1:].strip())
    if whole is not None:
        return whole[1].strip().rstrip(";")
    parts = _PLACEHOLDER.split(value[1:])
    # Odd parts are expressions; what is missing is the empty text, as in a template.
    texts = (f"String(({part}) ?? '')" if at % 2 else json.dumps(part) for at, part in enumerate(parts) if part)
    return " + ".join(texts) or "''"


def read_path(shapes: list[Shape], steps: list[str | int]) -> str:
    """The expression that reads ``steps`` of the first of several values that is there."""
    found = [_walk(shape, steps) for shape in shapes]
    return " ?? ".join(dict.fromkeys(text for text in found if text is not None)) or "null"


def _walk(shape: Shape, steps: list[str | int]) -> str | None:
    position = 0
    while isinstance(shape, dict):
        if position == len(steps):
            return shape.get("", None)
        step = str(steps[position])
        if step not in shape:
            whole = shape.get("")
            return written(whole, steps[position:]) if isinstance(whole, str) else None
        shape, position = shape[step], position + 1
    return written(shape, steps[position:])


def filled(shapes: list[Shape]) -> Json:
    """The values as a template: of several, the first that is there."""
    if len(shapes) == 1 and isinstance(shapes[0], dict):
        return _template(shapes[0])
    return "{{" + (" ?? ".join(dict.fromkeys(_whole(shape) for shape in shapes)) or "null") + "}}"


def _template(shape: Shape) -> Json:
    if isinstance(shape, str):
        return "{{" + shape + "}}"
    return {key: _template(item) for key, item in shape.items() if key != ""}


def _whole(shape: Shape) -> str:
    return shape if isinstance(shape, str) else str(shape.get("", "null"))


def written(root: str, steps: list[str | int]) -> str:
    """A path as an expression."""
    parts = [root]
    for step in steps:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif _PLAIN_KEY.match(step):
            parts.append(f".{step}")
        else:
            parts.append("['" + step.replace("\\", "\\\\").replace("'", "\\'") + "']")
    return "".join(parts)


def shapes_by_name(shapes: Mapping[str, list[Shape]]) -> Callable[[str], list[Shape] | None]:
    """Look-up by a node's name."""
    return shapes.get
