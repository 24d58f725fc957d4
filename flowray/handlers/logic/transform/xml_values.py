"""XML text as JSON values: elements are keys, attributes are merged in, repeated elements are lists. Not a validator.

The shape is that of xml2js with ``explicitArray: false, mergeAttrs: true``, which FlowMaestro's authors rely on.
"""

from __future__ import annotations

from typing import Any
from xml.parsers import expat

from flowray.errors import ErrorCode, FlowrayError
from flowray.values import Json

_TEXT = "_"
"""Key of the text of an element that has attributes or children too."""


class _Builder:
    """Collects what the parser reports. One element is ``[attributes and children, pieces of text]``."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self._open: list[tuple[dict[str, Any], list[str]]] = [(self.root, [])]

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._open.append((dict(attributes), []))

    def text(self, data: str) -> None:
        self._open[-1][1].append(data)

    def end(self, name: str) -> None:
        content, pieces = self._open.pop()
        text = "".join(pieces).strip()
        value: Any = text
        if content:
            value = {**content, _TEXT: text} if text else content
        parent = self._open[-1][0]
        if name not in parent:
            parent[name] = value
        elif isinstance(parent[name], list):
            parent[name].append(value)
        else:
            parent[name] = [parent[name], value]


def _refuse(*_: Any) -> None:
    # Entities of a document's own are how XML bombs are built; no API of the corpus needs them.
    raise FlowrayError(ErrorCode.NODE_FAILED, "Invalid XML: entity declarations are not allowed")


def parse_xml(text: Json) -> Json:
    """``{root: …}``. Raises NODE_FAILED for anything but well-formed XML text without entity declarations."""
    if not isinstance(text, str):
        raise FlowrayError(ErrorCode.NODE_FAILED, "parseXML requires string input")
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.EntityDeclHandler = _refuse
    try:
        parser.Parse(text.strip().encode(), True)
    except expat.ExpatError as error:
        raise FlowrayError(ErrorCode.NODE_FAILED, f"Invalid XML: {error}") from error
    return builder.root
