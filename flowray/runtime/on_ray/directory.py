"""The ExecutionDirectory of a Serve replica: reads the database itself, starts and steers through the actors.

Nothing long is submitted from here: a client's disconnect cancels what its handler submitted (R42). Every call has a
timeout, since a call to an actor that cannot be scheduled would wait for ever (R40).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import ray
from ray.actor import ActorHandle
from ray.exceptions import GetTimeoutError, RayActorError, RayError

from flowray.errors import ErrorCode, FlowrayError
from flowray.eventlog.log import RecordedEvent
from flowray.persistence.journal import ThreadJournal
from flowray.persistence.payloads.store import file_bytes
from flowray.persistence.records import ExecutionRecord, InboxRecord
from flowray.persistence.stores import Reader
from flowray.persistence.writes import (
    AnyResult,
    AnyWrite,
    Inserted,
    InsertExecution,
    InsertInbox,
    RegisterOwner,
    decode_results,
    encode_writes,
)
from flowray.runtime.crash_points import CrashPoint, reached
from flowray.runtime.fanout import Fanout, FanoutWatch
from flowray.runtime.on_ray import names
from flowray.runtime.on_ray.config import RuntimeConfig

logger = logging.getLogger(__name__)

CALL_TIMEOUT_S = 30.0
RETRY_EVERY_S = 0.25
DEDICATED_GRACE_MS = 60_000
"""How long a dedicated orchestrator may take to come up before the pool takes its execution."""


class RayDirectory:
    """One per replica. ``open`` before use."""

    def __init__(self, config: RuntimeConfig, facts: dict[str, Any]) -> None:
        self._config = config
        self._facts = facts
        storage = config.storage_factory()
        self.reader: Reader = storage.reader
        self._payloads = storage.payloads
        self._own_journal = None if config.one_writer else ThreadJournal(storage.committer)
        self._fanout = Fanout()
        self._turns = itertools.count()
        self._handles: dict[str, ActorHandle[Any]] = {}
        self._subscriber = f"replica-{uuid.uuid4().hex[:12]}"
        self._relays: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Subscribe to the token streams: those of the orchestrators, and the hub's for those that come and go."""
        hub = names.hub_name(self._config.build)
        pool = [names.orchestrator_name(self._config.build, number) for number in range(self._config.orchestrators)]
        self._relays = [asyncio.create_task(self._relay_forever(name, name == hub)) for name in (hub, *pool)]

    async def close(self) -> None:
        """Unsubscribe; executions go on."""
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)
        if self._own_journal is not None:
            await asyncio.to_thread(self._own_journal.close)

    # -- writing --------------------------------------------------------------------------------------------------

    async def write(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        """Commit writes: here, or in the one process that writes (R26)."""
        if self._own_journal is not None:
            return await asyncio.to_thread(self._own_journal.commit, writes)
        journal = names.orchestrator_name(self._config.build, 0)
        return decode_results(await self._call(journal, "commit", encode_writes(list(writes))))

    async def start(self, records: Sequence[ExecutionRecord], plan: bytes) -> list[AnyResult]:
        """Insert executions owned by an orchestrator of the pool, which sets them going at once (R43)."""
        dedicated = [record for record in records if self._wants_dedicated(record)]
        if dedicated:
            results = []
            for record in records:
                results.extend(await self._start_dedicated(record, plan))
            return results
        number = next(self._turns) % self._config.orchestrators
        name = names.orchestrator_name(self._config.build, number)
        started: list[AnyResult] = await self._call(name, "start", list(records), plan)
        return started

    def _wants_dedicated(self, record: ExecutionRecord) -> bool:
        return self._config.dedicated or record.options.get("isolation") == "dedicated"

    async def _start_dedicated(self, record: ExecutionRecord, plan: bytes) -> list[AnyResult]:
        """One commit registers the owner-to-be and inserts the execution as its own; then the actor is created.

        If the actor never comes up, the lease runs out and the pool claims the execution, as it does one that has to
        wait for its time or for a slot.
        """
        owner_id = names.dedicated_name(record.id)
        owned = msgspec.structs.replace(record, owner_id=owner_id, epoch=1)
        register = RegisterOwner(
            id=owner_id, kind="dedicated", generation=self._config.build, lease_ms=DEDICATED_GRACE_MS,
            actor_name=owner_id,
        )  # fmt: skip
        _, inserted = await self.write([register, InsertExecution(record=owned, plan=plan)])
        if isinstance(inserted, Inserted) and not inserted.elsewhere:
            await self._call(names.hub_name(self._config.build), "spawn_dedicated", record.id, owner_id)
        return [inserted]

    async def request(self, record: InboxRecord) -> AnyResult:
        """Put a request into the inbox, then wake the owner; a lost wake-up is made up for by the owner's sweep."""
        (result,) = await self.write([InsertInbox(record=record)])
        reached(CrashPoint.REQUEST_DURABLE)
        await self.wake([record.execution_id])
        return result

    async def wake(self, execution_ids: Sequence[str]) -> None:
        """Tell the owners, each once; what nobody owns goes to the first orchestrator."""
        try:
            owners = {owner.id: owner for owner in await asyncio.to_thread(self.reader.owners)}
            by_actor: dict[str, list[str]] = {}
            for execution_id in execution_ids:
                execution = await asyncio.to_thread(self.reader.execution_by_id, execution_id)
                owner = owners.get(execution.owner_id or "") if execution is not None else None
                name = owner.actor_name if owner is not None else names.orchestrator_name(self._config.build, 0)
                if name is not None:
                    by_actor.setdefault(name, []).append(execution_id)
            for name, ids in by_actor.items():
                (await self._find(name)).wake.remote(ids)
        except (FlowrayError, RayError) as error:
            logger.info("flowray: the owners of %d executions were not woken: %s", len(execution_ids), error)

    # -- reading --------------------------------------------------------------------------------------------------

    def follow(self, execution_id: str, after: int = 0) -> AsyncIterator[list[RecordedEvent]]:
        """Events as they are committed, pushed by the token stream, completed from the log."""
        return self._fanout.follow(self.reader.events, execution_id, after)

    def watch(self) -> FanoutWatch:
        """A word when any of several executions may have gone on."""
        return self._fanout.watch()

    async def load_payload(self, payload_id: str) -> bytes:
        """The JSON text of a stored value."""
        return await asyncio.to_thread(self._payloads.get, payload_id)

    async def keep_payload(self, execution_id: str, data: bytes) -> str:
        """Keep a large value for an execution."""
        return await asyncio.to_thread(self._payloads.put, execution_id, "start", data)

    async def payload_bytes(self, execution_id: str) -> int:
        """What large values of an execution take outside of the database."""
        return await asyncio.to_thread(file_bytes, self._payloads, execution_id)

    async def info(self) -> dict[str, Any]:
        """Facts for GET /info, with the actors that answer now."""
        return {"runtime": "ray", "ray_namespace": self._config.namespace, "build": self._config.build, **self._facts}

    async def _relay_forever(self, name: str, supervises: bool) -> None:
        while True:
            try:
                actor = await self._find(name)
                if supervises:
                    # Ray restarts a hub that died, but only we can tell it to supervise again. A repeat is harmless.
                    actor.start.remote()
                async for reference in actor.subscribe.remote(self._subscriber):
                    for execution_id, first_seq, events in await reference:
                        self._fanout.publish(execution_id, first_seq, events)
                continue  # Its share is over, and whoever follows it is to miss as little as may be.
            except (RayError, FlowrayError) as error:
                # Readers go on from the log meanwhile, once a second (R33).
                logger.info("flowray: the token stream of %s is away: %s", name, error)
                self._handles.pop(name, None)
            except Exception:
                logger.exception("flowray: the token stream's relay failed and starts again")
            await asyncio.sleep(RETRY_EVERY_S)

    # -- calling actors -------------------------------------------------------------------------------------------

    async def _call(self, name: str, method: str, *arguments: Any) -> Any:
        """Call an actor, again while it restarts: every call made here may be repeated. Raises RUNTIME_UNAVAILABLE."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + CALL_TIMEOUT_S
        while True:
            try:
                actor = await self._find(name)
                reference = getattr(actor, method).remote(*arguments)
                return await asyncio.wait_for(asyncio.wrap_future(reference.future()), deadline - loop.time())
            except (RayActorError, GetTimeoutError, FlowrayError) as error:
                if isinstance(error, FlowrayError) and error.code is not ErrorCode.RUNTIME_UNAVAILABLE:
                    raise
                self._handles.pop(name, None)
                if loop.time() + RETRY_EVERY_S > deadline:
                    raise self._away(name) from error
                await asyncio.sleep(RETRY_EVERY_S)
            except TimeoutError as error:
                raise self._away(name) from error

    async def _find(self, name: str) -> ActorHandle[Any]:
        handle = self._handles.get(name)
        if handle is None:
            try:
                handle = await asyncio.to_thread(ray.get_actor, name, namespace=self._config.namespace)
            except ValueError as error:
                raise self._away(name) from error
            self._handles[name] = handle
        return handle

    @staticmethod
    def _away(name: str) -> FlowrayError:
        return FlowrayError(
            ErrorCode.RUNTIME_UNAVAILABLE, f"The actor {name} does not answer", retryable=True,
            hint="It is restarted by itself; try again in a few seconds.",
        )  # fmt: skip
