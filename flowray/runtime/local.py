"""The in-process runtime: engine, driver, lanes and journal without Ray. For tests, notebooks, ``flowray run``."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

from flowray.definition.policies import Lane as LaneName
from flowray.engine import events as ev
from flowray.engine import stimuli as st
from flowray.errors import FlowrayError
from flowray.eventlog.log import RecordedEvent
from flowray.handlers.at_once import AtOnce
from flowray.handlers.handler import system_now_ms
from flowray.handlers.node_task import NodeTask
from flowray.handlers.registry import NodeRegistry
from flowray.handlers.services import Payloads, Services
from flowray.persistence.journal import ThreadJournal
from flowray.persistence.payloads.store import OwnedFiles, PayloadStore, file_bytes
from flowray.persistence.records import ExecutionRecord, InboxRecord
from flowray.persistence.stores import Committer, Reader
from flowray.persistence.writes import AnyResult, AnyWrite, InsertInbox
from flowray.runtime.callbacks import CallbackOptions, CallbackSender
from flowray.runtime.child_starts import ChildLimits
from flowray.runtime.connections import Opener, no_opener, with_connections
from flowray.runtime.fanout import Fanout, FanoutWatch
from flowray.runtime.knowledge import StoredKnowledge
from flowray.runtime.lane import Lane, Report
from flowray.runtime.loop_lane import LoopLane
from flowray.runtime.orchestrator import Orchestrator
from flowray.runtime.ownership import OwnerIdentity
from flowray.runtime.payload_cache import CachedPayloads, NoShard
from flowray.runtime.performers import InProcess
from flowray.runtime.retention import NO_RETENTION, RetentionPolicy, RetentionThread
from flowray.runtime.workflow_memory import StoredWorkflowMemory

logger = logging.getLogger(__name__)


class LocalExecutor:
    """Runs every attempt, whatever its lane, on one event loop in a thread."""

    def __init__(self, lane: LoopLane, cache: CachedPayloads, at_once: AtOnce) -> None:
        self._lane = lane
        self._cache = cache
        self._at_once = at_once

    def run(self, tasks: Sequence[NodeTask]) -> None:
        """Dispatch attempts."""
        self._lane.run(tasks)

    def compute(self, task: NodeTask) -> Sequence[st.AnyStimulus] | None:
        """What has its place in the orchestrator needs no lane."""
        return self._at_once.run(task) if task.sentinel or task.lane == LaneName.INLINE.value else None

    def stop(self, execution_id: str, instance: str, attempt: int, incarnation: int = 0) -> None:
        """Stop one attempt."""
        self._lane.stop(execution_id, instance, attempt, incarnation)

    def obstacle(self, task: NodeTask) -> str:
        """All attempts share one event loop."""
        return "the event loop of this process is busy"

    def prune(self, payload_ids: Sequence[str]) -> None:
        """Forget values that nobody reads any more."""
        self._lane.soon(self._cache.forget, payload_ids)

    def drop(self, execution_id: str) -> None:
        """Stop what of an execution still runs."""
        self._lane.drop(execution_id)


class LocalRuntime:
    """An ExecutionDirectory in one process. ``start_threads`` before use, ``close`` after."""

    def __init__(
        self,
        committer: Committer,
        reader: Reader,
        payloads: PayloadStore,
        registry: NodeRegistry,
        services_factory: Callable[[Payloads], Services],
        facts: dict[str, Any] | None = None,
        child_limits: ChildLimits | None = None,
        callbacks: CallbackOptions | None = None,
        retention: RetentionPolicy | None = None,
        workspaces: OwnedFiles | None = None,
        opener: Callable[[], Opener] = no_opener,
    ) -> None:
        self.reader = reader
        self._payloads = payloads
        self._facts = facts or {}
        self._registry = registry
        self._child_limits = child_limits
        self._fanout = Fanout()
        self._journal = ThreadJournal(committer)
        self._callbacks = None if callbacks is None else CallbackSender(callbacks, self._journal, reader, system_now_ms)
        self._retention = RetentionThread(self._journal, reader, payloads, retention or NO_RETENTION, workspaces)
        self._changing = threading.Lock()
        self._stopped = False
        self._orchestrator = self._new_orchestrator()
        self._cache = CachedPayloads(payloads, NoShard())
        services = replace(
            services_factory(self._cache), memory=StoredWorkflowMemory(reader.memory),
            knowledge=StoredKnowledge(reader.knowledge, self._journal.commit),
        )  # fmt: skip
        services = with_connections(services, reader, self._journal.commit, opener)
        self._at_once = AtOnce(registry, services)
        self._lane = LoopLane(
            "local", Lane(InProcess(registry, services, system_now_ms), system_now_ms), self._deliver, "flowray-lane"
        )

    def _new_orchestrator(self) -> Orchestrator:
        return Orchestrator(
            OwnerIdentity(id=f"local-{uuid.uuid4().hex[:12]}", kind="local", generation="local"),
            self._journal, self.reader, self._publish, system_now_ms, _monotonic_ms, on_lost=self._begin_anew,
            node_types=self._registry.node_types, child_limits=self._child_limits,
        )  # fmt: skip

    def start_threads(self) -> None:
        """Begin to drive executions."""
        self._lane.start()
        if self._callbacks is not None:
            self._callbacks.start()
        self._orchestrator.run(LocalExecutor(self._lane, self._cache, self._at_once))
        self._retention.start()

    def _begin_anew(self) -> None:
        """The lease ran out: the machine slept, or the database was away. Take up again as a new owner."""
        with self._changing:
            if self._stopped:
                return
            for execution_id in self._orchestrator.driver.owned():
                self._lane.drop(execution_id)
            self._orchestrator = self._new_orchestrator()
            self._orchestrator.run(LocalExecutor(self._lane, self._cache, self._at_once))

    def _deliver(self, report: Report) -> None:
        self._orchestrator.driver.post_many(report)

    def _publish(self, execution_id: str, first_seq: int, events: Sequence[ev.AnyEvent]) -> None:
        self._fanout.publish(execution_id, first_seq, ev.encode_events(events))
        if self._callbacks is not None:
            self._callbacks.heard(execution_id, events)

    # -- ExecutionDirectory ---------------------------------------------------------------------------------------

    async def write(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        """Commit writes that need no owner."""
        return await asyncio.to_thread(self._journal.commit, writes)

    async def start(self, records: Sequence[ExecutionRecord], plan: bytes) -> list[AnyResult]:
        """Insert executions of one plan and set them going."""
        if self._callbacks is not None:
            self._callbacks.expect(records)
        return await asyncio.to_thread(self._orchestrator.insert_and_start, records, plan)

    async def request(self, record: InboxRecord) -> AnyResult:
        """Put a request into the inbox, then wake the owner; a lost wake-up is made up for by the owner's sweep."""
        (result,) = await self.write([InsertInbox(record=record)])
        await self.wake([record.execution_id])
        return result

    async def wake(self, execution_ids: Sequence[str]) -> None:
        """Look into these inboxes."""
        try:
            await asyncio.to_thread(self._orchestrator.wake, execution_ids)
        except FlowrayError as error:
            logger.info("flowray: the owners of %d executions were not woken: %s", len(execution_ids), error)

    def follow(self, execution_id: str, after: int = 0) -> AsyncIterator[list[RecordedEvent]]:
        """Events as they are committed."""
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
        """Facts for GET /info."""
        return {"runtime": "in-process", **self._facts}

    async def close(self) -> None:
        """Stop driving; executions that have not ended stay in the store."""
        await asyncio.to_thread(self.stop)

    def stop(self) -> None:
        """As ``close``, for callers without an event loop."""
        with self._changing:
            self._stopped = True
        self._retention.stop()
        if self._callbacks is not None:
            self._callbacks.stop()
        self._orchestrator.stop()
        self._lane.close()
        self._journal.close()


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000
