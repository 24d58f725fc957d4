"""What a manifest says about a provider: where it is, how it authenticates, its operations. Sends nothing.

A manifest is a YAML file named after its provider. To add a provider, write one; no code is needed.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.connections import ConnectionKind
from flowray.handlers.operations import Operation

ALL_PAGES = "allPages"
"""Parameter of every operation with pages: ask for all of them, and answer with one list of their items."""

_SHORT = re.compile(r"(\[)?(string|integer|number|boolean|object|any)\]?(!)?(?:=(.*))?", re.DOTALL)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Authentication(_Part):
    """Which kinds of connections the provider takes. An API key goes into ``api_key_header``, after the prefix; with
    an empty name it is sent in no header (a path may hold ``{secret.api_key}``). Others go into Authorization.
    """

    required: bool = True
    kinds: tuple[ConnectionKind, ...] = (ConnectionKind.BEARER, ConnectionKind.OAUTH2)
    api_key_header: str = "X-API-Key"
    api_key_prefix: str = ""


class Failures(_Part):
    """How an answer with a good status says that it is none. ``flag``: a path whose value then is ``value``; without
    ``value``, whose value is there and not empty. ``message``: paths of a message, the first that has one counts.
    ``codes``: messages that have a code of ours.
    """

    flag: str | None = None
    value: Any = None
    message: tuple[str, ...] = ("message", "error.message", "error")
    codes: dict[str, ErrorCode] = {}


class Pages(_Part):
    """``items``: where a page's items are. ``cursor``: where the next page's mark is, which becomes the operation's
    ``parameter``; without one, the Link header names the next page (RFC 8288).
    """

    items: str = ""
    cursor: str | None = None
    parameter: str = ""


class OperationManifest(_Part):
    """One operation. ``parameters``: name → JSON Schema, or in short ``string``, ``[string]``; ``!`` for a required
    one, ``=value`` for a default. ``path`` holds ``{parameter}``, ``{+parameter}`` whose slashes stay,
    ``{connection.field}`` or ``{secret.name}``; or it is ``$parameter``, a whole URL.

    ``query``, ``headers`` and ``body`` are templates: ``$name`` is a parameter, ``$*`` an object of all that nothing
    else uses, ``{"$each": name, "as": …}`` a list with ``$item``, ``{"$join": name}`` a list with commas between, and
    ``{"$with": name, …}`` an object that is there only if the parameter is. Without a body, the rest of the parameters
    is the body of a POST, PUT or PATCH, and the query of the others. ``result``: a path into the answer, or name →
    path; ``response`` is the answer with its status and headers. ``computed``: values made of parameters, see
    ``computed.py``. ``idempotency``: header for the key of the call.
    """

    summary: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    path: str
    parameters: dict[str, str | dict[str, Any]] = {}
    open: bool = False
    query: Any = None
    headers: dict[str, str] = {}
    body: Any = None
    body_type: Literal["json", "form"] = "json"
    computed: tuple[str, ...] = ()
    result: str | dict[str, str] = ""
    pages: Pages | None = None
    idempotency: str | None = None
    reads_only: bool | None = None
    trial: bool = False
    experimental: bool = True


class Manifest(_Part):
    """A provider."""

    title: str
    base_url: str = Field("", description="Empty for one that everybody runs at an address of their own.")
    documentation: str = ""
    authentication: Authentication = Authentication()
    headers: dict[str, str] = {}
    failures: Failures = Failures()
    operations: dict[str, OperationManifest]


def parse_manifest(text: str, name: str) -> Manifest:
    """Raises CONFIGURATION that lists everything that is wrong."""
    try:
        return Manifest.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as error:
        listed = str(error)
        if isinstance(error, ValidationError):
            found = error.errors(include_url=False, include_input=False)
            listed = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in found)
        raise FlowrayError(ErrorCode.CONFIGURATION, f"the manifest of {name} is wrong: {listed[:2_000]}") from error


def as_operation(name: str, manifest: OperationManifest) -> Operation:
    """The operation that a manifest describes, with the JSON Schema of its parameters."""
    properties: dict[str, Any] = {}
    required: list[str] = []
    for parameter, described in manifest.parameters.items():
        schema, is_required = (described, False) if isinstance(described, dict) else _short(described, parameter)
        properties[parameter] = schema
        if is_required:
            required.append(parameter)
    if manifest.pages is not None:
        properties[ALL_PAGES] = {"type": "boolean", "description": "Ask for all pages; the result is one list."}
    schema = {
        "type": "object", "properties": properties, "required": required, "additionalProperties": manifest.open,
    }  # fmt: skip
    reads_only = manifest.method == "GET" if manifest.reads_only is None else manifest.reads_only
    return Operation(
        name=name, summary=manifest.summary, parameters=schema, reads_only=reads_only,
        experimental=manifest.experimental, is_trial=manifest.trial,
    )  # fmt: skip


def defaults_of(operation: Operation) -> dict[str, Any]:
    """The parameters that have a value where none is given."""
    properties: dict[str, dict[str, Any]] = operation.parameters.get("properties", {})
    return {name: schema["default"] for name, schema in properties.items() if "default" in schema}


def _short(text: str, parameter: str) -> tuple[dict[str, Any], bool]:
    found = _SHORT.fullmatch(text)
    if found is None:
        raise FlowrayError(ErrorCode.CONFIGURATION, f"{text!r} describes no parameter {parameter!r}")
    is_list, kind, required, default = found.groups()
    item: dict[str, Any] = {} if kind == "any" else {"type": kind}
    schema = {"type": "array", "items": item} if is_list else item
    if default is not None:
        schema["default"] = yaml.safe_load(default) if kind != "string" else default
    return schema, required is not None
