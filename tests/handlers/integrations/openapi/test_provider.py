"""Operations of a real FastAPI server, by the document that it gives out itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.connections import Connection, ConnectionKind
from flowray.handlers.integrations.openapi.provider import OpenApiProvider, remote
from flowray.handlers.integrations.parameters import fitted
from flowray.handlers.operations import OperationCall
from flowray.handlers.providers.aiohttp_transport import AiohttpTransport
from flowray.handlers.services import HttpRequest, HttpResponse
from flowray.values import Json, encode_json
from tests.fakes.loopback import loopback_server
from tests.fakes.openapi_app import KEY, create_openapi_app
from tests.fakes.services import NOW_MS, ScriptedHttp


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with loopback_server(create_openapi_app()) as found:
        yield found


@pytest.fixture
async def orders(url: str) -> AsyncIterator[OpenApiProvider]:
    http = AiohttpTransport(allow_private=True)
    yield remote("orders", f"{url}/openapi.json", http)
    await http.aclose()


async def call(
    provider: OpenApiProvider, operation: str, parameters: dict[str, Json], connection: Connection | None = None
) -> Json:
    known = (await provider.operations())[operation]
    return await provider.call(
        OperationCall(known, fitted(known, parameters, ()), lambda: NOW_MS, connection=connection)
    )


def key(kind: str, **fields: str) -> Connection:
    secrets = dict.fromkeys(("api_key", "password", "token", "access_token"), KEY)
    return Connection("c", ConnectionKind(kind), fields=fields, secrets=secrets)


async def test_parameters_go_to_their_places(orders: OpenApiProvider) -> None:
    parameters: dict[str, Json] = {
        "one": "a?b c", "two": "7", "tag": ["x", "y&z"], "x-trace": "t-1", "flavour": "mint",
    }  # fmt: skip
    assert await call(orders, "places", parameters) == {
        "one": "a?b c", "two": 7, "tag": ["x", "y&z"], "trace": "t-1", "flavour": "mint", "limit": 5,
    }  # fmt: skip


async def test_members_of_a_body_are_parameters_and_schemas_may_refer_to_themselves(orders: OpenApiProvider) -> None:
    parameters: dict[str, Json] = {
        "customer": "Ada", "amount": "3", "root": {"name": "a", "parts": [{"name": "b", "parts": []}]},
    }  # fmt: skip
    made = await call(orders, "createOrder", parameters, key("api_key"))
    assert isinstance(made, dict)
    assert (made["id"], made["amount"], made["root"]) == ("o-1", 3, parameters["root"])
    with pytest.raises(FlowrayError, match="/parameters/root: ") as caught:
        await call(orders, "createOrder", {**parameters, "root": {"name": "a", "parts": [{}]}}, key("api_key"))
    assert caught.value.code == ErrorCode.INVALID_NODE_CONFIG


async def test_a_body_that_is_no_object_is_one_parameter(orders: OpenApiProvider) -> None:
    assert await call(orders, "createBatch", {"body": [{"customer": "a", "amount": 1}] * 3}) == 3


async def test_forms(orders: OpenApiProvider) -> None:
    assert await call(orders, "logIn", {"user": "Ada & Ben", "remember": True}) == {
        "user": "Ada & Ben", "remember": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "kind", "result"),
    [("byQuery", "api_key", True), ("byCookie", "api_key", True), ("byBasic", "basic", "me"),
     ("byBearer", "bearer", True), ("byBearer", "oauth2", True)],
)  # fmt: skip
async def test_each_kind_of_credentials(orders: OpenApiProvider, operation: str, kind: str, result: Json) -> None:
    assert await call(orders, operation, {}, key(kind, username="me")) == result


async def test_without_the_right_credentials_there_is_an_error(orders: OpenApiProvider) -> None:
    for connection, message in ((None, "needs a connection"), (key("basic"), "takes no connection of kind basic")):
        with pytest.raises(FlowrayError, match=message) as caught:
            await call(orders, "byBearer", {}, connection)
        assert caught.value.code == ErrorCode.PROVIDER_AUTH
    wrong = Connection("c", ConnectionKind.BEARER, secrets={"token": "wrong-token"})
    with pytest.raises(FlowrayError, match="orders byBearer failed with 403: the key is wrong") as caught:
        await call(orders, "byBearer", {}, wrong)
    assert caught.value.code == ErrorCode.PROVIDER_AUTH


async def test_a_connection_may_say_where_the_server_is(url: str) -> None:
    asked: list[HttpRequest] = []

    def answer(request: HttpRequest) -> HttpResponse:
        asked.append(request)
        document = {
            "openapi": "3.0.3", "info": {}, "servers": [{"url": "/v{n}", "variables": {"n": {"default": "2"}}}],
            "paths": {"/ping": {"get": {"operationId": "ping"}}},
        }  # fmt: skip
        body: Any = document if request.url.endswith(".json") else {"pong": True}
        return HttpResponse(200, "", {}, encode_json(body), request.url, 1)

    provider = remote("p", "https://docs.example/a/openapi.json", ScriptedHttp(answer))
    assert await call(provider, "ping", {}) == {"pong": True}
    own = Connection("c", ConnectionKind.CUSTOM, fields={"base_url": "https://own.example"})
    await call(provider, "ping", {}, own)
    assert [request.url for request in asked] == [
        "https://docs.example/a/openapi.json", "https://docs.example/v2/ping", "https://own.example/ping",
    ]  # fmt: skip


async def test_a_document_that_cannot_be_read_is_an_error_and_read_again(url: str) -> None:
    statuses = [500, 200]

    def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse(statuses.pop(0), "", {}, b'{"openapi": "3.1.0"}', request.url, 1)

    provider = remote("p", "https://x/openapi.json", ScriptedHttp(answer))
    with pytest.raises(FlowrayError, match="cannot be read: status 500"):
        await provider.operations()
    assert await provider.operations() == {}
