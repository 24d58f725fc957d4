"""Searches by an endpoint that answers JSON, in whatever shape."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.providers.json_search import JsonSearch
from flowray.handlers.services import HttpResponse
from tests.fakes.services import ScriptedHttp

URL = "http://search/search"


def answering(body: Any, status: int = 200) -> ScriptedHttp:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ScriptedHttp(lambda request: HttpResponse(status, "said", {}, content, request.url, 1))


@pytest.mark.parametrize(
    "body",
    [
        {"results": [{"title": "T", "url": "http://a", "content": "S"}, {"title": "no address"}, "odd"]},
        {"items": [{"name": "T", "link": "http://a", "snippet": "S"}]},
        {"web": {"results": [{"title": "T", "href": "http://a", "description": "S"}]}},
        [{"title": "T", "url": "http://a", "text": "S"}, {"title": "x", "url": "javascript:x()"}],
    ],
)
async def test_shapes(body: Any) -> None:
    http = answering(body)
    (hit,) = await JsonSearch(http, URL, "key").search("tea & milk", "news", 5, 1_000)
    assert (hit.title, hit.url, hit.snippet) == ("T", "http://a", "S")
    (sent,) = http.sent
    assert (sent.url, dict(sent.params)) == (
        URL,
        {"q": "tea & milk", "format": "json", "categories": "news", "count": "5"},
    )
    assert dict(sent.headers)["Authorization"] == "Bearer key"


async def test_no_more_than_asked_for() -> None:
    many = [{"title": str(at), "url": "http://a"} for at in range(9)]
    assert len(await JsonSearch(answering(many), URL).search("q", "general", 3, 1_000)) == 3


@pytest.mark.parametrize(
    ("http", "code", "retryable"),
    [
        (answering({}, 403), ErrorCode.PROVIDER_AUTH, False), (answering({}, 503), ErrorCode.PROVIDER_ERROR, True),
        (answering(b"<html>"), ErrorCode.PROVIDER_ERROR, False), (answering({"x": 1}), ErrorCode.PROVIDER_ERROR, False),
        (answering(7), ErrorCode.PROVIDER_ERROR, False),
    ],
)  # fmt: skip
async def test_what_fails(http: ScriptedHttp, code: str, retryable: bool) -> None:
    with pytest.raises(FlowrayError) as raised:
        await JsonSearch(http, URL).search("q", "general", 3, 1_000)
    assert (raised.value.code, raised.value.retryable) == (code, retryable)
