"""Integrations made of settings."""

from __future__ import annotations

from pathlib import Path

from flowray.bootstrap_integrations import build_integrations
from tests.fakes.services import fake_services
from tests.test_bootstrap import settings_in

FIXTURES = Path(__file__).parent / "contracts" / "sandbox_fixtures"


async def test_the_sandbox_answers_from_the_given_folder_and_from_what_flowray_brings(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, integrations="sandbox", sandbox_fixtures_dir=FIXTURES)
    integrations = build_integrations(settings, fake_services().http)
    assert not integrations.needs_connections
    given = await integrations.provider("acme-crm", None)
    assert list(await given.operations()) == ["listCustomers", "createCustomer"]
    assert "createChannel" in await (await integrations.provider("slack", None)).operations()


async def test_without_a_word_integrations_are_live(tmp_path: Path) -> None:
    assert build_integrations(settings_in(tmp_path), fake_services().http).needs_connections
