"""Operations of an OpenAPI document: where each parameter goes in a request, and which credentials it takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from flowray.handlers.integrations.openapi.document import Document, operations_in
from flowray.handlers.operations import Operation

BODY = "body"
"""Parameter that holds the whole body, where it is no object with members of its own."""

_JSON = re.compile(r"application/(?:[\w.+-]+\+)?json\b", re.IGNORECASE)
_FORM = "application/x-www-form-urlencoded"
_NOT_NAME = re.compile(r"[^A-Za-z0-9]+")

Place = Literal["path", "query", "header", "cookie", "body"]


@dataclass(frozen=True)
class Placement:
    """Where a parameter goes, under which name; ``exploded`` and ``style`` as the specification has them."""

    place: Place
    name: str
    style: str = "form"
    exploded: bool = True


@dataclass(frozen=True)
class OpenApiOperation:
    """``body_type`` is the media type of the body, empty for none; ``whole_body``: the parameter ``body`` is all of it.

    ``security``: alternatives, each the names of schemes that go together; empty if nothing is needed.
    """

    operation: Operation
    method: str
    path: str
    placements: Mapping[str, Placement]
    body_type: str = ""
    whole_body: bool = False
    security: Sequence[Sequence[str]] = ()


def read_operations(document: Document) -> dict[str, OpenApiOperation]:
    """By operation id, else ``get_users_by_id`` made of method and path. Those whose body has a media type that is
    neither JSON nor a form are left out. Raises CONFIGURATION for references that lead nowhere.
    """
    found: dict[str, OpenApiOperation] = {}
    for path, method, item, described in operations_in(document):
        name = str(described.get("operationId") or f"{method.lower()}_{_NOT_NAME.sub('_', path).strip('_')}")
        made = _read(document, name, path, method, item, described)
        if made is not None:
            found.setdefault(name, made)
    return found


def _read(
    document: Document, name: str, path: str, method: str, item: Mapping[str, Any], described: Mapping[str, Any]
) -> OpenApiOperation | None:
    properties: dict[str, Any] = {}
    required: list[str] = []
    placements: dict[str, Placement] = {}
    for parameter in _parameters(document, item, described):
        place, wire_name = parameter["in"], parameter["name"]
        # The same name in two places: the second is called by its place, too.
        key = wire_name if wire_name not in placements else f"{place}_{wire_name}"
        schema = parameter.get("schema") or _schema_of_content(parameter) or {}
        properties[key] = {**schema, **_described(parameter)}
        if parameter.get("required") or place == "path":
            required.append(key)
        style = parameter.get("style", "form" if place in ("query", "cookie") else "simple")
        placements[key] = Placement(place, wire_name, style, parameter.get("explode", style == "form"))
    body = document.followed(described.get("requestBody"))
    is_open, body_type, whole = False, "", False
    if isinstance(body, Mapping):
        content = _body_content(body)
        if content is None:
            return None
        body_type, schema = content
        members = _members(document, schema, placements)
        whole = members is None
        if members is None:
            properties[BODY] = schema
            required += [BODY] if body.get("required") else []
        else:
            properties |= members.get("properties", {})
            required += members.get("required", []) if body.get("required") else []
            is_open = members.get("additionalProperties", True) is not False
        placements |= {key: Placement("body", key) for key in properties if key not in placements}
    parameters = document.with_definitions(
        {"type": "object", "properties": properties, "required": required, "additionalProperties": is_open}
    )
    summary = str(described.get("summary") or described.get("description") or "").strip()
    operation = Operation(name, summary, parameters, reads_only=method in ("GET", "HEAD"), experimental=False)
    security = described.get("security", document.root.get("security")) or ()
    return OpenApiOperation(
        operation, method, path, placements, body_type, whole, tuple(tuple(needed) for needed in security)
    )


def _parameters(
    document: Document, item: Mapping[str, Any], described: Mapping[str, Any]
) -> Sequence[Mapping[str, Any]]:
    """Those of the path and of the operation, which win over the former."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for part in (*(item.get("parameters") or ()), *(described.get("parameters") or ())):
        parameter = document.followed(part)
        found[(parameter["in"], parameter["name"])] = parameter
    return list(found.values())


def _described(parameter: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": parameter["description"]} if parameter.get("description") else {}


def _schema_of_content(parameter: Mapping[str, Any]) -> Mapping[str, Any] | None:
    content = next(iter((parameter.get("content") or {}).values()), None)
    return content.get("schema") if isinstance(content, Mapping) else None


def _body_content(body: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """``(media type, schema)``: JSON before forms; None if it has neither."""
    content = body.get("content") or {}
    json_type = next((media for media in content if _JSON.match(media)), None)
    chosen = json_type or (_FORM if _FORM in content else None)
    return None if chosen is None else (chosen, content[chosen].get("schema") or {})


def _members(
    document: Document, schema: Mapping[str, Any], placements: Mapping[str, Placement]
) -> Mapping[str, Any] | None:
    """The schema of a body that is an object with members, none of which has the name of a parameter; else None."""
    found = document.followed(schema)
    properties = found.get("properties")
    if found.get("type", "object") != "object" or not properties or {"allOf", "anyOf", "oneOf"} & found.keys():
        return None
    members: Mapping[str, Any] = found
    return members if placements.keys().isdisjoint(properties) else None
