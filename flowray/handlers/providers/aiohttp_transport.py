"""HttpTransport over aiohttp: the one place that sends HTTP for nodes. Retries are the engine's; only what went out
on a connection that its server was just giving up goes out again (RFC 9112, section 9.3.1).

Thousands of calls wait side by side in a lane. httpx's pool looks at all of them for each that begins or ends.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import resource
import socket
import ssl
import time
from collections.abc import AsyncGenerator, Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.services import HttpRequest, HttpResponse

RESPONSE_LIMIT_BYTES = 64 * 1024 * 1024
"""The size limit of one value (design, section 6)."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""Addresses that a gateway turns into the IPv4 address in their last 32 bits (RFC 6052)."""

MAX_REDIRECTS = 10
KEEPALIVE_S = 4.0
"""How long a connection is kept for the next request. Many servers give them up after five seconds."""

MOST_STALE = 3
"""So often in a row may a kept connection turn out to be closed."""

_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})

_ENCODED = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*")
"""A URL that can be sent as it is (RFC 3986)."""

_NO_LIMIT = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)


def check_public(host: str, addresses: Iterable[str]) -> None:
    """Raises FORBIDDEN if any of the addresses of ``host`` is private or local."""
    for address in addresses:
        if not is_public(address):
            raise FlowrayError(
                ErrorCode.FORBIDDEN,
                f"{host} is a private or local address ({address}); HTTP nodes may not reach it",
                hint="allow private targets in the settings if this is intended",
            )


def is_public(address: str) -> bool:
    """False for loopback, private, link-local, multicast and reserved addresses, IPv4 in IPv6 included."""
    checked: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(checked, ipaddress.IPv6Address):
        inner = checked.ipv4_mapped or checked.sixtofour
        if checked in _NAT64:
            inner = ipaddress.IPv4Address(int(checked) & 0xFFFFFFFF)
        checked = inner or checked
    return checked.is_global and not checked.is_multicast


class GuardedResolver(AbstractResolver):
    """Resolves names to public addresses only: the checked addresses are those that are connected to, so that a name
    which changes its mind between check and connect gains nothing.
    """

    def __init__(self) -> None:
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises FORBIDDEN for a private target, OSError for an unknown name."""
        found = await self._inner.resolve(host, port, family)
        check_public(host, (item["host"] for item in found))
        return found

    async def close(self) -> None:
        """Nothing is open."""


def guarded_socket(address: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
    """The socket for an address, of whatever origin: one that is written in the URL, or in a redirect, is not resolved.

    Raises FORBIDDEN for a private target.
    """
    family, kind, protocol, _, target = address
    check_public(str(target[0]), [str(target[0])])
    return socket.socket(family, kind, protocol)


def most_connections() -> int:
    """Half of the files that this process may open: a lane has others, and what is beyond that waits its turn."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 10_000 if soft == resource.RLIM_INFINITY else max(min(soft // 2, 10_000), 100)


class AiohttpTransport:
    """A pool of connections per event loop. ``allow_private`` permits loopback and private targets, off by default."""

    def __init__(self, *, allow_private: bool = False, limit_bytes: int = RESPONSE_LIMIT_BYTES) -> None:
        self._allow_private = allow_private
        self._limit_bytes = limit_bytes
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connector: aiohttp.TCPConnector | None = None
        self._life: AsyncGenerator[None, None] | None = None

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Raises as HttpTransport says, and OUTPUT_TOO_LARGE for an answer above the limit."""
        started = time.monotonic()
        try:
            async with asyncio.timeout(request.timeout_ms / 1000):
                return await self._exchange_on_a_living_connection(request, started)
        except TimeoutError as error:
            reason = f"no complete answer within {request.timeout_ms} ms"
            raise self._failure(request, ErrorCode.PROVIDER_TIMEOUT, reason, retryable=True) from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError) as error:
            reason = f"this cannot be sent: {type(error).__name__}: {error}"
            raise self._failure(request, ErrorCode.INVALID_NODE_CONFIG, reason) from error
        except aiohttp.ClientConnectorError as error:
            reason = f"cannot connect: {error}"
            raise self._failure(request, ErrorCode.PROVIDER_UNREACHABLE, reason, retryable=True) from error
        except aiohttp.TooManyRedirects as error:
            raise self._failure(request, ErrorCode.HTTP_ERROR, f"more than {MAX_REDIRECTS} redirects") from error
        except aiohttp.ClientError as error:
            reason = f"{type(error).__name__}: {error}".rstrip(": ")
            raise self._failure(request, ErrorCode.HTTP_ERROR, reason, retryable=True) from error

    async def _exchange_on_a_living_connection(self, request: HttpRequest, started: float) -> HttpResponse:
        """A server may close a connection that was kept while the next request is on its way. Who answers nothing has
        most likely read nothing, and knows what comes twice by its key.
        """
        for _ in range(MOST_STALE):
            sent = _Sent()
            try:
                return await self._exchange(request, started, sent)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                if not (sent.on_kept_connection and _is_repeatable(request)):
                    raise
        return await self._exchange(request, started, _Sent())

    async def _exchange(self, request: HttpRequest, started: float, sent: _Sent) -> HttpResponse:
        # A session for each request: cookies go along with its redirects, and with nothing else.
        async with (
            aiohttp.ClientSession(
                connector=await self._connections(), connector_owner=False, headers={"User-Agent": "flowray"},
                skip_auto_headers=("Content-Type",), timeout=_NO_LIMIT, max_line_size=64 * 1024,
                max_field_size=64 * 1024, requote_redirect_url=False, trace_configs=[_TRACE],
            ) as session,
            session.request(
                request.method, _url(request), headers=list(request.headers), data=request.content,
                allow_redirects=request.follow_redirects, max_redirects=MAX_REDIRECTS + 1, trace_request_ctx=sent,
            ) as response,
        ):  # fmt: skip
            content = await self._read(request, response)
            return HttpResponse(
                status=response.status, reason=response.reason or "", headers=_headers(response), content=content,
                url=str(response.url), elapsed_ms=round((time.monotonic() - started) * 1000),
            )  # fmt: skip

    async def _read(self, request: HttpRequest, response: aiohttp.ClientResponse) -> bytes:
        content = bytearray()
        async for chunk in response.content.iter_any():
            content += chunk
            if len(content) > self._limit_bytes:
                raise self._failure(
                    request,
                    ErrorCode.OUTPUT_TOO_LARGE,
                    f"the answer is larger than the limit of {self._limit_bytes} bytes",
                )
        return bytes(content)

    async def _connections(self) -> aiohttp.TCPConnector:
        """The pool of the running loop. A loop that ends closes what was opened on it: nothing outlives its loop."""
        loop = asyncio.get_running_loop()
        if self._connector is None or self._loop is not loop or self._connector.closed:
            guarded = not self._allow_private
            self._loop = loop
            self._connector = aiohttp.TCPConnector(
                ssl=_trusted(), limit=most_connections(), keepalive_timeout=KEEPALIVE_S,
                resolver=GuardedResolver() if guarded else ThreadedResolver(),
                socket_factory=guarded_socket if guarded else None,
            )  # fmt: skip
            # ``asyncio.run`` ends the generators of its loop before it closes that, as a task's worker does.
            self._life = _closing(self._connector)
            await anext(self._life)
        return self._connector

    def _failure(self, request: HttpRequest, code: ErrorCode, reason: str, *, retryable: bool = False) -> FlowrayError:
        sent = {"method": request.method, "url": request.url, "headers": dict(request.headers)}
        return FlowrayError(
            code, f"{request.method} {request.url}: {reason}", details={"request": sent}, retryable=retryable
        )

    async def aclose(self) -> None:
        """Close all connections of this loop."""
        if self._life is not None and self._loop is asyncio.get_running_loop():
            await self._life.aclose()


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    """Whom this process trusts: to read all certificates takes 20 ms."""
    return ssl.create_default_context()


class _Sent:
    """How a request went out."""

    on_kept_connection = False


async def _on_kept(session: aiohttp.ClientSession, context: Any, parameters: Any) -> None:
    context.trace_request_ctx.on_kept_connection = True


async def _on_new(session: aiohttp.ClientSession, context: Any, parameters: Any) -> None:
    context.trace_request_ctx.on_kept_connection = False


_TRACE = aiohttp.TraceConfig()
_TRACE.on_connection_reuseconn.append(_on_kept)
_TRACE.on_connection_create_start.append(_on_new)


def _is_repeatable(request: HttpRequest) -> bool:
    """Whether a server that gets it twice does the same as if it got it once."""
    return request.method.upper() in _REPEATABLE or any(
        name.lower() == "idempotency-key" for name, _ in request.headers
    )


async def _closing(connector: aiohttp.TCPConnector) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await connector.close()


def _url(request: HttpRequest) -> URL:
    """The URL's own query stays; params are added behind it, repeated keys kept. What is encoded stays as it is, to the
    letter: it may be signed.
    """
    text, mark, fragment = request.url.partition("#")
    if request.params:
        text += ("&" if "?" in text else "?") + urlencode(request.params)
    text += mark + fragment
    return URL(text, encoded=_ENCODED.fullmatch(text) is not None)


def _headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    """Names in lower case; what comes several times is one value, separated by commas."""
    found: dict[str, list[str]] = {}
    for name, value in response.headers.items():
        found.setdefault(name.lower(), []).append(value)
    return {name: ", ".join(values) for name, values in found.items()}
