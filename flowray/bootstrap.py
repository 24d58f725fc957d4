"""The only place that picks implementations: Settings → storage, services, runtime, app.

Actors live in other processes: they get these functions, with the settings bound to them, and build what they need.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import os
import secrets
import tempfile
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Engine

from flowray.handlers.providers.httpx_transport import HttpxTransport
from flowray.handlers.providers.lazy_chat import ChatProvider, LazyChatModel
from flowray.handlers.registry import NodeRegistry, default_registry
from flowray.handlers.services import Payloads, Services
from flowray.persistence.database import DatabaseOptions, durability_mode, open_database
from flowray.persistence.memory import MemoryStore
from flowray.persistence.migrations import instance_id, upgrade
from flowray.persistence.payloads import DatabasePayloads, DirectoryPayloads
from flowray.persistence.sql_committer import SqlCommitter
from flowray.persistence.sql_reader import SqlReader
from flowray.persistence.stores import PayloadStore, Storage
from flowray.runtime.child_starts import ChildLimits
from flowray.runtime.local import LocalRuntime
from flowray.runtime.sandbox.process_sandbox import ProcessSandbox
from flowray.settings import Settings, allowed_environment, secret_from_environment

WARM_UP_MS = 30_000


@lru_cache(maxsize=4)
def _engine(url: str, sqlite_synchronous: Literal["FULL", "NORMAL"]) -> Engine:
    """One engine per database and process: it holds the connection pool."""
    return open_database(url, DatabaseOptions(synchronous=sqlite_synchronous))


def open_engine(settings: Settings) -> Engine:
    """The database of these settings. Creates the state folder if SQLite lives in it."""
    if settings.uses_sqlite:
        settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return _engine(settings.resolved_database_url, settings.sqlite_synchronous)


def open_storage(settings: Settings) -> Storage:
    """Committer, reader and payload store of these settings."""
    engine = open_engine(settings)
    committer, reader = SqlCommitter(engine), SqlReader(engine)
    payloads: PayloadStore
    if settings.uses_sqlite:
        payloads = DirectoryPayloads(settings.resolved_payload_dir)
    else:
        payloads = DatabasePayloads(engine, committer.commit)
    return Storage(committer, reader, payloads)


def build_registry(settings: Settings) -> NodeRegistry:
    """Built-in node types and those of installed plugins."""
    return default_registry()


def build_services(settings: Settings, payloads: Payloads) -> Services:
    """The outer world as handlers see it. Keys are read from the environment here, in the process that uses them."""
    http = HttpxTransport(allow_private=settings.allow_private_targets)
    chat = LazyChatModel(_chat_providers(settings), default="openai")
    sandbox = ProcessSandbox()

    async def warm_up() -> None:
        """Import the SDK and start the sandbox's worker: half a second that the first node does not wait for."""
        await asyncio.to_thread(chat.load)
        await sandbox.jsonata("1", None, {}, WARM_UP_MS)

    async def close() -> None:
        await http.aclose()
        await chat.aclose()
        await sandbox.aclose()

    return Services(
        http=http,
        chat=chat,
        sandbox=sandbox,
        payloads=payloads,
        env=allowed_environment(settings.env_allow),
        warm_up=warm_up,
        close=close,
    )


def _chat_providers(settings: Settings) -> dict[str, ChatProvider]:
    providers = {
        "openai": ChatProvider(
            base_url=settings.llm_base_url,
            api_key=secret_from_environment(settings.llm_api_key_env),
            default_model=settings.llm_default_model,
        )
    }
    for name, provider in settings.providers.items():
        key = secret_from_environment(provider.api_key_env) if provider.api_key_env else None
        providers[name] = ChatProvider(base_url=provider.base_url, api_key=key, default_model=provider.default_model)
    return providers


def signing_key(settings: Settings) -> str:
    """The key that signs public tokens: FLOWRAY_SIGNING_KEY, else made once and kept in the state folder."""
    given = secret_from_environment("FLOWRAY_SIGNING_KEY")
    if given:
        return given
    path = Path(settings.state_dir) / "signing.key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Written aside and linked: whoever comes second, in whatever process, finds a whole key and uses it.
        with tempfile.NamedTemporaryFile("w", dir=path.parent) as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_text().strip()


def database_facts(settings: Settings) -> dict[str, Any]:
    """``{version, database, durability}`` for GET /info and the line printed at start."""
    engine = open_engine(settings)
    return {
        "version": importlib.metadata.version("flowray"),
        "database": engine.dialect.name,
        "durability_mode": durability_mode(engine),
        "proxy_mode": settings.proxy,
    }


def child_limits(settings: Settings) -> ChildLimits:
    """How deep and how often executions may call others."""
    return ChildLimits(max_depth=settings.max_call_depth, max_descendants=settings.max_descendants)


def local_runtime(settings: Settings, *, in_memory: bool = True) -> LocalRuntime:
    """A runtime in this process; not started yet. ``in_memory`` forgets everything when it is closed."""
    services = partial(build_services, settings)
    if in_memory:
        store = MemoryStore()
        return LocalRuntime(
            store, store, store.payloads, build_registry(settings), services, {"database": "memory"},
            child_limits=child_limits(settings),
        )  # fmt: skip
    engine = open_engine(settings)
    upgrade(engine)
    storage = open_storage(settings)
    return LocalRuntime(
        storage.committer, storage.reader, storage.payloads, build_registry(settings), services,
        database_facts(settings), child_limits=child_limits(settings),
    )  # fmt: skip


def migrate(settings: Settings) -> str:
    """Bring the database to this version's schema; returns the instance id kept in it (R41)."""
    engine = open_engine(settings)
    upgrade(engine)
    return instance_id(engine)
