"""Every setting, from the environment (``FLOWRAY_…``). The only reader of the environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from flowray.definition.policies import Lane


class ProviderSettings(BaseModel):
    """One OpenAI-compatible endpoint. ``api_key_env`` names the variable that holds the key, never the key itself.

    What is not said is as in the ``preset``, which is that of the provider's name unless another is named; its key goes
    only to its own address. ``models``: those that serve nodes which name none, by kind. ``free``: it costs nothing.
    """

    base_url: str | None = None
    api_key_env: str | None = None
    default_model: str | None = None
    preset: str | None = None
    models: dict[Literal["chat", "embedding", "image", "speech", "transcription", "video"], str] = {}
    free: bool = False


class PriceSettings(BaseModel):
    """US dollars: per million tokens (input, output, cached_input), image, minute of audio, second of video, and
    million characters of spoken text."""

    input: float | None = Field(None, ge=0)
    output: float | None = Field(None, ge=0)
    cached_input: float | None = Field(None, ge=0)
    image: float | None = Field(None, ge=0)
    minute: float | None = Field(None, ge=0)
    second: float | None = Field(None, ge=0)
    characters: float | None = Field(None, ge=0)


class McpServerSettings(BaseModel):
    """One MCP server: the ``url`` of its streamable HTTP endpoint, or a ``command`` that speaks on stdin and stdout.

    ``token_env`` names the variable whose value is sent as bearer token; ``env_pass`` those that the command may see,
    beside ``env``. The command runs on every machine that has a lane.
    """

    url: str | None = Field(None, pattern=r"^https?://")
    headers: dict[str, str] = Field(default_factory=dict)
    token_env: str | None = None
    command: str | None = None
    args: list[str] = Field(default_factory=list)
    env: dict[str, str] = Field(default_factory=dict)
    env_pass: list[str] = Field(default_factory=list)
    cwd: str | None = None

    @model_validator(mode="after")
    def _is_reachable_in_one_way(self) -> Self:
        if (self.url is None) == (self.command is None):
            raise ValueError("an MCP server has either a url or a command")
        return self


class DatabaseSettings(BaseModel):
    """A database that nodes may use. ``url_env`` names the variable that holds a URL with a password."""

    url: str | None = None
    url_env: str | None = None


class LimitSettings(BaseModel):
    """Bounds of a named limit; None is no bound."""

    rpm: int | None = Field(None, gt=0)
    tpm: int | None = Field(None, gt=0)
    concurrency: int | None = Field(None, ge=0)


class Settings(BaseSettings):
    """Where flowray keeps things, what it listens on, how it runs. Sizes in bytes, durations in the named unit."""

    model_config = SettingsConfigDict(env_prefix="FLOWRAY_", env_nested_delimiter="__", extra="ignore")

    state_dir: Path = Field(default_factory=lambda: Path.home() / ".flowray")
    database_url: str | None = None
    sqlite_synchronous: Literal["FULL", "NORMAL"] = "FULL"
    payload_dir: Path | None = None
    payload_url: str | None = Field(None, pattern=r"^[a-z0-9+]+://")
    workspace_dir: Path | None = None
    workspace_url: str | None = Field(None, pattern=r"^[a-z0-9+]+://")
    workspace_file_bytes: int = Field(64 * 1024**2, gt=0)
    workspace_bytes: int = Field(1024**3, gt=0)
    read_roots: list[Path] = Field(default_factory=list)
    smtp_host: str | None = None
    smtp_port: int = Field(587, ge=1, le=65535)
    smtp_security: Literal["auto", "starttls", "tls", "none"] = "auto"
    smtp_username: str | None = None
    smtp_password_env: str = "FLOWRAY_SMTP_PASSWORD"
    smtp_from: str | None = None
    search_url: str | None = Field(None, pattern=r"^https?://")
    search_api_key_env: str = "FLOWRAY_SEARCH_API_KEY"
    retention_completed_s: float | None = Field(None, ge=0)
    retention_failed_s: float | None = Field(None, ge=0)
    retention_grace_s: float = Field(24 * 3600, ge=0)
    retention_history_s: float = Field(30 * 24 * 3600, ge=0)
    retention_every_s: float = Field(300, ge=0)

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    max_body_bytes: int = Field(16 * 1024 * 1024, gt=0)
    proxy: Literal["python", "haproxy"] = "python"
    replicas: int = Field(1, ge=1)

    ray_address: str | None = None
    num_cpus: float | None = Field(None, gt=0)
    dashboard: bool = True
    dashboard_port: int = Field(8265, ge=0, le=65535)

    isolation: Literal["shared", "dedicated"] = "shared"
    lane: Lane | None = None
    orchestrators: int = Field(1, ge=1)
    io_lanes: int = Field(1, ge=1)
    lane_memory_bytes: int = Field(2 * 1024**3, gt=0)
    max_recoveries: int = Field(5, ge=1)
    server_name: str = Field("", pattern=r"^[A-Za-z0-9_-]{0,40}$")
    max_call_depth: int = Field(25, ge=1)
    max_descendants: int = Field(1_000, ge=1)
    max_running: int | None = Field(None, ge=1)

    llm_base_url: str | None = None
    llm_api_key_env: str = "OPENAI_API_KEY"
    llm_default_model: str | None = None
    providers: dict[str, ProviderSettings] = Field(default_factory=dict)
    mcp_servers: dict[str, McpServerSettings] = Field(default_factory=dict)
    prices: dict[str, PriceSettings] = Field(default_factory=dict)
    limits: dict[str, LimitSettings] = Field(default_factory=dict)
    callback_attempts: int = Field(12, ge=1)
    callback_first_delay_ms: int = Field(5_000, ge=0)

    encryption_key_file: Path | None = None
    integrations: Literal["live", "sandbox"] = "live"
    integrations_dir: Path | None = None
    sandbox_fixtures_dir: Path | None = None

    allow_private_targets: bool = True
    sandbox_workers: int | None = Field(None, ge=1)
    trusted_code: bool = False
    nodes: str = Field("", description="Modules with node types of one's own, with commas between.")
    database_connections: dict[str, DatabaseSettings] = Field(default_factory=dict)
    env_allow: list[str] = Field(default_factory=list)
    token_ttl_s: int = Field(24 * 3600, gt=0)

    @property
    def resolved_database_url(self) -> str:
        """The database: as set, or a SQLite file in the state folder."""
        return self.database_url or f"sqlite:///{self.state_dir / 'flowray.db'}"

    @property
    def resolved_payload_dir(self) -> Path:
        """Where large values lie with SQLite; PostgreSQL keeps them in the database."""
        return self.payload_dir or self.state_dir / "payloads"

    @property
    def resolved_workspace_dir(self) -> Path:
        """Where files of executions lie, unless in an object store."""
        return self.workspace_dir or self.state_dir / "workspaces"

    @property
    def resolved_workspace_url(self) -> str | None:
        """Where files of executions lie: beside the large values, where these are in an object store."""
        if self.workspace_url is not None or self.workspace_dir is not None or self.payloads_are_local:
            return self.workspace_url
        return self.payload_url and f"{self.payload_url.rstrip('/')}/workspaces"

    @property
    def payloads_are_local(self) -> bool:
        """True if large values lie in a directory of one machine, or in one process."""
        if self.payload_url is not None:
            return self.payload_url.startswith(("file://", "memory://"))
        return self.uses_sqlite

    @property
    def uses_sqlite(self) -> bool:
        """True for the embedded database, which serves one machine."""
        return self.resolved_database_url.startswith("sqlite")


def load_settings() -> Settings:
    """Settings as the environment has them now. Raises pydantic.ValidationError naming every wrong variable."""
    return Settings()


def secret_from_environment(name: str) -> str | None:
    """A secret by the name of its variable; read where it is used, so that it never travels inside settings."""
    return os.environ.get(name)


def allowed_environment(names: list[str]) -> dict[str, str]:
    """The allow-listed part of the environment, for ``{{env.NAME}}``."""
    return {name: os.environ[name] for name in names if name in os.environ}
