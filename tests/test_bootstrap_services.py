"""Services made of settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowray import bootstrap_models, bootstrap_services
from flowray.errors import FlowrayError
from flowray.handlers.mailing import SmtpServer
from flowray.handlers.providers.json_search import JsonSearch
from flowray.handlers.search import NoWebSearch
from flowray.handlers.services import Payloads
from flowray.runtime.sandbox.process_sandbox import ProcessSandbox
from flowray.settings import ProviderSettings
from tests.fakes.services import MemoryPayloads
from tests.test_bootstrap import settings_in


def test_services_hold_the_allow_listed_environment_and_the_configured_providers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REGION", "eu")
    monkeypatch.setenv("LOCAL_KEY", "k")
    settings = settings_in(
        tmp_path, env_allow=["REGION"], llm_base_url="http://a/v1", llm_default_model="m",
        providers={"local": ProviderSettings(base_url="http://b/v1", api_key_env="LOCAL_KEY")},
    )  # fmt: skip
    payloads: Payloads = MemoryPayloads()
    services = bootstrap_services.build_services(settings, payloads)
    assert services.env == {"REGION": "eu"}
    assert services.payloads is payloads
    assert isinstance(services.sandbox, ProcessSandbox)
    providers = bootstrap_models.build_providers(settings)
    assert (providers["openai"].base_url, providers["openai"].default_model) == ("http://a/v1", "m")
    assert (providers["local"].base_url, providers["local"].api_key) == ("http://b/v1", "k")


async def test_files_lie_in_the_state_folder_and_only_given_folders_are_read(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("a")
    settings = settings_in(tmp_path, read_roots=[tmp_path / "in"], workspace_file_bytes=5)
    services = bootstrap_services.build_services(settings, MemoryPayloads())
    await services.files.write("e1", "out/b.txt", b"b")
    assert (tmp_path / "state" / "workspaces" / "e1" / "out" / "b.txt").read_bytes() == b"b"
    with pytest.raises(FlowrayError):
        await services.files.write("e1", "c.txt", b"123456")
    assert await services.read_roots.read(str(tmp_path / "in" / "a.txt")) == b"a"
    assert await services.read_roots.read("/etc/hostname") is None


async def test_the_operators_mail_server_and_search_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWRAY_SMTP_PASSWORD", "sesame")
    none = bootstrap_services.build_services(settings_in(tmp_path), MemoryPayloads())
    assert (isinstance(none.search, NoWebSearch), none.mail_from) == (True, None)
    settings = settings_in(
        tmp_path, smtp_host="mail", smtp_username="u", smtp_from="a@x.org", search_url="http://s/search"
    )
    services = bootstrap_services.build_services(settings, MemoryPayloads())
    assert (isinstance(services.search, JsonSearch), services.mail_from) == (True, "a@x.org")
    server = bootstrap_services._mail_server(settings)
    assert server == SmtpServer("mail", 587, "auto", "u", "sesame")
    assert "sesame" not in repr(server)
