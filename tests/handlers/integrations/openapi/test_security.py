"""Credentials by the schemes of a document."""

from __future__ import annotations

import pytest

from flowray.errors import FlowrayError
from flowray.handlers.connections import Connection, ConnectionKind
from flowray.handlers.integrations.openapi.document import Document
from flowray.handlers.integrations.openapi.operations import read_operations
from flowray.handlers.integrations.openapi.security import credentials

SCHEMES = {
    "inHeader": {"type": "apiKey", "in": "header", "name": "X-K"},
    "oauth": {"type": "oauth2", "flows": {}},
    "basic": {"type": "http", "scheme": "Basic"},
}
TOKEN = Connection("c", ConnectionKind.BEARER, secrets={"token": "t"})
KEY = Connection("c", ConnectionKind.API_KEY, secrets={"api_key": "k"})


def found(security: list[dict[str, list[str]]], connection: Connection | None) -> tuple[object, object, object]:
    paths = {"/a": {"get": {"operationId": "a", "security": security}}}
    document = Document({"openapi": "3.1.0", "paths": paths, "components": {"securitySchemes": SCHEMES}}, "p")
    return credentials(document, read_operations(document)["a"], connection)


def test_the_first_alternative_that_fits_is_taken() -> None:
    either: list[dict[str, list[str]]] = [{"basic": []}, {"oauth": ["read"]}, {"inHeader": []}]
    assert found(either, TOKEN) == ([("Authorization", "Bearer t")], [], [])
    assert found(either, KEY) == ([("X-K", "k")], [], [])


def test_where_nothing_is_needed_nothing_is_sent() -> None:
    assert found([], TOKEN) == ([], [], [])
    assert found([{"basic": []}, {}], None) == ([], [], [])
    assert found([{"basic": []}, {}], KEY) == ([], [], [])


def test_what_fits_nothing_is_refused() -> None:
    with pytest.raises(FlowrayError) as caught:
        found([{"basic": [], "inHeader": []}, {"unknown": []}], KEY)
    assert caught.value.hint == "its document asks for: basic+inHeader, unknown"
