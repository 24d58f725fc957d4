"""What connections of each kind add to a request."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.connections import Connection, ConnectionKind
from flowray.handlers.integrations.authentication import authenticated, needs_connection


@pytest.mark.parametrize(
    ("kind", "fields", "secrets", "expected"),
    [
        ("bearer", {}, {"token": "t"}, ([("Authorization", "Bearer t")], [])),
        ("oauth2", {}, {"access_token": "a", "client_secret": "s"}, ([("Authorization", "Bearer a")], [])),
        ("basic", {"username": "u"}, {"password": "p"}, ([("Authorization", "Basic dTpw")], [])),
        ("api_key", {}, {"api_key": "k"}, ([("X-Key", "Token k")], [])),
        ("api_key", {"header": "X-Other", "prefix": ""}, {"api_key": "k"}, ([("X-Other", "k")], [])),
        ("api_key", {"query": "key", "prefix": ""}, {"api_key": "k"}, ([], [("key", "k")])),
        ("custom", {}, {"x": "y"}, ([], [])),
    ],
)
def test_by_kind(kind: str, fields: dict[str, str], secrets: dict[str, str], expected: Any) -> None:
    connection = Connection("c", ConnectionKind(kind), fields=fields, secrets=secrets)
    assert authenticated(connection, "X-Key", "Token ") == expected


def test_a_key_that_goes_into_a_path_goes_into_no_header() -> None:
    connection = Connection("c", ConnectionKind.API_KEY, secrets={"api_key": "k"})
    assert authenticated(connection, "") == ([], [])


def test_a_missing_secret_is_named() -> None:
    with pytest.raises(FlowrayError, match=r"the connection 'c' \(bearer\) has no token") as caught:
        authenticated(Connection("c", ConnectionKind.BEARER))
    assert caught.value.code == ErrorCode.PROVIDER_AUTH
    assert needs_connection("slack").code == ErrorCode.PROVIDER_AUTH
