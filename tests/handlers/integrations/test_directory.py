"""Who answers: a live provider, the sandbox, or what a connection brings with it."""

from __future__ import annotations

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.connections import Connection, ConnectionKind
from flowray.handlers.integrations.directory import MOST_SANDBOXES, ProviderDirectory
from tests.contracts.integration import FIXTURES
from tests.fakes.integrations import ScriptedProvider

SLACK = ScriptedProvider("slack", {}, lambda call: None)
LIVE = ProviderDirectory({"slack": SLACK}, [FIXTURES])


async def test_a_live_provider_answers_with_or_without_its_own_connection() -> None:
    assert await LIVE.provider("slack", None) is SLACK
    assert await LIVE.provider("slack", Connection("c", ConnectionKind.BEARER)) is SLACK
    assert await LIVE.provider("slack", Connection("c", ConnectionKind.BEARER, "slack")) is SLACK
    assert LIVE.needs_connections


async def test_a_connection_of_another_provider_is_refused() -> None:
    """The token of one service must never reach another."""
    with pytest.raises(FlowrayError, match="is of github, not of slack") as caught:
        await LIVE.provider("slack", Connection("c", ConnectionKind.BEARER, "github"))
    assert caught.value.code == ErrorCode.CONFIGURATION


async def test_the_sandbox_answers_for_its_connections_and_when_everything_is_sandboxed() -> None:
    assert (await LIVE.provider("slack", Connection("c", ConnectionKind.SANDBOX))).is_sandbox
    sandboxed = ProviderDirectory({"slack": SLACK}, [FIXTURES], everything_sandboxed=True)
    found = await sandboxed.provider("acme-crm", Connection("c", ConnectionKind.BEARER))
    assert (found.name, found.is_sandbox) == ("acme-crm", True)
    assert found is await sandboxed.provider("acme-crm", None)
    assert not sandboxed.needs_connections


async def test_a_connection_may_bring_its_provider() -> None:
    brought = ScriptedProvider("mine", {}, lambda call: None)
    directory = ProviderDirectory(
        {"slack": SLACK}, [], by_connection=[lambda connection: brought if "spec" in connection.fields else None]
    )
    with_it = Connection("c", ConnectionKind.BEARER, "mine", fields={"spec": "x"})
    assert await directory.provider("mine", with_it) is brought
    assert await directory.provider("slack", Connection("c", ConnectionKind.BEARER)) is SLACK


async def test_names_that_authors_make_up_do_not_pile_up() -> None:
    sandboxed = ProviderDirectory({}, [FIXTURES], everything_sandboxed=True)
    for number in range(MOST_SANDBOXES + 5):
        await sandboxed.provider(f"p{number}", None)
    assert len(sandboxed._sandboxes) == MOST_SANDBOXES
