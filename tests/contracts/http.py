"""The contract of ``http``: the real transport against a server on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from flowray.engine.signals import NodeError
from flowray.errors import ErrorCode
from flowray.handlers.providers.aiohttp_transport import AiohttpTransport
from tests.contracts.contract import Case, Contract, World
from tests.fakes.http_app import create_http_app
from tests.fakes.loopback import loopback_server
from tests.fakes.services import fake_services


def _got(status: int, **data: Any) -> Callable[[Any], None]:
    def check(output: Any) -> None:
        assert output["status"] == status
        assert {key: output["data"][key] for key in data} == data

    return check


def _fails(code: ErrorCode) -> Callable[[NodeError], None]:
    def check(error: NodeError) -> None:
        assert error.code == code

    return check


@asynccontextmanager
async def _world() -> AsyncIterator[World]:
    transport = AiohttpTransport(allow_private=True)
    with loopback_server(create_http_app()) as url:
        given = {"inputs": {"who": "Ann & Bo"}}
        asked = [{"key": "who", "value": "{{who}}"}]
        yield World(
            fake_services(http=transport, close=transport.aclose),
            [
                Case(
                    "a GET",
                    {"url": f"{url}/echo", "queryParams": asked},
                    _got(200, method="GET", params=[["who", "Ann & Bo"]]),
                    task=given,
                ),
                Case(
                    "a POST",
                    {"url": f"{url}/echo", "method": "POST", "body": {"who": "{{who}}"}},
                    _got(200, method="POST", body='{"who":"Ann & Bo"}'),
                    task=given,
                ),
                Case("a status is a result", {"url": f"{url}/status/404"}, _got(404, code=404)),
                Case(
                    "a status that is to fail",
                    {"url": f"{url}/status/500", "failOnStatus": True},
                    _fails(ErrorCode.HTTP_STATUS),
                    fails=True,
                ),
                Case(
                    "too slow",
                    {"url": f"{url}/slow", "timeoutMs": 100},
                    _fails(ErrorCode.PROVIDER_TIMEOUT),
                    fails=True,
                ),
            ],
        )


CONTRACTS = [Contract("http", "an HTTP server on this machine", _world)]
