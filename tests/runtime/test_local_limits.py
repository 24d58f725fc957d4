"""Named limits and callbacks in the in-process runtime: real threads, real nodes, faked HTTP. No Ray."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from flowray.handlers.providers.aiohttp_transport import AiohttpTransport
from flowray.handlers.registry import default_registry
from flowray.handlers.services import HttpRequest, HttpResponse
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.writes.limits import SaveLimit
from flowray.plan import ExecutionPlan, plan_hash, plan_to_json
from flowray.runtime.callbacks import CallbackOptions
from flowray.runtime.local import LocalRuntime
from tests.fakes.loopback import loopback_server
from tests.fakes.receiver import Receiver
from tests.fakes.services import fake_services
from tests.runtime.test_callbacks import eventually
from tests.runtime.test_local import bench
from tests.runtime.workflows import compiled

OUT = {"type": "output", "config": {"outputName": "out", "value": 1}}


class CountingHttp:
    """A transport whose calls last until others have had the chance to begin; remembers how many were under way."""

    def __init__(self) -> None:
        self.under_way = 0
        self.most = 0
        self.calls = 0

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.calls += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            for _ in range(50):
                await asyncio.sleep(0)
        finally:
            self.under_way -= 1
        return HttpResponse(200, "OK", {}, b"{}", request.url, 1)


def fan(width: int, **node: Any) -> ExecutionPlan:
    call = {"type": "http", "config": {"url": "http://x"}, **node}
    nodes = {"in": {"type": "input"}, **{f"n{number}": call for number in range(width)}}
    return compiled(nodes, *(f"in -> n{number}" for number in range(width)))


async def test_no_more_than_two_calls_at_a_time_over_executions() -> None:
    store, http = MemoryStore(), CountingHttp()
    store.commit([SaveLimit(name="api", concurrency=2)])
    async with bench(store=store, http=http) as started:
        ids = await started.start(fan(5, limits=["api"]), *(f"e{number}" for number in range(4)))
        for its_id in ids:
            await started.events(its_id)
        assert {started.row(its_id).status for its_id in ids} == {"completed"}
        assert (http.calls, http.most) == (20, 2)
        await asyncio.to_thread(eventually, lambda: not store.limits.uses("api"))


@asynccontextmanager
async def telling(store: MemoryStore) -> AsyncIterator[LocalRuntime]:
    """A runtime that delivers callbacks."""
    options = CallbackOptions(lambda: AiohttpTransport(allow_private=True), lambda: "secret")
    runtime = LocalRuntime(
        store, store, store.payloads, default_registry(plugins=False),
        lambda payloads: fake_services(payloads=payloads), callbacks=options,
    )  # fmt: skip
    runtime.start_threads()
    try:
        yield runtime
    finally:
        await runtime.close()


async def told(plan: ExecutionPlan, event: str) -> Any:
    """What the starter of an execution is told first."""
    store, receiver = MemoryStore(), Receiver()
    with loopback_server(receiver.app) as url:
        async with telling(store) as runtime:
            callback = {"url": f"{url}/hook", "events": [event]}
            record = ExecutionRecord(id="e1", status="queued", plan_hash=plan_hash(plan), callback=callback)
            await runtime.start([record], plan_to_json(plan))
            await asyncio.to_thread(eventually, lambda: bool(receiver.received))
    return receiver.received[0].json


async def test_an_end_is_told_at_once() -> None:
    said = await told(compiled({"in": {"type": "input"}, "out": OUT}, "in -> out"), "completed")
    assert (said["execution_id"], said["status"], said["outputs"]) == ("e1", "completed", {"out": 1})


async def test_a_pause_is_told_with_what_is_waited_for() -> None:
    ask = {"type": "pause", "config": {"prompt": "Go?"}}
    said = await told(compiled({"in": {"type": "input"}, "ask": ask, "out": OUT}, "in -> ask", "ask -> out"), "paused")
    assert (said["type"], said["outputs"]) == ("execution.paused", None)
    assert [(entry["node_id"], entry["prompt"]) for entry in said["waiting_for"]] == [("ask", "Go?")]


async def test_a_failure_is_told_with_its_error() -> None:
    plan = compiled({"in": {"type": "input"}, "bad": {"type": "http", "config": {"url": "http://x"}}}, "in -> bad")
    said = await told(plan, "failed")
    assert (said["status"], said["error"]["node_id"]) == ("failed", "bad")
