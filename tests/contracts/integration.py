"""The contract of ``integration``: recorded replies of a folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from flowray.engine.signals import NodeError
from flowray.errors import ErrorCode
from flowray.handlers.integrations.directory import ProviderDirectory
from flowray.handlers.integrations.sandbox.fixtures import FixtureFolder
from tests.contracts.contract import Case, Contract, World
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


CONTRACTS = [Contract("integration", "the sandbox: recorded replies of a folder", _sandbox)]
