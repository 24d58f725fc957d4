"""The http node against a scripted transport: what is sent, what comes back. Sockets are the transport's tests."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.handlers.services import HttpRequest, HttpResponse
from tests.fakes.services import ScriptedHttp, fake_services
from tests.handlers.running import attempt, fail, output


def answering(status: int = 200, content: bytes = b'{"ok": true}', **headers: str) -> ScriptedHttp:
    def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse(
            status=status, reason="Reason", headers={name.replace("_", "-"): value for name, value in headers.items()},
            content=content, url=request.url, elapsed_ms=12,
        )  # fmt: skip

    return ScriptedHttp(answer)


async def send(config: dict[str, Any], http: ScriptedHttp | None = None, **task: Any) -> HttpRequest:
    http = http or answering()
    await output("http", {"url": "http://h/x", **config}, services=fake_services(http=http), **task)
    return http.sent[0]


async def test_output_and_body_parsing() -> None:
    result = await output(
        "http", {"url": "http://h/"}, services=fake_services(http=answering(content_type="application/json"))
    )
    assert result == {
        "status": 200, "statusText": "Reason", "headers": {"content-type": "application/json"}, "data": {"ok": True},
        "responseTime": 12,
    }  # fmt: skip
    for content, data in ((b"plain", "plain"), (b"", None), (b"{broken", "{broken"), (b"[1]", [1])):
        got = await output("http", {"url": "http://h/"}, services=fake_services(http=answering(content=content)))
        assert got["data"] == data


async def test_query_and_headers_in_both_shapes_keep_repeated_keys() -> None:
    request = await send(
        {"queryParams": [{"key": "a", "value": "1"}, {"key": "a", "value": 2}], "headers": {"X-A": "{{topic}}"}},
        inputs={"topic": "ray"},
    )
    assert (request.params, request.headers) == ([("a", "1"), ("a", "2")], [("X-A", "ray")])
    request = await send({"params": {"b": ["x", "y"], "c": True}, "headers": '{"X-B": "1"}'})
    assert (request.params, request.headers) == ([("b", "x"), ("b", "y"), ("c", "true")], [("X-B", "1")])


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        ({"authType": "basic", "authCredentials": "u:p:q"}, ("Authorization", "Basic dTpwOnE=")),
        ({"authType": "basic", "authCredentials": {"username": "u", "password": "p"}}, ("Authorization", "Basic dTpw")),
        ({"authType": "bearer", "authCredentials": "t"}, ("Authorization", "Bearer t")),
        ({"authType": "apiKey", "authCredentials": "k"}, ("X-API-Key", "k")),
        ({"authType": "apiKey", "authCredentials": {"key": "k", "header": "X-K"}}, ("X-K", "k")),
    ],
)
async def test_authentication(auth: dict[str, Any], header: tuple[str, str]) -> None:
    assert (await send(auth)).headers == [header]


@pytest.mark.parametrize(
    ("config", "content", "content_type"),
    [
        ({"body": {"a": "{{n}}"}}, b'{"a":2}', "application/json"),
        ({"body": '{"a": {{n}}}', "bodyType": "json"}, b'{"a": 2}', "application/json"),
        ({"body": {"a": 1, "b": "x y"}, "bodyType": "form"}, b"a=1&b=x+y", "application/x-www-form-urlencoded"),
        ({"body": "plain {{n}}"}, b"plain 2", None),
        ({"body": "x", "bodyType": "raw"}, b"x", None),
        ({"body": ""}, None, None),
    ],
)
async def test_bodies(config: dict[str, Any], content: bytes | None, content_type: str | None) -> None:
    request = await send({"method": "post", **config}, inputs={"n": 2})
    assert request.content == content
    assert dict(request.headers).get("Content-Type") == content_type


async def test_the_idempotency_key_rides_with_what_may_have_an_effect() -> None:
    """R31."""
    assert ("Idempotency-Key", "k1") in (await send({"method": "POST"}, idempotency_key="k1")).headers
    assert (await send({"method": "GET"}, idempotency_key="k1")).headers == []
    own = await send({"method": "PUT", "headers": {"idempotency-key": "mine"}}, idempotency_key="k1")
    assert own.headers == [("idempotency-key", "mine")]


@pytest.mark.parametrize(("given", "ms"), [(30, 30_000), (15_000, 15_000), (None, 30_000), ("10", 10_000)])
async def test_timeouts_in_seconds_and_milliseconds(given: Any, ms: int) -> None:
    assert (await send({"timeout": given})).timeout_ms == ms


async def test_a_status_is_a_result_unless_it_shall_fail() -> None:
    services = fake_services(http=answering(503, b"down", retry_after="7"))
    config = {"url": "http://u:pw123456@h/?token=abcdefgh", "headers": {"Authorization": "Bearer abcdefgh"}}
    assert (await output("http", config, services=services))["status"] == 503
    error = await fail("http", {**config, "failOnStatus": True}, services=services)
    assert (error.code, error.retryable, error.retry_after_ms) == ("HTTP_STATUS", True, 7_000)
    assert error.message == "GET http://u:***@h/?token=*** answered 503 Reason"
    assert error.details["response"]["data"] == "down"
    assert error.details["request"]["headers"] == {"Authorization": "***"}
    assert "abcdefgh" not in repr(error)
    services = fake_services(http=answering(404))
    assert (await fail("http", {**config, "failOnStatus": True}, services=services)).retryable is False


async def test_wrong_configs_are_refused_before_anything_is_sent() -> None:
    http = answering()
    services = fake_services(http=http)
    for config in (
        {}, {"url": ""}, {"url": "http://h", "method": "BREW"}, {"url": "http://h", "timeout": 400_000},
        {"url": "http://h", "method": "POST", "bodyType": "json", "body": "{no"}, {"url": "http://h", "headers": "no"},
    ):  # fmt: skip
        assert (await fail("http", config, services=services)).code == "INVALID_NODE_CONFIG"
    assert http.sent == []


async def test_the_logged_input_hides_credentials() -> None:
    config = {"url": "http://h", "authType": "bearer", "authCredentials": "secret-token"}
    result = await attempt("http", config, services=fake_services(http=answering()))
    assert result.input == {"url": "http://h", "authType": "bearer", "authCredentials": "***"}
