"""The HTTP transport against a real server on 127.0.0.1."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from flowray.errors import FlowrayError
from flowray.handlers.providers.httpx_transport import HttpxTransport, is_public
from flowray.handlers.services import HttpRequest
from tests.fakes.services import fake_services
from tests.handlers.running import fail, output


@pytest.fixture
async def transport() -> AsyncIterator[HttpxTransport]:
    made = HttpxTransport(allow_private=True, limit_bytes=32 * 1024)
    yield made
    await made.aclose()


async def failing(transport: HttpxTransport, url: str, **more: Any) -> FlowrayError:
    with pytest.raises(FlowrayError) as caught:
        await transport.send(HttpRequest("GET", url, **more))
    return caught.value


async def test_what_is_sent_arrives(transport: HttpxTransport, http_server: str) -> None:
    request = HttpRequest(
        "POST", f"{http_server}/echo?a=0", headers=[("X-A", "1")], params=[("a", "1"), ("a", "2")], content=b"body"
    )
    response = await transport.send(request)
    seen = json.loads(response.content)
    assert (response.status, response.reason) == (200, "OK")
    assert (seen["method"], seen["body"], seen["headers"]["x-a"]) == ("POST", "body", "1")
    assert seen["params"] == [["a", "0"], ["a", "1"], ["a", "2"]]
    assert response.elapsed_ms >= 0


async def test_redirects(transport: HttpxTransport, http_server: str) -> None:
    response = await transport.send(HttpRequest("GET", f"{http_server}/redirect"))
    assert response.url == f"{http_server}/echo"
    response = await transport.send(HttpRequest("GET", f"{http_server}/redirect", follow_redirects=False))
    assert response.status == 307
    error = await failing(transport, f"{http_server}/loop")
    assert (error.code, error.retryable) == ("HTTP_ERROR", False)


async def test_a_slow_answer_is_cut_at_the_timeout(transport: HttpxTransport, http_server: str) -> None:
    error = await failing(transport, f"{http_server}/slow", timeout_ms=50)
    assert (error.code, error.retryable) == ("PROVIDER_TIMEOUT", True)
    assert error.message == f"GET {http_server}/slow: no complete answer within 50 ms"
    assert error.details["request"]["method"] == "GET"


async def test_broken_refused_oversized_and_impossible_requests(transport: HttpxTransport, http_server: str) -> None:
    error = await failing(transport, f"{http_server}/broken")
    assert (error.code, error.retryable) == ("HTTP_ERROR", True)
    error = await failing(transport, f"{http_server}/large")
    assert error.code == "OUTPUT_TOO_LARGE"
    assert "32768 bytes" in error.message
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = await failing(transport, f"http://127.0.0.1:{unused.getsockname()[1]}/")
    assert (error.code, error.retryable) == ("PROVIDER_UNREACHABLE", True)
    assert (await failing(transport, "ftp://127.0.0.1/")).code == "INVALID_NODE_CONFIG"
    assert (await failing(transport, "no url")).code == "INVALID_NODE_CONFIG"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_private_targets_are_forbidden_unless_allowed(http_server: str, host: str) -> None:
    guarded = HttpxTransport()
    error = await failing(guarded, f"http://{host}:{http_server.rsplit(':', 1)[1]}/echo")
    await guarded.aclose()
    assert (error.code, error.retryable) == ("FORBIDDEN", False)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("10.1.2.3", False), ("127.0.0.1", False), ("169.254.169.254", False), ("0.0.0.0", False),
        ("::ffff:10.0.0.1", False), ("fe80::1%eth0", False), ("224.0.0.1", False), ("2606:4700::1111", True),
        ("100.64.0.1", False), ("2002:7f00:1::", False), ("64:ff9b::7f00:1", False),
    ],
)  # fmt: skip
def test_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


async def test_the_http_node_end_to_end(transport: HttpxTransport, http_server: str) -> None:
    services = fake_services(http=transport)
    config = {"url": http_server + "/status/{{code}}", "method": "GET"}
    result = await output("http", config, services=services, inputs={"code": 404})
    assert (result["status"], result["statusText"], result["data"]) == (404, "Not Found", {"code": 404})
    error = await fail("http", {**config, "failOnStatus": True}, services=services, inputs={"code": 429})
    assert (error.code, error.retryable, error.retry_after_ms) == ("HTTP_STATUS", True, 7_000)
    assert (await output("http", {"url": f"{http_server}/empty"}, services=services))["data"] is None
    posted = {"url": f"{http_server}/echo", "method": "POST", "body": {"a": 1}}
    seen = (await output("http", posted, services=services, idempotency_key="key-1"))["data"]
    assert seen["headers"]["idempotency-key"] == "key-1"
    assert seen["headers"]["content-type"] == "application/json"
