"""A provider that an OpenAPI document describes: its operations by id, through the transport of nodes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urljoin

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.connections import Connection
from flowray.handlers.integrations.answers import body_of, failure
from flowray.handlers.integrations.authentication import Pairs
from flowray.handlers.integrations.declarative.templates import at
from flowray.handlers.integrations.encoding import form, segment, text
from flowray.handlers.integrations.openapi.document import Document, parse_document
from flowray.handlers.integrations.openapi.operations import BODY, OpenApiOperation, Placement, read_operations
from flowray.handlers.integrations.openapi.security import credentials
from flowray.handlers.operations import DEFAULT_TIMEOUT_MS, Operation, OperationCall
from flowray.handlers.services import HttpRequest, HttpTransport
from flowray.values import Json, encode_json

MESSAGES = ("detail", "message", "error.message", "error", "title", "detail.0.msg")
"""Where answers of errors usually have their message."""

_HOLE = re.compile(r"\{([^{}]+)\}")


class OpenApiProvider:
    """``load`` gives the document's text when it is first needed; ``address`` is its URL, which relative servers and
    nothing else are read by.
    """

    is_sandbox = False

    def __init__(self, name: str, load: Callable[[], Awaitable[str]], http: HttpTransport, address: str = "") -> None:
        self.name = name
        self._load = load
        self._http = http
        self._address = address
        self._loading = asyncio.Lock()
        self._read: tuple[Document, dict[str, OpenApiOperation]] | None = None

    async def operations(self) -> Mapping[str, Operation]:
        """By operation id. Raises CONFIGURATION for a wrong document, and what reading it raises."""
        _, operations = await self._opened()
        return {name: described.operation for name, described in operations.items()}

    async def call(self, call: OperationCall) -> Json:
        """The JSON of the answer. Raises PROVIDER_* of answers, and what the transport raises."""
        document, operations = await self._opened()
        described = operations[call.operation.name]
        response = await self._http.send(self._request(document, described, call))
        body = body_of(response)
        if response.status >= 400:
            texts = (at(body, path) for path in MESSAGES)
            message = next((found for found in texts if isinstance(found, str) and found), "")
            raise failure(self.name, call.operation.name, response, message, call.now_ms())
        return body

    async def _opened(self) -> tuple[Document, dict[str, OpenApiOperation]]:
        async with self._loading:
            if self._read is None:
                document_text = await self._load()
                self._read = await asyncio.to_thread(_parse, document_text, self.name)
            return self._read

    def _request(self, document: Document, described: OpenApiOperation, call: OperationCall) -> HttpRequest:
        headers, params, cookies = credentials(document, described, call.connection)
        in_path: dict[str, Json] = {}
        in_body: dict[str, Json] = {}
        for key, value in call.parameters.items():
            placement = described.placements.get(key, Placement("body", key))
            match placement.place:
                case "path":
                    in_path[placement.name] = value
                case "query":
                    params += _query(placement, value)
                case "header":
                    headers.append((placement.name, _joined(value)))
                case "cookie":
                    cookies.append((placement.name, _joined(value)))
                case "body":
                    in_body[key] = value
        if cookies:
            headers.append(("Cookie", "; ".join(f"{name}={value}" for name, value in cookies)))
        content: bytes | None = None
        if described.body_type and (in_body or not described.whole_body):
            content = _content(described, in_body)
            headers.append(("Content-Type", described.body_type))
        path = _HOLE.sub(lambda hole: segment(_joined(in_path.get(hole[1], "")), hole[1]), described.path)
        if call.idempotency_key and not described.operation.reads_only:
            headers.append(("Idempotency-Key", call.idempotency_key))
        return HttpRequest(
            described.method, self._server(document, call.connection).rstrip("/") + path, headers, params, content,
            call.timeout_ms, follow_redirects=call.connection is None,
        )  # fmt: skip

    def _server(self, document: Document, connection: Connection | None) -> str:
        given = connection.fields.get("base_url") if connection is not None else None
        servers = document.root.get("servers") or [{"url": "/"}]
        variables: Mapping[str, Any] = servers[0].get("variables") or {}
        written = _HOLE.sub(lambda hole: str(variables.get(hole[1], {}).get("default", "")), str(servers[0]["url"]))
        url = given or urljoin(self._address, written)
        if not url.startswith(("http://", "https://")):
            raise FlowrayError(
                ErrorCode.CONFIGURATION,
                f"the OpenAPI document of {self.name} does not say where its server is",
                hint="set the connection's field base_url",
            )
        return url


def remote(name: str, url: str, http: HttpTransport) -> OpenApiProvider:
    """The provider of a document that is read from its URL, without credentials."""

    async def load() -> str:
        response = await http.send(HttpRequest("GET", url, timeout_ms=DEFAULT_TIMEOUT_MS))
        if response.status >= 400:
            raise FlowrayError(
                ErrorCode.CONFIGURATION, f"the OpenAPI document of {name} cannot be read: status {response.status}"
            )
        return response.content.decode("utf-8", errors="replace")

    return OpenApiProvider(name, load, http, url)


def _parse(document_text: str, name: str) -> tuple[Document, dict[str, OpenApiOperation]]:
    document = parse_document(document_text, name)
    return document, read_operations(document)


def _content(described: OpenApiOperation, in_body: Mapping[str, Json]) -> bytes:
    value = in_body.get(BODY) if described.whole_body else dict(in_body)
    return form(value) if described.body_type.endswith("urlencoded") else encode_json(value)


def _query(placement: Placement, value: Json) -> Pairs:
    name = placement.name
    if isinstance(value, list):
        if placement.exploded and placement.style == "form":
            return [(name, text(item)) for item in value]
        between = {"spaceDelimited": " ", "pipeDelimited": "|"}.get(placement.style, ",")
        return [(name, between.join(map(text, value)))]
    if isinstance(value, dict):
        if placement.style == "deepObject":
            return [(f"{name}[{key}]", text(item)) for key, item in value.items()]
        if placement.exploded:
            return [(key, text(item)) for key, item in value.items()]
        return [(name, _joined(value))]
    return [] if value is None else [(name, text(value))]


def _joined(value: Json) -> str:
    """The simple style: lists and objects with commas between."""
    if isinstance(value, list):
        return ",".join(map(text, value))
    if isinstance(value, dict):
        return ",".join(f"{key},{text(item)}" for key, item in value.items())
    return text(value)
