"""The HTTP transport against a real server on 127.0.0.1."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from flowray.errors import FlowrayError
from flowray.handlers.providers.aiohttp_transport import AiohttpTransport, guarded_socket, is_public
from flowray.handlers.services import HttpRequest
from tests.fakes.services import fake_services
from tests.handlers.running import fail, output


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    made = AiohttpTransport(allow_private=True, limit_bytes=32 * 1024)
    yield made
    await made.aclose()


async def failing(transport: AiohttpTransport, url: str, **more: Any) -> FlowrayError:
    with pytest.raises(FlowrayError) as caught:
        await transport.send(HttpRequest("GET", url, **more))
    return caught.value


async def test_what_is_sent_arrives(transport: AiohttpTransport, http_server: str) -> None:
    request = HttpRequest(
        "POST", f"{http_server}/echo?a=0", headers=[("X-A", "1")], params=[("a", "1"), ("a", "2")], content=b"body"
    )
    response = await transport.send(request)
    seen = json.loads(response.content)
    assert (response.status, response.reason) == (200, "OK")
    assert (seen["method"], seen["body"], seen["headers"]["x-a"]) == ("POST", "body", "1")
    assert seen["params"] == [["a", "0"], ["a", "1"], ["a", "2"]]
    assert response.elapsed_ms >= 0


@pytest.mark.parametrize(
    ("path", "params", "query"),
    [
        ("/echo?signature=a%2Fb%7E+c", (), "signature=a%2Fb%7E+c"),
        ("/echo?signature=a%2Fb", (("x", "1 2"),), "signature=a%2Fb&x=1+2"),
        ("/echo", (("x", "ä/&"),), "x=%C3%A4%2F%26"),
        ("/echo?name=ä b", (), "name=%C3%A4+b"),
        ("/to-what-is-signed", (), "signature=a%2Fb%7E"),
    ],
)
async def test_what_is_encoded_stays_as_it_is(
    transport: AiohttpTransport, http_server: str, path: str, params: Any, query: str
) -> None:
    answer = await transport.send(HttpRequest("GET", http_server + path, params=params))
    assert json.loads(answer.content)["query"] == query


async def test_nothing_is_added_that_was_not_asked_for(transport: AiohttpTransport, http_server: str) -> None:
    answer = await transport.send(HttpRequest("POST", f"{http_server}/echo", content=b"body"))
    sent = json.loads(answer.content)["headers"]
    assert "content-type" not in sent
    assert (sent["user-agent"], sent["content-length"]) == ("flowray", "4")


def test_each_event_loop_has_connections_of_its_own_and_closes_them(http_server: str) -> None:
    """A task's worker runs each attempt on a loop of its own, with the transport that it has already."""
    transport = AiohttpTransport(allow_private=True)
    pools = set()

    async def once() -> int:
        answer = await transport.send(HttpRequest("GET", f"{http_server}/text"))
        pools.add(transport._connector)
        return answer.status

    assert [asyncio.run(once()), asyncio.run(once())] == [200, 200]
    assert len(pools) == 2
    assert all(pool is not None and pool.closed for pool in pools)


async def test_a_closed_transport_may_be_used_again(transport: AiohttpTransport, http_server: str) -> None:
    await transport.aclose()
    await transport.aclose()
    assert (await transport.send(HttpRequest("GET", f"{http_server}/text"))).status == 200


def test_an_address_in_the_url_or_in_a_redirect_is_checked_where_its_socket_is_made() -> None:
    with pytest.raises(FlowrayError, match="private or local"):
        guarded_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 80)))
    guarded_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 80))).close()


class Forgetful:
    """A server that closes a kept connection when the next request has come, as one does that was just giving it up."""

    def __init__(self) -> None:
        self.requests: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answered in (True, False):
            self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode().split(" ")[0])
            if answered:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                await writer.drain()
        writer.close()


@pytest.mark.parametrize(
    ("method", "headers", "is_sent_again"),
    [("POST", [("Idempotency-Key", "k")], True), ("PUT", [], True), ("POST", [], False), ("PATCH", [], False)],
)
async def test_what_meets_a_connection_that_is_given_up_goes_out_again_if_it_may(
    transport: AiohttpTransport, method: str, headers: Any, is_sent_again: bool
) -> None:
    """An effect under faults failed with an error of HTTP, though nothing but the connection had ended."""
    forgetful = Forgetful()
    server = await asyncio.start_server(forgetful, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server:
        request = HttpRequest(method, url, headers=headers)
        assert (await transport.send(request)).content == b"ok"
        if is_sent_again:
            assert (await transport.send(request)).content == b"ok"
            assert forgetful.requests == [method] * 3
        else:
            with pytest.raises(FlowrayError) as caught:
                await transport.send(request)
            assert (caught.value.code, caught.value.retryable) == ("HTTP_ERROR", True)
            assert forgetful.requests == [method] * 2


async def test_a_server_that_never_answers_is_not_asked_again(transport: AiohttpTransport) -> None:
    asked: list[bytes] = []

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server:
        with pytest.raises(FlowrayError):
            await transport.send(HttpRequest("POST", url, headers=[("Idempotency-Key", "k")]))
    assert len(asked) == 1


async def test_redirects(transport: AiohttpTransport, http_server: str) -> None:
    response = await transport.send(HttpRequest("GET", f"{http_server}/redirect"))
    assert response.url == f"{http_server}/echo"
    response = await transport.send(HttpRequest("GET", f"{http_server}/redirect", follow_redirects=False))
    assert response.status == 307
    error = await failing(transport, f"{http_server}/loop")
    assert (error.code, error.retryable) == ("HTTP_ERROR", False)


async def test_a_cookie_of_one_answer_goes_with_no_other_request(transport: AiohttpTransport, http_server: str) -> None:
    """All executions of a lane share the transport: the session of one customer is nobody else's."""
    answer = await transport.send(HttpRequest("GET", f"{http_server}/cookie"))
    assert answer.headers["set-cookie"].startswith("session=")
    seen = json.loads((await transport.send(HttpRequest("GET", f"{http_server}/echo"))).content)
    assert "cookie" not in seen["headers"]


async def test_a_slow_answer_is_cut_at_the_timeout(transport: AiohttpTransport, http_server: str) -> None:
    error = await failing(transport, f"{http_server}/slow", timeout_ms=50)
    assert (error.code, error.retryable) == ("PROVIDER_TIMEOUT", True)
    assert error.message == f"GET {http_server}/slow: no complete answer within 50 ms"
    assert error.details["request"]["method"] == "GET"


async def test_broken_refused_oversized_and_impossible_requests(transport: AiohttpTransport, http_server: str) -> None:
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
    error = await failing(transport, f"{http_server}/echo", headers=[("X-A", "1\r\nX-B: 2")])
    assert (error.code, error.retryable) == ("INVALID_NODE_CONFIG", False)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_private_targets_are_forbidden_unless_allowed(http_server: str, host: str) -> None:
    guarded = AiohttpTransport()
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


async def test_the_http_node_end_to_end(transport: AiohttpTransport, http_server: str) -> None:
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
