"""A runtime in this process behind blocking calls, for scripts and notebooks. Its event loop has its own thread."""

from __future__ import annotations

import asyncio
import atexit
import queue
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from flowray.api.views.rows import ValueResolver, attempt_view, execution_view
from flowray.bootstrap import build_registry, local_runtime
from flowray.compiler.documents import CompiledWorkflow
from flowray.definition.inputs import prepare_inputs
from flowray.engine.start_planning import StartRequest
from flowray.engine.statuses import ExecutionStatus
from flowray.errors import ErrorCode, FlowrayError
from flowray.eventlog.log import RecordedEvent
from flowray.eventlog.sse import public_event
from flowray.handlers.handler import NodeHandler
from flowray.persistence.records import ExecutionRecord, InboxRecord
from flowray.persistence.writes import Refused
from flowray.plan import plan_hash, plan_to_json
from flowray.runtime.identifiers import new_id
from flowray.runtime.start_points import prepare_start
from flowray.settings import Settings, load_settings

NO_BUDGET = 1 << 62
"""Python shows outputs whole, however large."""

LOG_PAGE = 500

T = TypeVar("T")


class LocalSession:
    """Runs executions in this process, on the engine and handlers of a server; forgets them when it is closed.

    All methods block and may be called from any thread, also inside a running event loop (a notebook has one).
    """

    def __init__(self, settings: Settings | None = None) -> None:
        chosen = settings or load_settings()
        self._registry = build_registry(chosen)
        self.node_types = self._registry.node_types()
        self._runtime = local_runtime(chosen, registry=self._registry)
        self._runtime.start_threads()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="flowray-session", daemon=True)
        self._thread.start()

    def __enter__(self) -> LocalSession:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def register(self, nodes: Iterable[NodeHandler]) -> None:
        """Add node types of one's own, such as functions with ``@flowray.node``; they come before those of their names.

        Raises CONFIGURATION for what is no node type.
        """
        for node in nodes:
            if not isinstance(node, NodeHandler) or self._registry.handler_for(node.node_type.name) is not node:
                self._registry.register(node)
        self.node_types = self._registry.node_types()

    def start(
        self,
        compiled: CompiledWorkflow,
        inputs: Mapping[str, Any],
        part: StartRequest | None = None,
        source_id: str | None = None,
    ) -> str:
        """Start an execution; returns its id. Raises InputError before anything has started.

        ``part``: run only that. ``source_id`` is an ended execution of this session, whose inputs hold where ``inputs``
        say nothing, and whose outcomes ``part`` may take over. Raises INVALID_START_POINT, EXECUTION_NOT_ENDED.
        """
        now = int(time.time() * 1_000)
        source = self._record(source_id) if source_id is not None else None
        if source is not None:
            inputs = {**source.inputs, **inputs}
        record = ExecutionRecord(
            id=new_id(),
            status=ExecutionStatus.QUEUED.value,
            plan_hash=plan_hash(compiled.plan),
            workflow_name=compiled.name,
            inputs=prepare_inputs(compiled.contract, inputs),
            trigger=compiled.plan.trigger,
            rerun_of=source_id,
            created_at=now,
            updated_at=now,
        )
        if part is not None or source is not None:
            asked = part or StartRequest()
            if source is not None:
                asked = msgspec.structs.replace(asked, fresh_inputs=record.inputs != source.inputs)
            record = self._call(prepare_start(self._runtime, compiled.plan, asked, record, source))
        (result,) = self._call(self._runtime.start([record], plan_to_json(compiled.plan)))
        if isinstance(result, Refused):
            raise FlowrayError(ErrorCode(result.code), result.detail or "the execution was refused")
        return record.id

    def events(self, execution_id: str, after: int = 0) -> Iterator[list[dict[str, Any]]]:
        """Batches of public events as they happen, until the execution ends; an empty one after a second of silence."""
        arrived: queue.SimpleQueue[list[RecordedEvent] | BaseException | None] = queue.SimpleQueue()
        following = _pump(self._runtime.follow(execution_id, after), arrived)
        pump = asyncio.run_coroutine_threadsafe(following, self._loop)
        try:
            while (batch := arrived.get()) is not None:
                if isinstance(batch, BaseException):
                    raise batch
                yield [public_event(event, execution_id) for event in batch]
        finally:
            pump.cancel()

    def execution(self, execution_id: str) -> dict[str, Any]:
        """The execution in the shape of ``GET /v1/executions/{id}``, outputs whole. Raises NOT_FOUND."""
        record = self._record(execution_id)
        resolver = ValueResolver(record.payload_owner, self._runtime.load_payload, NO_BUDGET)
        return execution_view(record, self._call(resolver.resolve(record.outputs)))

    def node_logs(self, execution_id: str) -> list[dict[str, Any]]:
        """One row per attempt, in order of start, in the shape of ``GET /v1/executions/{id}/nodes``."""
        record = self._runtime.reader.execution(execution_id)
        owner = record.payload_owner if record is not None else execution_id
        resolver = ValueResolver(owner, self._runtime.load_payload, NO_BUDGET)
        rows: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = self._runtime.reader.node_logs(execution_id, limit=LOG_PAGE, cursor=cursor)
            rows += [attempt_view(log, self._call(resolver.resolve(log.output))) for log in page.data]
            cursor = page.next_cursor
            if cursor is None:
                return rows

    def cancel(self, execution_id: str, reason: str) -> None:
        """Ask for the end of an execution. One that has ended stays as it is."""
        request = InboxRecord(
            id=new_id(), execution_id=execution_id, kind="cancel", data={"reason": reason}, dedupe_key="cancel"
        )
        self._call(self._runtime.request(request))

    def close(self) -> None:
        """Stop everything that still runs. A second call does nothing."""
        if self._loop.is_closed():
            return
        # Not the awaitable close(): at exit, asyncio can no longer start threads.
        self._runtime.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _record(self, execution_id: str) -> ExecutionRecord:
        record = self._runtime.reader.execution(execution_id)
        if record is None:
            raise FlowrayError(ErrorCode.NOT_FOUND, f"this session knows no execution {execution_id!r}")
        return record

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


async def _pump(
    events: AsyncIterator[list[RecordedEvent]], arrived: queue.SimpleQueue[list[RecordedEvent] | BaseException | None]
) -> None:
    try:
        async for batch in events:
            arrived.put(batch)
    except Exception as error:
        # Raised again by whoever reads the queue.
        arrived.put(error)
    else:
        arrived.put(None)


@lru_cache(maxsize=1)
def default_session() -> LocalSession:
    """The session of this process, opened at first use with the settings of the environment, closed at exit."""
    session = LocalSession()
    atexit.register(session.close)
    return session
