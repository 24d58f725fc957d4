"""What connections of each kind are made of."""

from __future__ import annotations

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.connection_kinds import KINDS, check_connection
from flowray.handlers.connections import ConnectionKind

OAUTH2 = {"token_url": "https://x", "client_id": "me"}


@pytest.mark.parametrize(
    ("kind", "fields", "secrets"),
    [
        ("api_key", {"header": "X-Key"}, {"api_key": "k"}),
        ("basic", {"username": "u"}, {"password": "p"}),
        ("bearer", {"base_url": "https://gitlab.example.com"}, {"token": "t"}),
        ("oauth2", OAUTH2, {"client_secret": "s"}),
        ("oauth2", {**OAUTH2, "grant": "refresh_token"}, {"refresh_token": "r"}),
        ("database", {}, {"url": "postgresql://u:p@h/d"}),
        ("custom", {"anything": "1"}, {"what": "ever"}),
        ("sandbox", {"scenario": "rate_limited"}, {}),
    ],
)
def test_what_fits(kind: str, fields: dict[str, str], secrets: dict[str, str]) -> None:
    check_connection(ConnectionKind(kind), fields, secrets)


@pytest.mark.parametrize(
    ("kind", "fields", "secrets", "expected"),
    [
        ("bearer", {}, {}, ["/secrets/token is missing"]),
        ("bearer", {"token": "t-secret"}, {}, ["/secrets/token is missing", "/fields/token belongs into secrets"]),
        ("basic", {}, {"password": "p", "x": "y"}, ["/fields/username is missing", "/secrets/x is unknown"]),
        ("oauth2", OAUTH2, {}, ["/secrets/client_secret is missing for the grant client_credentials"]),
        ("oauth2", {**OAUTH2, "grant": "magic"}, {}, ["/fields/grant is neither of client_credentials, refresh_token"]),
        ("sandbox", {"x": "y"}, {}, ["/fields/x is unknown"]),
    ],
)
def test_what_does_not_fit_is_listed_and_no_value_is_shown(
    kind: str, fields: dict[str, str], secrets: dict[str, str], expected: list[str]
) -> None:
    with pytest.raises(FlowrayError) as caught:
        check_connection(ConnectionKind(kind), fields, secrets)
    error = caught.value
    assert error.code == ErrorCode.INVALID_REQUEST
    assert [f"{each['pointer']} {each['message']}" for each in error.details["errors"]] == expected
    assert "t-secret" not in str(error) + str(error.details)


def test_every_kind_is_described() -> None:
    assert set(KINDS) == set(ConnectionKind)
