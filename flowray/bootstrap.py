"""The only place that picks implementations: Settings → storage, services, runtime, app.

Actors live in other processes: they get these functions, with the settings bound to them, and build what they need.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import os
import secrets
import tempfile
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Engine

from flowray.bootstrap_connections import open_sealer
from flowray.bootstrap_services import build_services
from flowray.bootstrap_workspaces import open_workspaces
from flowray.handlers.handler import system_now_ms
from flowray.handlers.node_modules import load_node_modules
from flowray.handlers.providers.aiohttp_transport import AiohttpTransport
from flowray.handlers.registry import NodeRegistry, default_registry
from flowray.persistence.database.engine import DatabaseOptions, durability_mode, open_database
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.migrations import instance_id, upgrade
from flowray.persistence.payloads.database import DatabasePayloads
from flowray.persistence.payloads.directory import DirectoryPayloads
from flowray.persistence.payloads.store import PayloadStore
from flowray.persistence.queues.admission import EVERYTHING
from flowray.persistence.sql.committer import SqlCommitter
from flowray.persistence.sql.reader import SqlReader
from flowray.persistence.stores import Committer, Storage
from flowray.persistence.writes import AnyWrite
from flowray.persistence.writes.limits import SaveLimit
from flowray.persistence.writes.queues import ConfigureQueue
from flowray.runtime.callback_bodies import derived_secret
from flowray.runtime.callbacks import CallbackOptions, CallbackPolicy
from flowray.runtime.child_starts import ChildLimits
from flowray.runtime.local import LocalRuntime
from flowray.runtime.retention import RetentionPolicy
from flowray.settings import Settings, secret_from_environment

CALLBACK_ANSWER_BYTES = 1024 * 1024


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
    listen = None if settings.uses_sqlite else partial(_listen, engine)
    return Storage(committer, reader, _open_payloads(settings, engine, committer), listen, open_workspaces(settings))


def _listen(engine: Engine, heard: Callable[[Sequence[str]], None]) -> Callable[[], None]:
    """Loaded by name: only orchestrators listen, and only on PostgreSQL."""
    listener = importlib.import_module("flowray.persistence.inbox.listener").InboxListener(engine, heard)
    listener.start()
    stop: Callable[[], None] = listener.stop
    return stop


def _open_payloads(settings: Settings, engine: Engine, committer: SqlCommitter) -> PayloadStore:
    if settings.payload_url is not None:
        scheme, _, place = settings.payload_url.partition("://")
        # fsspec's own local files are not synced to disk, so they could be lost after an event has named them (R34).
        return DirectoryPayloads(place) if scheme == "file" else _load_fsspec_payloads(settings.payload_url)
    if settings.uses_sqlite:
        return DirectoryPayloads(settings.resolved_payload_dir)
    return DatabasePayloads(engine, committer.commit)


def _load_fsspec_payloads(url: str) -> PayloadStore:
    """Loaded by name: only those who asked for it wait for fsspec to be imported."""
    store: PayloadStore = importlib.import_module("flowray.persistence.payloads.fsspec_store").FsspecPayloads(url)
    return store


def retention_policy(settings: Settings) -> RetentionPolicy:
    """How long executions are kept whose workflow says nothing, and how often that is looked after."""
    return RetentionPolicy(
        completed_ms=_as_ms(settings.retention_completed_s),
        failed_ms=_as_ms(settings.retention_failed_s),
        grace_ms=_as_ms(settings.retention_grace_s) or 0,
        history_ms=_as_ms(settings.retention_history_s) or 0,
        every_s=settings.retention_every_s,
    )


def _as_ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1_000)


def build_registry(settings: Settings) -> NodeRegistry:
    """Built-in node types, before them those of installed plugins, and first those of the modules that are named."""
    registry = default_registry()
    for handler in load_node_modules(settings.nodes):
        registry.register(handler)
    return registry


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


def callback_options(settings: Settings) -> CallbackOptions:
    """How callbacks are sent and signed. The secret is looked up in the process that sends."""
    return CallbackOptions(
        partial(callback_transport, settings),
        partial(callback_secret, settings),
        CallbackPolicy(max_attempts=settings.callback_attempts, first_delay_ms=settings.callback_first_delay_ms),
    )


def callback_transport(settings: Settings) -> AiohttpTransport:
    """As for http nodes, with the same targets allowed; of an answer nothing but its status counts."""
    return AiohttpTransport(allow_private=settings.allow_private_targets, limit_bytes=CALLBACK_ANSWER_BYTES)


def callback_secret(settings: Settings) -> str:
    """What signs the callbacks of executions that were given no secret of their own."""
    return derived_secret(signing_key(settings))


def declare_limits(settings: Settings, committer: Committer) -> None:
    """The limits that the settings name, unless they are known: what was changed or saved since stands."""
    writes: list[AnyWrite] = [
        SaveLimit(name=name, rpm=given.rpm, tpm=given.tpm, concurrency=given.concurrency, only_new=True)
        for name, given in settings.limits.items()
    ]
    if settings.max_running is not None:
        # Declared as by a definition: what somebody has set since stands.
        changes = {"max_concurrent": settings.max_running}
        writes.append(ConfigureQueue(name=EVERYTHING, changes=changes, ts=system_now_ms(), declared=True))
    if writes:
        committer.commit(writes)


def child_limits(settings: Settings) -> ChildLimits:
    """How deep and how often executions may call others."""
    return ChildLimits(max_depth=settings.max_call_depth, max_descendants=settings.max_descendants)


def local_runtime(settings: Settings, *, in_memory: bool = True, registry: NodeRegistry | None = None) -> LocalRuntime:
    """A runtime in this process; not started yet. ``in_memory`` forgets everything when it is closed.

    ``registry``: node types that may be added to later; by default those of the settings.
    """
    services = partial(build_services, settings)
    registry = registry or build_registry(settings)
    if in_memory:
        services = partial(build_services, settings, in_memory=True)
        store = MemoryStore()
        declare_limits(settings, store)
        return LocalRuntime(
            store, store, store.payloads, registry, services, {"database": "memory"},
            opener=partial(open_sealer, settings),
            child_limits=child_limits(settings), callbacks=callback_options(settings),
        )  # fmt: skip
    engine = open_engine(settings)
    upgrade(engine)
    storage = open_storage(settings)
    declare_limits(settings, storage.committer)
    return LocalRuntime(
        storage.committer, storage.reader, storage.payloads, registry, services,
        database_facts(settings), opener=partial(open_sealer, settings), child_limits=child_limits(settings),
        callbacks=callback_options(settings),
        retention=retention_policy(settings), workspaces=storage.workspaces,
    )  # fmt: skip


def migrate(settings: Settings) -> str:
    """Bring the database to this version's schema; returns the instance id kept in it (R41)."""
    engine = open_engine(settings)
    upgrade(engine)
    declare_limits(settings, SqlCommitter(engine))
    return instance_id(engine)


async def run_scheduler(settings: Settings, config: Any) -> None:
    """``bootstrap_triggers.run_scheduler``, loaded by name: every actor unpickles what names this function."""
    await importlib.import_module("flowray.bootstrap_triggers").run_scheduler(settings, config)
