"""An OpenAPI document (3.0 and 3.1): its parts with references followed, its schemas as JSON Schema. Sends nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from flowray.errors import ErrorCode, FlowrayError
from flowray.values import decode_json

_SCHEMAS = "#/components/schemas/"
_MOST_STEPS = 50
"""So long may a chain of references be: one that leads back to itself is never followed to an end."""


class Document:
    """``root`` is the document. References lead into it; those to other files are refused."""

    def __init__(self, root: Mapping[str, Any], name: str) -> None:
        version = str(root.get("openapi", ""))
        if not version.startswith(("3.0", "3.1")):
            raise _wrong(name, f"it is not of OpenAPI 3.0 or 3.1 but of {version or root.get('swagger', 'none')}")
        self.root = root
        self.name = name

    def followed(self, part: Any) -> Any:
        """``part``, or what its ``$ref`` leads to. Raises CONFIGURATION for one that leads nowhere."""
        for _ in range(_MOST_STEPS):
            if not isinstance(part, Mapping) or not isinstance(part.get("$ref"), str):
                return part
            part = self._at(part["$ref"])
        raise _wrong(self.name, "its references lead in a circle")

    def with_definitions(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """``schema`` as JSON Schema 2020-12 that stands alone: the named schemas that it leads to are its ``$defs``.

        They may lead back to themselves: references stay references.
        """
        needed: dict[str, Any] = {}
        made = self._json_schema(schema, needed)
        pending = list(needed)
        while pending:
            name = pending.pop()
            before = set(needed)
            needed[name] = self._json_schema(self._at(_SCHEMAS + name), needed)
            pending += [each for each in needed if each not in before]
        return {**made, "$defs": needed} if needed else made

    def _json_schema(self, schema: Any, needed: dict[str, Any]) -> Any:
        if isinstance(schema, list):
            return [self._json_schema(item, needed) for item in schema]
        if not isinstance(schema, Mapping):
            return schema
        reference = schema.get("$ref")
        if isinstance(reference, str):
            if not reference.startswith(_SCHEMAS):
                return self._json_schema(self.followed(schema), needed)
            name = reference.removeprefix(_SCHEMAS)
            needed.setdefault(name, {})
            return {"$ref": f"#/$defs/{name}"}
        made = {key: self._json_schema(part, needed) for key, part in schema.items() if key not in _NOT_JSON_SCHEMA}
        return _modern(made, schema)

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            raise _wrong(self.name, f"its reference {reference[:200]!r} leads out of it")
        found: Any = self.root
        for step in reference[2:].split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, Mapping) or key not in found:
                raise _wrong(self.name, f"its reference {reference[:200]!r} leads nowhere")
            found = found[key]
        return found


_NOT_JSON_SCHEMA = frozenset({"nullable", "discriminator", "xml", "externalDocs", "example", "examples"})


def parse_document(text: str, name: str) -> Document:
    """Of JSON or YAML. Raises CONFIGURATION for what is neither, or no OpenAPI document."""
    try:
        root = decode_json(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise _wrong(name, f"it is neither JSON nor YAML: {error}") from error
    if not isinstance(root, Mapping):
        raise _wrong(name, "it is no object")
    return Document(root, name)


def operations_in(document: Document) -> Iterator[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]]:
    """``(path, method, path item, operation)`` of each operation."""
    for path, item in dict(document.root.get("paths") or {}).items():
        followed = document.followed(item)
        for method in ("get", "put", "post", "delete", "options", "head", "patch"):
            if isinstance(followed, Mapping) and isinstance(followed.get(method), Mapping):
                yield path, method.upper(), followed, followed[method]


def _modern(made: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """What OpenAPI 3.0 writes otherwise than JSON Schema 2020-12."""
    if schema.get("nullable") is True and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
        if isinstance(made.get("enum"), list):
            made["enum"] = [*made["enum"], None]
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(made.get(exclusive), bool) and made.pop(exclusive) and bound in made:
            made[exclusive] = made.pop(bound)
    return made


def _wrong(name: str, message: str) -> FlowrayError:
    return FlowrayError(ErrorCode.CONFIGURATION, f"the OpenAPI document of {name} is wrong: {message}")
