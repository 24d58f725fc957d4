"""flowray in this process on a database of its own, with its defaults: what benchmarks without Ray run on."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from flowray.bootstrap import build_registry, open_engine, open_storage
from flowray.bootstrap_services import build_services
from flowray.handlers.handler import NodeHandler
from flowray.handlers.registry import NodeRegistry
from flowray.handlers.services import Payloads, Services
from flowray.persistence.database.engine import durability_mode, is_postgresql
from flowray.persistence.migrations import upgrade
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.stores import Committer, Storage
from flowray.plan import plan_hash, plan_to_json
from flowray.runtime.identifiers import new_id
from flowray.runtime.local import LocalRuntime
from flowray.settings import Settings

MakeServices = Callable[[Settings, Payloads], Services]


@dataclass(frozen=True)
class Local:
    """A running runtime, and what it is made of. ``committer``: the one that it writes with."""

    runtime: LocalRuntime
    committer: Committer
    registry: NodeRegistry
    storage: Storage
    engine: Engine

    def facts(self) -> dict[str, Any]:
        """What stands beside its figures: its database, and what a commit survives there."""
        database = "postgresql" if is_postgresql(self.engine) else "sqlite"
        return {"database": database, "durability_mode": durability_mode(self.engine)}

    async def run(self, plan: Any, inputs: dict[str, Any], count: int = 1) -> list[ExecutionRecord]:
        """Executions started by one call, as their rows are once all have ended."""
        now = int(time.time() * 1_000)
        records = [
            ExecutionRecord(
                id=new_id(), status="queued", plan_hash=plan_hash(plan), inputs=inputs, created_at=now, updated_at=now
            )
            for _ in range(count)
        ]
        await self.runtime.start(records, plan_to_json(plan))
        for record in records:
            async for _ in self.runtime.follow(record.id):
                pass
        return self.runtime.reader.executions_by_ids([record.id for record in records])


@contextmanager
def local_runtime(
    url: str | None = None,
    *,
    types: Sequence[NodeHandler] = (),
    services: MakeServices = build_services,
    committer: Callable[[Committer], Committer] = lambda inner: inner,
) -> Iterator[Local]:
    """On SQLite, or on the database at ``url``. ``types``: further node types; ``committer`` wraps the real one."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(state_dir=Path(folder), database_url=url)
        engine = open_engine(settings)
        upgrade(engine)
        storage, registry = open_storage(settings), build_registry(settings)
        for handler in types:
            registry.register(handler)
        writes = committer(storage.committer)
        runtime = LocalRuntime(writes, storage.reader, storage.payloads, registry, partial(services, settings))
        runtime.start_threads()
        try:
            yield Local(runtime, writes, registry, storage, engine)
        finally:
            runtime.stop()
            engine.dispose()
