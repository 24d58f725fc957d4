"""The ``integration`` node: which operation, with which parameters, over which connection, and what comes out."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine.stimuli import NodeLogged, Stimulus
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.connections import Connection, ConnectionKind
from flowray.handlers.integrations.directory import ProviderDirectory
from flowray.handlers.operations import Operation, OperationCall
from flowray.handlers.services import Services
from tests.contracts.integration import FIXTURES
from tests.fakes.integrations import GivenConnections, ScriptedProvider
from tests.fakes.services import fake_services
from tests.handlers.running import attempt, fail, output, succeed

SCHEMA = {
    "type": "object",
    "properties": {"channel": {"type": "string"}, "text": {"type": "string"}, "count": {"type": "integer"}},
    "required": ["channel"],
    "additionalProperties": False,
}
TOKEN = "xoxb-very-secret-1234"
TEAM = Connection("team", ConnectionKind.BEARER, "slack", secrets={"token": TOKEN})


def slack(answer: Any = None) -> ScriptedProvider:
    operations = {"sendMessage": Operation("sendMessage", parameters=SCHEMA), "listChannels": Operation("listChannels")}
    return ScriptedProvider("slack", operations, answer if callable(answer) else lambda call: {"ok": True})


def services(provider: ScriptedProvider | None = None, *connections: Connection) -> Services:
    directory = ProviderDirectory({"slack": provider or slack()}, [FIXTURES])
    return fake_services(integrations=directory, connections=GivenConnections(*connections))


@pytest.mark.parametrize(
    "config",
    [
        {"provider": "slack", "operation": "sendMessage", "parameters": {"channel": "#a", "text": "hi"}},
        {"provider": "slack", "operation": "sendMessage", "channel": "#a", "text": "hi"},
        {"provider": "Slack", "action": "postMessage", "channel": "#a", "parameters": {"text": "hi"}},
        {"service": "slack", "operation": "send_message", "config": {"channel": "#a", "text": "hi"}},
        {"provider": "slack", "operation": "sendMessage", "inputs": {"channel": "#a", "text": "hi"}, "label": "Tell"},
        {
            "provider": "slack",
            "operation": "sendMessage",
            "channel": "#b",
            "text": "hi",
            "parameters": {"channel": "#a"},
        },
    ],
    ids=str,
)
async def test_all_spellings_are_the_same_call(config: dict[str, Any]) -> None:
    provider = slack()
    assert await output("integration", config, services=services(provider)) == {
        "data": {"ok": True}, "provider": "slack", "operation": "sendMessage", "sandbox": False,
    }  # fmt: skip
    assert provider.calls[0].parameters == {"channel": "#a", "text": "hi"}


async def test_action_is_the_same_type_and_templates_are_filled() -> None:
    provider = slack()
    config = {
        "provider": "slack", "operation": "sendMessage", "channel": "#{{room}}", "count": "{{n}}", "note": "mine",
    }  # fmt: skip
    await output("action", config, services=services(provider), inputs={"room": "ops", "n": 3})
    assert provider.calls[0].parameters == {"channel": "#ops", "count": 3}


async def test_the_call_carries_connection_key_and_time_limit() -> None:
    provider = slack()
    given = services(provider, TEAM)
    config = {"provider": "slack", "operation": "listChannels", "connectionId": "team", "timeoutMs": 900}
    await output("integration", config, services=given, idempotency_key="key-1")
    call = provider.calls[0]
    assert (call.connection, call.idempotency_key, call.timeout_ms) == (TEAM, "key-1", 900)
    assert isinstance(given.connections, GivenConnections)
    assert given.connections.asked == [("default", "team")]


async def test_secrets_of_the_connection_are_in_no_output_error_or_log() -> None:
    echo = slack(lambda call: {"you said": [f"Bearer {TOKEN}"], "plain": "ok"})
    config = {"provider": "slack", "operation": "listChannels", "connection": "team"}
    found = await output("integration", config, services=services(echo, TEAM))
    assert found["data"] == {"you said": ["Bearer ***"], "plain": "ok"}

    def refuse(call: OperationCall) -> Any:
        raise FlowrayError(ErrorCode.PROVIDER_AUTH, f"{TOKEN} is wrong", details={"sent": {"x": TOKEN}})

    emitted: list[Stimulus] = []
    result = await attempt("integration", config, services=services(slack(refuse), TEAM), emitted=emitted)
    assert "*** is wrong" in str(result)
    assert TOKEN not in str(result) + str(emitted)


async def test_an_unknown_operation_provider_or_connection_is_an_error_with_its_code() -> None:
    unknown = await fail("integration", {"provider": "slack", "operation": "fly"}, services=services())
    assert (unknown.code, unknown.retryable) == (ErrorCode.UNKNOWN_OPERATION, False)
    nobody = await fail("integration", {"provider": "slak", "operation": "x"}, services=services())
    assert (nobody.code, nobody.message) == (
        ErrorCode.UNKNOWN_OPERATION, "there is no provider 'slak'; did you mean slack?",
    )  # fmt: skip
    config = {"provider": "slack", "operation": "listChannels", "connection": "none"}
    missing = await fail("integration", config, services=services())
    assert (missing.code, missing.message) == (ErrorCode.CONNECTION_NOT_FOUND, "there is no connection 'none'")


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"provider": "slack"},
        {"provider": "slack", "operation": "sendMessage", "text": "hi"},
        {"provider": "slack", "operation": "sendMessage", "parameters": {"channel": "#a", "unknown": 1}},
    ],
    ids=str,
)
async def test_wrong_configs_and_parameters(config: dict[str, Any]) -> None:
    provider = slack()
    error = await fail("integration", config, services=services(provider))
    assert error.code == ErrorCode.INVALID_NODE_CONFIG
    assert provider.calls == []


async def test_a_sandbox_connection_answers_from_fixtures_and_says_so() -> None:
    emitted: list[Stimulus] = []
    tried = Connection("try", ConnectionKind.SANDBOX, fields={"scenario": "rate_limited"})
    plain = Connection("plain", ConnectionKind.SANDBOX)
    config = {"provider": "acme_crm", "operation": "list_customers", "city": "Ulm", "connection": "plain"}
    found = await succeed("integration", config, services=services(None, plain), emitted=emitted)
    assert found.output == {
        "data": {"customers": [{"id": "c1", "name": "Ada", "city": "Ulm"}, {"id": "c3", "name": "Cy", "city": "Ulm"}]},
        "provider": "acme-crm", "operation": "listCustomers", "sandbox": True,
    }  # fmt: skip
    (logged,) = [event for event in emitted if isinstance(event, NodeLogged)]
    assert logged.fields == {"sandbox": True, "provider": "acme-crm", "operation": "listCustomers"}
    config = {"provider": "acme_crm", "operation": "createCustomer", "name": "Dee", "connection": "try"}
    error = await fail("integration", config, services=services(None, tried))
    assert (error.code, error.retryable) == (ErrorCode.PROVIDER_RATE_LIMITED, True)
    config["sandboxScenario"] = "created"
    assert (await output("integration", config, services=services(None, tried)))["data"]["id"] == "c4"


async def test_the_connection_named_sandbox_is_always_there() -> None:
    config = {"provider": "acme-crm", "operation": "createCustomer", "name": "Dee", "connection": "sandbox"}
    assert (await output("integration", config, services=services()))["data"]["name"] == "Dee"


async def test_with_everything_sandboxed_connections_need_not_exist() -> None:
    directory = ProviderDirectory({"slack": slack()}, [FIXTURES], everything_sandboxed=True)
    given = fake_services(integrations=directory)
    config = {"provider": "acme-crm", "operation": "createCustomer", "name": "Dee", "connectionId": "any"}
    assert (await output("integration", config, services=given))["sandbox"] is True
    config = {"provider": "slack", "operation": "listChannels"}
    assert (await fail("integration", config, services=given)).code == ErrorCode.UNKNOWN_OPERATION


async def test_a_lane_without_integrations_says_so() -> None:
    error = await fail("integration", {"provider": "slack", "operation": "x"})
    assert error.code == ErrorCode.CONFIGURATION
