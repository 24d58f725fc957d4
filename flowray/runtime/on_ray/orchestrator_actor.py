"""The actor that an orchestrator lives in. With SQLite, number 0 is also the one process that writes (R26, R48)."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import ray
from ray.actor import ActorHandle

from flowray.engine import events as ev
from flowray.errors import FlowrayError
from flowray.handlers.at_once import AtOnce
from flowray.handlers.handler import system_now_ms
from flowray.handlers.registry import NodeRegistry
from flowray.handlers.services import Services
from flowray.persistence.journal import ThreadJournal
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.stores import Journal, Reader, Storage
from flowray.persistence.writes import AnyResult, Inserted, decode_writes, encode_results
from flowray.runtime.callbacks import CallbackSender
from flowray.runtime.dispatch_lease import DispatchLease, StaleGuard, host_id, monotonic_ms
from flowray.runtime.lane import Lane
from flowray.runtime.near_calls import NearCalls
from flowray.runtime.on_ray import names
from flowray.runtime.on_ray.actor_class import actor_class
from flowray.runtime.on_ray.config import RuntimeConfig
from flowray.runtime.on_ray.executor import RayExecutor
from flowray.runtime.on_ray.farewells import Farewells
from flowray.runtime.on_ray.hosted_stream import STREAM_GROUP, HostedStream
from flowray.runtime.on_ray.metrics import metrics
from flowray.runtime.on_ray.publisher import HubStream, OwnStream, Publisher
from flowray.runtime.on_ray.remote_journal import RemoteJournal
from flowray.runtime.on_ray.services import stored_epoch, task_services
from flowray.runtime.on_ray.shown_executions import ShownExecutions
from flowray.runtime.on_ray.task_broker import task_broker
from flowray.runtime.orchestrator import Orchestrator
from flowray.runtime.ownership import OwnerIdentity
from flowray.runtime.performers import InProcess
from flowray.runtime.settled_process import settle

logger = logging.getLogger(__name__)

SHOWN_EXECUTIONS = 200
"""How many executions at a time are shown as tasks of their own in the dashboard; showing one costs about 1 ms."""

SHOW_AFTER_S = 1.0
"""When those are that have not ended by then: a batch of them is sooner done than shown, and nobody could look."""


LOOK_S = 5.0
QUIET_LOOKS = 6
"""So many looks in a row must find no suspect before the quarantine ends."""


def _leave_to_ray() -> None:
    """The lease is lost: nothing may be driven here any more. Ray starts the actor anew, as a new owner."""
    logger.error("flowray: this process ends, since its lease has")
    os._exit(1)


@actor_class(
    num_cpus=0,
    max_restarts=-1,
    max_task_retries=0,
    max_concurrency=1_000,
    concurrency_groups={"executions": 10_000, "journal": 1_000, **STREAM_GROUP},
)
class OrchestratorActor(HostedStream):
    """Drives executions. ``execution_id`` makes it the dedicated orchestrator of that one, owned under ``owner_id``;
    ``quarantine`` that of executions that may have killed their owners.
    """

    def __init__(
        self,
        name: str,
        config: RuntimeConfig,
        owner_id: str | None = None,
        execution_id: str | None = None,
        quarantine: bool = False,
    ) -> None:
        super().__init__()
        self._name = name
        self._config = config
        self._execution_id = execution_id
        self._hub: ActorHandle[Any] | None = None
        self._shown = ShownExecutions(SHOWN_EXECUTIONS)
        storage = config.storage_factory()
        self._journal: Journal = self._open_journal(storage.committer)
        # Replicas listen to the pool; who comes and goes is heard through the hub.
        in_pool = execution_id is None and not quarantine
        self._publisher: Publisher = OwnStream(self._stream) if in_pool else HubStream(self._find_hub)
        context = ray.get_runtime_context()
        self._me: ActorHandle[Any] = context.current_actor
        identity = OwnerIdentity(
            id=owner_id or f"{name}-{uuid.uuid4().hex[:12]}",
            kind="dedicated" if execution_id else "orchestrator",
            generation=config.build,
            actor_name=name,
            actor_id=context.get_actor_id(),
            log_location=f"worker-{context.get_worker_id()}",
        )
        registry, make_services, _ = task_services(config)
        services = make_services()
        self._orchestrator = Orchestrator(
            identity, self._journal, storage.reader, self._committed, system_now_ms, monotonic_ms,
            only=execution_id, on_lost=_leave_to_ray, on_rest=self._ended, node_types=registry.node_types,
            child_limits=config.child_limits, poke=self._poke, max_failed_recoveries=config.max_failed_recoveries,
            quarantine=None if quarantine else self._call_quarantine, suspects_only=quarantine,
        )  # fmt: skip
        self._near = self._near_calls(identity.id, registry, services)
        self._executor = RayExecutor(
            owner_id=identity.id,
            driver=self._orchestrator.driver,
            at_once=AtOnce(registry, services),
            near=self._near,
            lanes=self._lanes,
            services_factory=partial(task_services, config),
            metrics=metrics(),
            now_ms=system_now_ms,
            prune=self._prune,
            lane_override=config.lane_override,
            lease=self._dispatch_lease,
            epoch_of=partial(stored_epoch, config),
            broker=partial(task_broker, config),
        )
        self._callbacks = self._callback_sender(storage.reader, quarantine)
        self._farewells = Farewells(self._find_hub)
        self._run(storage, quarantine)

    def _run(self, storage: Storage, quarantine: bool) -> None:
        self._farewells.start()
        self._publisher.start()
        self._executor.start()
        self._orchestrator.run(self._executor, self._executor)
        if quarantine:
            threading.Thread(target=self._leave_when_idle, args=[storage.reader], daemon=True).start()
        self._deafen = storage.listen(self._orchestrator.hear) if storage.listen is not None else None
        settle()

    def __repr__(self) -> str:
        return "DedicatedOrchestrator" if self._execution_id else "Orchestrator"

    def _open_journal(self, committer: Any) -> Journal:
        first = names.orchestrator_name(self._config.build, 0)
        if self._config.one_writer and self._name != first:
            return RemoteJournal(ray.get_actor(first, namespace=self._config.namespace))
        return ThreadJournal(committer)

    def _near_calls(self, owner_id: str, registry: NodeRegistry, services: Services) -> NearCalls:
        guard = StaleGuard(partial(stored_epoch, self._config))
        lane = Lane(InProcess(registry, services, system_now_ms), system_now_ms, guard=guard, flush_s=0)
        return NearCalls(
            owner_id, lane, self._orchestrator.driver.post_many, self._dispatch_lease,
            may=lambda type_name: registry.handler_for(type_name).node_type.near,
        )  # fmt: skip

    def _callback_sender(self, reader: Reader, quarantine: bool) -> CallbackSender | None:
        """Orchestrators of the pool deliver callbacks, whoever has driven the executions."""
        if self._config.callbacks is None or self._execution_id is not None or quarantine:
            return None
        sender = CallbackSender(self._config.callbacks, self._journal, reader, system_now_ms)
        sender.start()
        return sender

    # -- executions -----------------------------------------------------------------------------------------------

    async def start(self, records: Sequence[ExecutionRecord], plan: bytes) -> list[AnyResult]:
        """Commit new executions and set them going; returns once they are durable."""
        if self._callbacks is not None:
            self._callbacks.expect(records)
        shown = set(self._shown.admit(record.id for record in records))
        begun: list[ExecutionRecord] = []
        try:
            results = await asyncio.to_thread(self._orchestrator.insert_and_start, records, plan)
            pairs = zip(records, results, strict=True)
            begun = [row for row, result in pairs if isinstance(result, Inserted) and not result.elsewhere]
        finally:
            for execution_id in shown.difference(row.id for row in begun):
                self._shown.forget(execution_id)
        names_of = {row.id: row.workflow_name or "inline" for row in begun if row.id in shown}
        asyncio.get_running_loop().call_later(SHOW_AFTER_S, self._show, names_of)
        return results

    async def wake(self, execution_ids: Sequence[str]) -> None:
        """Look into the inboxes of these executions, or claim them."""
        await asyncio.to_thread(self._orchestrator.wake, execution_ids)

    @ray.method(concurrency_group="executions")
    async def execution(self, execution_id: str) -> str:
        """Lasts as long as the execution does: this is how it appears, by its workflow's name, in the dashboard."""
        await self._shown.wait(execution_id)
        return execution_id

    def _show(self, names_of: Mapping[str, str]) -> None:
        for execution_id in self._shown.lasting(names_of):
            self._me.execution.options(name=f"execution:{names_of[execution_id]}").remote(execution_id)

    def _committed(self, execution_id: str, first_seq: int, events: Sequence[ev.AnyEvent]) -> None:
        """Called on the driver's thread for each durable commit."""
        self._publisher.publish(execution_id, first_seq, events)
        if self._callbacks is not None:
            self._callbacks.heard(execution_id, events)
        counted = metrics()
        for event in events:
            if isinstance(event, ev.NodeCompleted):
                counted.node_ended((event.ts - event.started_at) / 1000)
                if event.usage is not None:
                    counted.tokens(event.usage.input_tokens, event.usage.output_tokens)
        kind = ev.event_type(events[-1])
        if kind in ev.TERMINAL_EVENTS:
            counted.execution_ended(kind.partition(".")[2])
            self._ended(execution_id)

    def _poke(self, actor_name: str, execution_ids: Sequence[str]) -> None:
        """Best effort: an owner that does not hear of a row in an inbox finds it with its next sweep (R25)."""
        try:
            ray.get_actor(actor_name, namespace=self._config.namespace).wake.remote(list(execution_ids))
        except ValueError:
            logger.info("flowray: %s is gone; whoever takes its executions over reads their inboxes", actor_name)

    def _dispatch_lease(self) -> DispatchLease:
        return DispatchLease(host_id(), self._orchestrator.lease.valid_until)

    def _call_quarantine(self) -> None:
        """Best effort: the next sweep calls again."""
        hub = self._find_hub()
        if hub is not None:
            hub.spawn_quarantine.remote()

    def _leave_when_idle(self, reader: Reader) -> None:
        """The quarantine ends when nothing has been suspected for a while; whoever needs it calls it again."""
        quiet = 0
        while quiet < QUIET_LOOKS:
            time.sleep(LOOK_S)
            try:
                idle = not self._orchestrator.driver.owned() and not reader.claimable(suspects=True)
            except FlowrayError:
                idle = False
            quiet = quiet + 1 if idle else 0
        self._me.leave.remote()

    def _prune(self, payload_ids: Sequence[str]) -> None:
        """Best effort: what the context store keeps too long goes by its size, or with its execution."""
        hub = self._find_hub()
        if hub is not None:
            hub.store_prune.remote(payload_ids)

    def _ended(self, execution_id: str) -> None:
        metrics().active(self._orchestrator.driver.owned_count())
        self._farewells.ended(execution_id)
        self._shown.ended(execution_id)
        if execution_id == self._execution_id:
            # The last reply must leave first; an actor that ends within a second of a reply loses it.
            self._me.leave.remote()

    # -- the journal ----------------------------------------------------------------------------------------------

    @ray.method(concurrency_group="journal")
    async def commit(self, data: bytes) -> bytes:
        """Apply other processes' writes (R26); returns once they are durable."""
        results = await asyncio.to_thread(self._journal.commit, decode_writes(data))
        return encode_results(results)

    # -- life -----------------------------------------------------------------------------------------------------

    async def facts(self) -> dict[str, Any]:
        """``{name, pid, owner_id, executions, near_calls}``; also the readiness check."""
        return {
            "name": self._name,
            "pid": os.getpid(),
            "owner_id": self._orchestrator.identity.id,
            "executions": self._orchestrator.driver.owned_count(),
            "near_calls": self._near.taken,
        }

    async def retire(self) -> None:
        """Hand over: stop driving, end the lease. The executions are claimed by others."""
        if self._callbacks is not None:
            await asyncio.to_thread(self._callbacks.stop)
        if self._deafen is not None:
            await asyncio.to_thread(self._deafen)
        await asyncio.to_thread(self._executor.drain)
        await asyncio.to_thread(self._orchestrator.stop)
        self._executor.stop_all()
        await asyncio.to_thread(self._publisher.stop)
        await asyncio.to_thread(self._farewells.stop)
        await asyncio.to_thread(self._journal.close)
        metrics().tell()

    async def leave(self) -> None:
        """End a dedicated orchestrator after its execution, or the quarantine after the last suspect.

        By a kill, for good: an actor that exits by itself first waits for the calls that it has made, and the lanes'
        reports never end.
        """
        await asyncio.sleep(5)
        await self.retire()
        await asyncio.to_thread(ray.kill, self._me)

    def _find_hub(self) -> ActorHandle[Any] | None:
        if self._hub is None:
            try:
                self._hub = ray.get_actor(names.hub_name(self._config.build), namespace=self._config.namespace)
            except ValueError:
                return None
        return self._hub

    def _lanes(self) -> Sequence[ActorHandle[Any]]:
        found = []
        for number in range(self._config.lanes):
            try:
                found.append(
                    ray.get_actor(names.lane_name(self._config.build, number), namespace=self._config.namespace)
                )
            except ValueError:
                continue
        return found
