"""Access tokens: what is asked of an endpoint, and what its answers mean."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qsl

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.services import HttpRequest, HttpResponse
from flowray.runtime.token_grants import USUAL_LIFETIME_S, new_tokens
from flowray.values import encode_json
from tests.fakes.services import ScriptedHttp

FIELDS = {"token_url": "https://auth/token", "client_id": "me:1", "scope": "read write"}


def endpoint(document: Any = None, status: int = 200) -> ScriptedHttp:
    body = document if isinstance(document, bytes) else encode_json(document)
    return ScriptedHttp(lambda request: HttpResponse(status, "Reason", {}, body, request.url, 1))


def form(request: HttpRequest) -> dict[str, str]:
    assert request.content is not None
    return dict(parse_qsl(request.content.decode()))


async def test_client_credentials_authenticate_in_the_header() -> None:
    http = endpoint({"access_token": "t1", "expires_in": 120})
    tokens = await new_tokens(http, "c", FIELDS, {"client_secret": "s/1"})
    assert (tokens.secrets, tokens.lifetime_s) == ({"client_secret": "s/1", "access_token": "t1"}, 120)
    (sent,) = http.sent
    assert (sent.method, sent.url, sent.follow_redirects) == ("POST", "https://auth/token", False)
    assert form(sent) == {"grant_type": "client_credentials", "scope": "read write"}
    assert dict(sent.headers)["Authorization"] == "Basic " + base64.b64encode(b"me%3A1:s%2F1").decode()


async def test_or_in_the_body_where_the_endpoint_wants_that() -> None:
    http = endpoint({"access_token": "t1"})
    tokens = await new_tokens(http, "c", {**FIELDS, "client_auth": "body", "audience": "api"}, {"client_secret": "s"})
    assert tokens.lifetime_s == USUAL_LIFETIME_S
    assert form(http.sent[0]) == {
        "grant_type": "client_credentials", "scope": "read write", "audience": "api", "client_id": "me:1",
        "client_secret": "s",
    }  # fmt: skip
    assert "Authorization" not in dict(http.sent[0].headers)


async def test_a_refresh_token_is_spent_and_replaced() -> None:
    http = endpoint({"access_token": "t2", "expires_in": "60", "refresh_token": "r2"})
    fields = {**FIELDS, "grant": "refresh_token"}
    tokens = await new_tokens(http, "c", fields, {"refresh_token": "r1", "access_token": "t1"})
    assert (tokens.secrets, tokens.lifetime_s) == ({"refresh_token": "r2", "access_token": "t2"}, 60)
    assert form(http.sent[0])["refresh_token"] == "r1"


@pytest.mark.parametrize(
    ("document", "status", "code", "retryable"),
    [
        ({"error": "invalid_client", "error_description": "secret s/1 is wrong"}, 401, ErrorCode.PROVIDER_AUTH, False),
        ({"error": "invalid_grant"}, 400, ErrorCode.PROVIDER_AUTH, False),
        ({"token": "t"}, 200, ErrorCode.PROVIDER_AUTH, False),
        (b"<html>", 200, ErrorCode.PROVIDER_AUTH, False),
        ([1], 503, ErrorCode.PROVIDER_ERROR, True),
        ({}, 429, ErrorCode.PROVIDER_ERROR, True),
    ],
    ids=str,
)
async def test_a_refusal_has_a_code_and_repeats_no_secret(
    document: Any, status: int, code: ErrorCode, retryable: bool
) -> None:
    with pytest.raises(FlowrayError) as caught:
        await new_tokens(endpoint(document, status), "c", FIELDS, {"client_secret": "s/1"})
    error = caught.value
    assert (error.code, error.retryable, error.details["status"]) == (code, retryable, status)
    assert "s/1" not in str(error) + str(error.details)
