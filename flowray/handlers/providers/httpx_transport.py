"""HttpTransport over httpx: the one place that sends HTTP for nodes. No retries; those are the engine's."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.services import HttpRequest, HttpResponse

RESPONSE_LIMIT_BYTES = 64 * 1024 * 1024
"""The size limit of one value (design, section 6)."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""Addresses that a gateway turns into the IPv4 address in their last 32 bits (RFC 6052)."""

MAX_REDIRECTS = 10
MAX_CONNECTIONS = 200
KEEPALIVE_CONNECTIONS = 50


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to public addresses only, unless ``allow_private``.

    Names are resolved here and the checked address is the one connected to, so that a name which changes its mind
    between check and connect gains nothing. Redirects pass here as well.
    """

    def __init__(self, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises FORBIDDEN for a private target; otherwise as httpcore does."""
        if self._allow_private:
            return await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        address = await self._public_address(host, port)
        return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)

    async def _public_address(self, host: str, port: int) -> str:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        addresses = [str(item[4][0]) for item in found]
        for address in addresses:
            if not is_public(address):
                raise FlowrayError(
                    ErrorCode.FORBIDDEN,
                    f"{host} is a private or local address ({address}); HTTP nodes may not reach it",
                    hint="allow private targets in the settings if this is intended",
                )
        return addresses[0]


def is_public(address: str) -> bool:
    """False for loopback, private, link-local, multicast and reserved addresses, IPv4 in IPv6 included."""
    checked: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(checked, ipaddress.IPv6Address):
        inner = checked.ipv4_mapped or checked.sixtofour
        if checked in _NAT64:
            inner = ipaddress.IPv4Address(int(checked) & 0xFFFFFFFF)
        checked = inner or checked
    return checked.is_global and not checked.is_multicast


class HttpxTransport:
    """One pooled client per process. ``allow_private`` permits loopback and private targets; off by default."""

    def __init__(self, *, allow_private: bool = False, limit_bytes: int = RESPONSE_LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        context = ssl.create_default_context()
        transport = httpx.AsyncHTTPTransport(verify=context)
        # httpx offers no public way to choose the network backend of its pool.
        transport._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=KEEPALIVE_CONNECTIONS,
            keepalive_expiry=30.0,
            network_backend=GuardedBackend(allow_private),
        )
        self._client = httpx.AsyncClient(
            transport=transport, trust_env=False, max_redirects=MAX_REDIRECTS, timeout=None,
            headers={"User-Agent": "flowray"},
        )  # fmt: skip

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Raises as HttpTransport says, and OUTPUT_TOO_LARGE for an answer above the limit."""
        started = time.monotonic()
        try:
            async with asyncio.timeout(request.timeout_ms / 1000):
                return await self._exchange(request, started)
        except TimeoutError as error:
            raise self._failure(
                request,
                ErrorCode.PROVIDER_TIMEOUT,
                f"no complete answer within {request.timeout_ms} ms",
                retryable=True,
            ) from error
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise self._failure(request, ErrorCode.INVALID_NODE_CONFIG, str(error)) from error
        except httpx.ConnectError as error:
            raise self._failure(
                request, ErrorCode.PROVIDER_UNREACHABLE, f"cannot connect: {error}", retryable=True
            ) from error
        except httpx.TooManyRedirects as error:
            raise self._failure(request, ErrorCode.HTTP_ERROR, f"more than {MAX_REDIRECTS} redirects") from error
        except httpx.HTTPError as error:
            reason = f"{type(error).__name__}: {error}".rstrip(": ")
            raise self._failure(request, ErrorCode.HTTP_ERROR, reason, retryable=True) from error

    async def _exchange(self, request: HttpRequest, started: float) -> HttpResponse:
        # The URL's own query stays; params are added behind it, repeated keys kept.
        url = httpx.URL(request.url)
        if request.params:
            url = url.copy_with(params=httpx.QueryParams([*url.params.multi_items(), *request.params]))
        outgoing = self._client.build_request(
            request.method, url, headers=list(request.headers), content=request.content
        )
        response = await self._client.send(outgoing, stream=True, follow_redirects=request.follow_redirects)
        try:
            content = await self._read(request, response)
        finally:
            await response.aclose()
        return HttpResponse(
            status=response.status_code, reason=response.reason_phrase, headers=dict(response.headers), content=content,
            url=str(response.url), elapsed_ms=round((time.monotonic() - started) * 1000),
        )  # fmt: skip

    async def _read(self, request: HttpRequest, response: httpx.Response) -> bytes:
        content = bytearray()
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > self._limit_bytes:
                raise self._failure(
                    request,
                    ErrorCode.OUTPUT_TOO_LARGE,
                    f"the answer is larger than the limit of {self._limit_bytes} bytes",
                )
        return bytes(content)

    def _failure(self, request: HttpRequest, code: ErrorCode, reason: str, *, retryable: bool = False) -> FlowrayError:
        sent = {"method": request.method, "url": request.url, "headers": dict(request.headers)}
        return FlowrayError(
            code, f"{request.method} {request.url}: {reason}", details={"request": sent}, retryable=retryable
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()
