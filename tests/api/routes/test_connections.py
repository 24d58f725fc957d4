"""Connections over HTTP: secrets go in and never come out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from flowray import wire
from flowray.api.app import create_app
from flowray.api.context import ApiContext, AppServices
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.integrations.directory import ProviderDirectory
from flowray.handlers.operations import Operation, OperationCall
from flowray.handlers.services import HttpRequest, HttpResponse
from flowray.persistence.connections.sealing import Sealer, new_key
from flowray.values import Json, encode_json
from tests.api.fake_directory import FakeDirectory
from tests.fakes.integrations import ScriptedProvider
from tests.fakes.services import ScriptedHttp

TOKEN = "xoxb-very-secret-1234"
SEALER = Sealer([new_key()])
TEAM = {"name": "team", "kind": "bearer", "provider": "Slack", "secrets": {"token": TOKEN}}


def _token(request: HttpRequest) -> HttpResponse:
    good = request.url.endswith("good")
    body = encode_json({"access_token": "tok-1", "expires_in": 600} if good else {"error": "invalid_client"})
    return HttpResponse(200 if good else 401, "", {}, body, request.url, 1)


def _answer(call: OperationCall) -> Json:
    assert call.connection is not None
    if call.connection.secrets.get("token") != TOKEN:
        raise FlowrayError(ErrorCode.PROVIDER_AUTH, f"{call.connection.secrets.get('token')} is not accepted")
    return {"ok": True}


@pytest.fixture
async def http(app: FastAPI, context: ApiContext) -> AsyncIterator[httpx.AsyncClient]:
    slack = ScriptedProvider("slack", {"authTest": Operation("authTest", is_trial=True)}, _answer)
    services: AppServices = replace(
        context.services, opener=lambda: SEALER,
        outside=lambda: (ScriptedHttp(_token), ProviderDirectory({"slack": slack}, [])),
    )  # fmt: skip
    app = create_app(services)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://flowray") as client,
    ):
        yield client


async def test_a_connection_is_made_changed_listed_and_deleted(
    http: httpx.AsyncClient, directory: FakeDirectory
) -> None:
    made = await http.post("/v1/connections", json=TEAM)
    assert made.status_code == 201, made.text
    shown = wire.Connection.model_validate(made.json())
    assert (shown.name, shown.kind, shown.provider, shown.secret_names) == ("team", "bearer", "slack", ["token"])
    changed = await http.patch("/v1/connections/team", json={"fields": {"base_url": "https://x"}})
    assert (changed.json()["fields"], changed.json()["secret_names"], changed.json()["version"]) == (
        {"base_url": "https://x"}, ["token"], 2,
    )  # fmt: skip
    assert [each["name"] for each in (await http.get("/v1/connections")).json()["data"]] == ["team"]
    answers = [made.text, changed.text, (await http.get("/v1/connections/team")).text]
    assert all(TOKEN not in text for text in answers)
    record = directory.store.connections.get("team")
    assert record is not None
    assert TOKEN not in str(record)
    assert SEALER.open("default", "team", record.sealed) == {"token": TOKEN}
    assert (await http.delete("/v1/connections/team")).status_code == 204
    assert (await http.get("/v1/connections/team")).json()["code"] == "NOT_FOUND"
    assert (await http.delete("/v1/connections/team")).status_code == 404


async def test_secrets_are_replaced_and_removed_by_name(http: httpx.AsyncClient, directory: FakeDirectory) -> None:
    given = {"name": "mine", "kind": "custom", "secrets": {"a": "1", "b": "2"}}
    assert (await http.post("/v1/connections", json=given)).status_code == 201
    changed = await http.patch("/v1/connections/mine", json={"secrets": {"a": "3", "b": None, "c": "4"}})
    assert changed.json()["secret_names"] == ["a", "c"]
    record = directory.store.connections.get("mine")
    assert record is not None
    assert SEALER.open("default", "mine", record.sealed) == {"a": "3", "c": "4"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "a", "kind": "bearer"}, 400, "INVALID_REQUEST"),
        ({"name": "a", "kind": "magic"}, 422, "INVALID_REQUEST"),
        ({"name": "a b", "kind": "sandbox"}, 422, "INVALID_REQUEST"),
        ({"name": "sandbox", "kind": "sandbox"}, 409, "CONFLICT"),
        (TEAM, 409, "CONFLICT"),
    ],
    ids=str,
)
async def test_what_does_not_fit_is_refused(http: httpx.AsyncClient, body: Json, status: int, code: str) -> None:
    await http.post("/v1/connections", json=TEAM)
    answer = await http.post("/v1/connections", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_connection_is_tried_with_an_operation_of_its_provider(http: httpx.AsyncClient) -> None:
    await http.post("/v1/connections", json=TEAM)
    tried = (await http.post("/v1/connections/team/test")).json()
    assert tried == {"ok": True, "checked": "operation", "operation": "authTest", "code": None, "message": ""}
    await http.patch("/v1/connections/team", json={"secrets": {"token": "wrong-secret"}})
    tried = (await http.post("/v1/connections/team/test")).json()
    assert (tried["ok"], tried["code"], tried["message"]) == (False, "PROVIDER_AUTH", "*** is not accepted")
    assert (await http.post("/v1/connections/none/test")).status_code == 404


@pytest.mark.parametrize(("end", "ok", "code"), [("good", True, None), ("bad", False, "PROVIDER_AUTH")])
async def test_a_token_is_got_and_kept(
    http: httpx.AsyncClient, directory: FakeDirectory, end: str, ok: bool, code: str | None
) -> None:
    given = {
        "name": "app", "kind": "oauth2", "fields": {"token_url": f"https://auth/{end}", "client_id": "me"},
        "secrets": {"client_secret": "s"},
    }  # fmt: skip
    assert (await http.post("/v1/connections", json=given)).status_code == 201
    tried = (await http.post("/v1/connections/app/test")).json()
    assert (tried["ok"], tried["checked"], tried["code"]) == (ok, "token", code)
    record = directory.store.connections.get("app")
    assert record is not None
    assert (record.expires_at is not None) is ok


async def test_where_nothing_outside_is_reached_secrets_are_opened(context: ApiContext) -> None:
    app = create_app(replace(context.services, opener=lambda: SEALER))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://flowray") as client,
    ):
        await client.post("/v1/connections", json=TEAM)
        assert (await client.post("/v1/connections/team/test")).json()["checked"] == "secrets"
