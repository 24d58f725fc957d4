"""A provider that a manifest describes: builds requests of its templates, and reads answers by its paths."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.connections import Connection
from flowray.handlers.integrations.answers import body_of, failure
from flowray.handlers.integrations.authentication import Pairs, authenticated, needs_connection
from flowray.handlers.integrations.declarative.computed import COMPUTED
from flowray.handlers.integrations.declarative.manifest import (
    ALL_PAGES,
    Manifest,
    OperationManifest,
    as_operation,
    defaults_of,
)
from flowray.handlers.integrations.declarative.templates import REST, at, fill, used_by
from flowray.handlers.integrations.encoding import form, query, segment, text
from flowray.handlers.operations import Operation, OperationCall
from flowray.handlers.services import HttpRequest, HttpResponse, HttpTransport
from flowray.values import Json, encode_json

MOST_PAGES = 50
"""So many pages are asked for at most: a provider whose marks never end must not hold a node for ever."""

_HOLE = re.compile(r"\{([^{}]+)\}")
_NEXT = re.compile(r"<([^<>]+)>\s*;[^,]*\brel=\"?next\"?")
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class DeclarativeProvider:
    """The provider ``name``, by its manifest, through the transport of nodes."""

    is_sandbox = False

    def __init__(self, name: str, manifest: Manifest, http: HttpTransport) -> None:
        self.name = name
        self._manifest = manifest
        self._http = http
        self._operations = {key: as_operation(key, described) for key, described in manifest.operations.items()}

    async def operations(self) -> Mapping[str, Operation]:
        """As the manifest lists them."""
        return self._operations

    async def call(self, call: OperationCall) -> Json:
        """The result that the manifest maps. Raises PROVIDER_* of answers, and what the transport raises."""
        described = self._manifest.operations[call.operation.name]
        parameters = {**defaults_of(call.operation), **call.parameters}
        every = bool(parameters.pop(ALL_PAGES, False))
        request = self._request(described, parameters, call)
        if every and described.pages is not None:
            return await self._all_pages(described, parameters, request, call)
        return _result(described, await self._sent(request, call))

    async def _all_pages(
        self, described: OperationManifest, parameters: dict[str, Json], request: HttpRequest, call: OperationCall
    ) -> Json:
        pages = described.pages
        assert pages is not None
        items: list[Json] = []
        for _ in range(MOST_PAGES):
            response = await self._http.send(request)
            body = self._checked(response, call)
            found = at(body, pages.items)
            items.extend(found if isinstance(found, list) else [])
            following = self._next_request(described, parameters, request, response, body, call)
            if following is None:
                return items
            request = following
        raise FlowrayError(
            ErrorCode.PROVIDER_ERROR, f"{self.name} {call.operation.name} has more than {MOST_PAGES} pages",
            hint="ask for single pages, and for what fits fewer of them",
        )  # fmt: skip

    def _next_request(
        self, described: OperationManifest, parameters: dict[str, Json], request: HttpRequest, response: HttpResponse,
        body: Json, call: OperationCall,
    ) -> HttpRequest | None:  # fmt: skip
        pages = described.pages
        if pages is not None and pages.cursor is not None:
            mark = at(body, pages.cursor)
            if mark in (None, "", False):
                return None
            parameters[pages.parameter] = mark
            return self._request(described, parameters, call)
        link = _NEXT.search(response.headers.get("link", ""))
        if link is None:
            return None
        url = urljoin(request.url, link[1])
        # Credentials go along: they must not follow a link to another server.
        if urlsplit(url)[:2] != urlsplit(request.url)[:2]:
            raise FlowrayError(ErrorCode.PROVIDER_ERROR, f"the next page of {self.name} is on another server")
        return HttpRequest(
            "GET", url, request.headers, timeout_ms=request.timeout_ms, follow_redirects=request.follow_redirects
        )

    async def _sent(self, request: HttpRequest, call: OperationCall) -> Json:
        response = await self._http.send(request)
        body = self._checked(response, call)
        if self._manifest.operations[call.operation.name].result == "response":
            return {"status": response.status, "headers": dict(response.headers), "body": body}
        return body

    def _checked(self, response: HttpResponse, call: OperationCall) -> Json:
        body = body_of(response)
        failures = self._manifest.failures
        flag = None if failures.flag is None else at(body, failures.flag)
        said_so = failures.flag is not None and (flag == failures.value if failures.value is not None else bool(flag))
        if response.status < 400 and not said_so:
            return body
        texts = (at(body, path) for path in failures.message)
        message = next((found for found in texts if isinstance(found, str) and found), "")
        code = failures.codes.get(message, ErrorCode.PROVIDER_REJECTED if response.status < 400 else None)
        raise failure(self.name, call.operation.name, response, message, call.now_ms(), code)

    # -- requests -------------------------------------------------------------------------------------------------

    def _request(self, described: OperationManifest, given: Mapping[str, Json], call: OperationCall) -> HttpRequest:
        parameters = {**given, **{name: COMPUTED[name](given) for name in described.computed}}
        holes = {hole.lstrip("+") for hole in _HOLE.findall(described.path)}
        named = used_by([described.path, described.query, described.headers, described.body]) | holes
        if described.computed:
            named |= given.keys()  # what is computed has read them
        rest = {name: value for name, value in given.items() if name not in named}
        headers, in_query = self._credentials(call.connection)
        headers = [*self._manifest.headers.items(), *headers]
        filled = ((name, fill(value, parameters, rest)) for name, value in described.headers.items())
        headers += [(name, text(value)) for name, value in filled if value is not None]
        if described.idempotency and call.idempotency_key:
            headers.append((described.idempotency, call.idempotency_key))
        asked = fill(described.query, parameters, rest)
        params = query(asked) if isinstance(asked, dict) else []
        content: bytes | None = None
        if described.body is not None or described.method in _WITH_BODY:
            content, content_type = _content(described, parameters, rest)
            headers += [("Content-Type", content_type)] if content is not None else []
        else:
            params += query(rest)
        return HttpRequest(
            described.method, self._url(described.path, parameters, call.connection), headers,
            [*params, *in_query], content, call.timeout_ms, follow_redirects=call.connection is None,
        )  # fmt: skip

    def _credentials(self, connection: Connection | None) -> tuple[Pairs, Pairs]:
        wanted = self._manifest.authentication
        if connection is None:
            if wanted.required:
                raise needs_connection(self.name)
            return [], []
        if connection.kind not in wanted.kinds:
            kinds = ", ".join(kind.value for kind in wanted.kinds)
            raise FlowrayError(
                ErrorCode.PROVIDER_AUTH,
                f"{self.name} takes no connection of kind {connection.kind.value}",
                hint=f"it takes: {kinds}",
            )
        return authenticated(connection, wanted.api_key_header, wanted.api_key_prefix)

    def _url(self, path: str, parameters: Mapping[str, Json], connection: Connection | None) -> str:
        if path.startswith("$"):
            return str(fill(path, parameters, {}))
        base = (connection.fields.get("base_url") if connection is not None else None) or self._manifest.base_url
        if not base:
            raise FlowrayError(
                ErrorCode.CONFIGURATION,
                f"{self.name} is at an address of its own for everybody, and the connection does not say where",
                hint="set the connection's field base_url",
            )

        def value(hole: re.Match[str]) -> str:
            if hole[1].startswith("+"):
                name = hole[1][1:]
                return "/".join(segment(part, name) for part in str(parameters.get(name, "")).strip("/").split("/"))
            where, _, name = hole[1].rpartition(".")
            if where == "secret" and connection is not None:
                return segment(connection.secret(name), name)
            known: Mapping[str, Any] = connection.fields if where == "connection" and connection else parameters
            return segment(known.get(name, ""), name)

        return base.rstrip("/") + _HOLE.sub(value, path)


def _content(
    described: OperationManifest, parameters: Mapping[str, Json], rest: Mapping[str, Json]
) -> tuple[bytes | None, str]:
    body = fill(REST if described.body is None else described.body, parameters, rest)
    if described.body_type == "form":
        return form(body or {}), "application/x-www-form-urlencoded"
    if body is None:
        return None, ""
    return encode_json(body), "application/json"


def _result(described: OperationManifest, body: Json) -> Json:
    if described.result == "response":
        return body
    if isinstance(described.result, str):
        return at(body, described.result)
    return {name: at(body, path) for name, path in described.result.items()}
