"""The contracts of ``integration``: recorded replies, a manifest and an OpenAPI document over HTTP, an MCP server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from flowray.engine.signals import NodeError
from flowray.errors import ErrorCode
from flowray.handlers.connections import Connection, ConnectionKind
from flowray.handlers.integrations.brought import BroughtProviders
from flowray.handlers.integrations.catalogue import Catalogue
from flowray.handlers.integrations.directory import ProviderDirectory
from flowray.handlers.integrations.sandbox.fixtures import FixtureFolder
from flowray.handlers.mcp import NoMcpTools
from flowray.handlers.providers.aiohttp_transport import AiohttpTransport
from flowray.handlers.providers.mcp_tools import PooledMcpTools
from tests.contracts.contract import Case, Contract, World
from tests.fakes.http_app import create_http_app
from tests.fakes.integrations import GivenConnections
from tests.fakes.loopback import loopback_server
from tests.fakes.mcp_server import running_over_http
from tests.fakes.openapi_app import KEY, create_openapi_app
from tests.fakes.services import fake_services

FIXTURES = FixtureFolder(Path(__file__).parent / "sandbox_fixtures")


def data_is(expected: Any) -> Any:
    """A check that the operation's result is ``expected``."""

    def check(output: Any) -> None:
        assert output["data"] == expected

    return check


def code_is(code: ErrorCode) -> Any:
    """A check that the node has failed with ``code``."""

    def check(error: NodeError) -> None:
        assert error.code == code

    return check


@asynccontextmanager
async def _sandbox() -> AsyncIterator[World]:
    listing = {"provider": "acme_crm", "operation": "list_customers"}
    creating = {"provider": "acme-crm", "operation": "createCustomer"}
    first = [{"id": "c1", "name": "Ada", "city": "Ulm"}, {"id": "c2", "name": "Ben", "city": "Bonn"}]
    yield World(
        fake_services(integrations=ProviderDirectory({}, [FIXTURES], everything_sandboxed=True)),
        [
            Case("a page", listing, data_is({"customers": first, "next": "2"})),
            Case("filtered", {**listing, "city": "Bonn"}, data_is({"customers": first[1:]})),
            Case("a recorded error", {**creating, "name": "Ada"}, code_is(ErrorCode.PROVIDER_REJECTED), fails=True),
            Case(
                "a scenario", {**creating, "name": "Dee", "sandboxScenario": "rate_limited"},
                code_is(ErrorCode.PROVIDER_RATE_LIMITED), fails=True,
            ),
            Case(
                "an operation without a reply", {"provider": "acme-crm", "operation": "fly"},
                code_is(ErrorCode.UNKNOWN_OPERATION), fails=True,
            ),
        ],
    )  # fmt: skip


@asynccontextmanager
async def _openapi() -> AsyncIterator[World]:
    with loopback_server(create_openapi_app()) as url:
        http = AiohttpTransport(allow_private=True)
        document = {"openapi": f"{url}/openapi.json"}
        key = Connection("key", ConnectionKind.API_KEY, fields=document, secrets={"api_key": KEY})
        wrong = Connection("wrong", ConnectionKind.API_KEY, fields=document, secrets={"api_key": "another-key"})
        ordering = {"provider": "orders", "operation": "create_order", "customer": "Ada", "amount": 3}
        order = {"id": "o-1", "customer": "Ada", "amount": 3, "note": None, "root": None}
        yield World(
            fake_services(
                http=http, close=http.aclose, connections=GivenConnections(key, wrong),
                integrations=ProviderDirectory({}, [], by_connection=[BroughtProviders(http, NoMcpTools())]),
            ),
            [
                Case("a body", {**ordering, "connection": "key"}, data_is(order)),
                Case(
                    "a form", {"provider": "orders", "operation": "logIn", "user": "Ben", "connection": "key"},
                    data_is({"user": "Ben", "remember": False}),
                ),
                Case("a wrong key", {**ordering, "connection": "wrong"}, code_is(ErrorCode.PROVIDER_AUTH), fails=True),
                Case(
                    "a wrong parameter", {**ordering, "amount": "many", "connection": "key"},
                    code_is(ErrorCode.INVALID_NODE_CONFIG), fails=True,
                ),
            ],
        )  # fmt: skip


@asynccontextmanager
async def _manifest() -> AsyncIterator[World]:
    with loopback_server(create_http_app()) as url:
        http = AiohttpTransport(allow_private=True)
        sending = {"provider": "webhook", "operation": "send"}

        def body_is(expected: str) -> Any:
            def check(output: Any) -> None:
                answer = output["data"]["body"]
                assert (answer["method"], answer["body"], answer["headers"]["x-event"]) == ("POST", expected, "paid")

            return check

        yield World(
            fake_services(http=http, close=http.aclose, integrations=ProviderDirectory(Catalogue(http), [])),
            [
                Case(
                    f"sending {body}", {**sending, "url": f"{url}/echo", "body": body, "eventName": "paid"},
                    body_is(sent),
                )
                for body, sent in (({"a": 1}, '{"a":1}'), ([2], "[2]"))
            ]
            + [
                Case(
                    "a refusal", {**sending, "url": f"{url}/status/404"}, code_is(ErrorCode.PROVIDER_REJECTED),
                    fails=True,
                ),
                Case(
                    "no connection", {"provider": "github", "operation": "getAuthenticatedUser"},
                    code_is(ErrorCode.PROVIDER_AUTH), fails=True,
                ),
            ],
        )  # fmt: skip


@asynccontextmanager
async def _mcp() -> AsyncIterator[World]:
    with running_over_http(token="for-the-server") as server:
        http = AiohttpTransport(allow_private=True)
        tools = PooledMcpTools({}, http)

        async def close() -> None:
            await tools.aclose()
            await http.aclose()

        box = Connection("box", ConnectionKind.BEARER, "", {"mcp": server.url}, {"token": "for-the-server"})
        calling = {"provider": "box", "connection": "box"}
        yield World(
            fake_services(
                http=http, close=close, connections=GivenConnections(box),
                integrations=ProviderDirectory({}, [], by_connection=[BroughtProviders(http, tools)]),
            ),
            [
                Case("a tool", {**calling, "operation": "greet", "name": "Ada"}, data_is("Hello, Ada!")),
                Case("another", {**calling, "operation": "remember", "word": "blue"}, data_is("kept blue")),
                Case(
                    "a tool that fails", {**calling, "operation": "fail", "why": "no luck"},
                    code_is(ErrorCode.PROVIDER_REJECTED), fails=True,
                ),
                Case(
                    "no such tool", {**calling, "operation": "fly"}, code_is(ErrorCode.UNKNOWN_OPERATION), fails=True
                ),
            ],
        )  # fmt: skip


CONTRACTS = [
    Contract("integration", "the sandbox: recorded replies of a folder", _sandbox),
    Contract("integration", "a FastAPI server, by its own OpenAPI document", _openapi),
    Contract("integration", "an HTTP server on loopback, by a manifest", _manifest),
    Contract("integration", "an MCP server over HTTP, by the official SDK", _mcp),
]
