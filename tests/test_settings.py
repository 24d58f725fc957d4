"""Settings: names, defaults, what is refused; secrets stay where they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from flowray.definition.policies import Lane
from flowray.settings import Settings, allowed_environment, load_settings, secret_from_environment


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATE_DIR", "DATABASE_URL", "LANE", "ISOLATION", "PORT", "PAYLOAD_DIR"):
        monkeypatch.delenv(f"FLOWRAY_{name}", raising=False)


def test_nothing_needs_to_be_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = load_settings()
    assert settings.state_dir == tmp_path / ".flowray"
    assert settings.resolved_database_url == f"sqlite:///{tmp_path}/.flowray/flowray.db"
    assert settings.resolved_payload_dir == tmp_path / ".flowray" / "payloads"
    assert settings.uses_sqlite
    assert (settings.host, settings.port, settings.isolation, settings.lane) == ("127.0.0.1", 8000, "shared", None)
    assert settings.sqlite_synchronous == "FULL"


def test_what_one_machine_alone_can_reach() -> None:
    """R34."""
    postgresql = "postgresql+psycopg://u@h/db"
    assert Settings().payloads_are_local
    assert Settings(database_url=postgresql, payload_url="file:///srv/blobs").payloads_are_local
    assert not Settings(database_url=postgresql).payloads_are_local
    assert not Settings(payload_url="s3://bucket/prefix").payloads_are_local
    with pytest.raises(ValidationError):
        Settings(payload_url="/srv/blobs")


def test_the_environment_sets_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = {
        "DATABASE_URL": "postgresql+psycopg://u@h/db",
        "PAYLOAD_DIR": str(tmp_path),
        "LANE": "task",
        "ISOLATION": "dedicated",
        "PORT": "9000",
        "ENV_ALLOW": '["REGION"]',
        "PROVIDERS__LOCAL__BASE_URL": "http://127.0.0.1:1/v1",
        "PROVIDERS__LOCAL__API_KEY_ENV": "LOCAL_KEY",
    }
    for name, value in given.items():
        monkeypatch.setenv(f"FLOWRAY_{name}", value)
    settings = load_settings()
    assert not settings.uses_sqlite
    assert settings.resolved_payload_dir == tmp_path
    assert (settings.lane, settings.isolation, settings.port) == (Lane.TASK, "dedicated", 9_000)
    assert settings.env_allow == ["REGION"]
    (provider,) = settings.providers.values()
    assert (provider.base_url, provider.api_key_env) == ("http://127.0.0.1:1/v1", "LOCAL_KEY")


def test_every_wrong_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWRAY_PORT", "70000")
    monkeypatch.setenv("FLOWRAY_LANE", "gpu")
    monkeypatch.setenv("FLOWRAY_ISOLATION", "none")
    with pytest.raises(ValidationError) as raised:
        load_settings()
    assert {error["loc"][0] for error in raised.value.errors()} == {"port", "lane", "isolation"}


def test_secrets_are_read_by_name_and_never_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "hunter2")
    settings = Settings(llm_api_key_env="MY_KEY")
    assert secret_from_environment(settings.llm_api_key_env) == "hunter2"
    assert secret_from_environment("NOT_THERE_AT_ALL") is None
    assert "hunter2" not in repr(settings)


def test_only_the_allow_listed_part_of_the_environment_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGION", "eu")
    monkeypatch.setenv("PASSWORD", "x")
    monkeypatch.delenv("UNSET", raising=False)
    assert allowed_environment(["REGION", "UNSET"]) == {"REGION": "eu"}


def test_limits_are_json_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWRAY_LIMITS", '{"openai": {"rpm": 500, "concurrency": 20}, "crm": {"concurrency": 0}}')
    limits = load_settings().limits
    assert (limits["openai"].rpm, limits["openai"].tpm, limits["openai"].concurrency) == (500, None, 20)
    assert limits["crm"].concurrency == 0
    monkeypatch.setenv("FLOWRAY_LIMITS", '{"openai": {"rpm": 0}}')
    with pytest.raises(ValidationError):
        load_settings()


def test_an_mcp_server_is_reached_in_one_way() -> None:
    servers = {"web": {"url": "http://tools/mcp", "token_env": "TOOLS_TOKEN"}, "box": {"command": "npx", "args": ["x"]}}
    found = Settings(mcp_servers=servers).mcp_servers  # type: ignore[arg-type]
    assert (found["web"].token_env, found["box"].args) == ("TOOLS_TOKEN", ["x"])
    for wrong in ({}, {"url": "http://tools/mcp", "command": "npx"}, {"url": "ftp://tools"}):
        with pytest.raises(ValidationError):
            Settings(mcp_servers={"a": wrong})  # type: ignore[dict-item]


def test_files_of_executions_lie_beside_what_else_is_kept(tmp_path: Path) -> None:
    postgresql = "postgresql+psycopg://u@h/db"
    settings = Settings(state_dir=tmp_path)
    assert (settings.resolved_workspace_dir, settings.resolved_workspace_url) == (tmp_path / "workspaces", None)
    assert Settings(database_url=postgresql).resolved_workspace_url is None
    assert Settings(payload_url="s3://b/p/").resolved_workspace_url == "s3://b/p/workspaces"
    shared = Settings(payload_url="s3://b/p", workspace_dir=tmp_path)
    assert (shared.resolved_workspace_dir, shared.resolved_workspace_url) == (tmp_path, None)
    assert Settings(workspace_url="s3://c").resolved_workspace_url == "s3://c"
    with pytest.raises(ValidationError):
        Settings(workspace_url="/srv/files")
