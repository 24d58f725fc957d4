"""The in-process runtime, end to end: real node types, a real journal, faked outer world. No Ray, no sockets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from flowray.engine.events import TERMINAL_EVENTS
from flowray.errors import ErrorCode, FlowrayError
from flowray.eventlog.log import RecordedEvent
from flowray.handlers.registry import NodeRegistry, default_registry
from flowray.handlers.services import ChatChunk, ChatRequest, HttpRequest, HttpResponse, Payloads, Services
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.records import ExecutionRecord, InboxRecord
from flowray.persistence.writes import Inserted
from flowray.plan import ExecutionPlan, plan_hash, plan_to_json
from flowray.runtime.child_starts import ChildLimits
from flowray.runtime.identifiers import new_id
from flowray.runtime.local import LocalRuntime
from flowray.values import INLINE_LIMIT_BYTES, StoredValue, as_value, decode_json, encode_json
from tests.fakes.services import ScriptedChat, ScriptedHttp, fake_services
from tests.runtime.workflows import compiled

TIMEOUT_S = 60


def answering(*answers: tuple[int, Any]) -> ScriptedHttp:
    """One answer per request, the last repeated."""
    left = list(answers)

    def answer(request: HttpRequest) -> HttpResponse:
        status, body = left.pop(0) if len(left) > 1 else left[0]
        headers = {"content-type": "application/json"}
        return HttpResponse(status, "Reason", headers, encode_json(body), request.url, 1)

    return ScriptedHttp(answer)


class Bench:
    """A started runtime and its store."""

    def __init__(self, store: MemoryStore, runtime: LocalRuntime) -> None:
        self.store = store
        self.runtime = runtime

    async def start(self, plan: ExecutionPlan, *execution_ids: str, **inputs: Any) -> list[str]:
        ids = list(execution_ids) or [new_id()]
        records = [
            ExecutionRecord(id=its_id, status="queued", plan_hash=plan_hash(plan), inputs=inputs) for its_id in ids
        ]
        results = await self.runtime.start(records, plan_to_json(plan))
        assert results == [Inserted(id=its_id, status="queued") for its_id in ids]
        return ids

    async def run(self, plan: ExecutionPlan, **inputs: Any) -> ExecutionRecord:
        (execution_id,) = await self.start(plan, **inputs)
        await self.events(execution_id)
        return self.row(execution_id)

    async def events(self, execution_id: str, until: str = "") -> list[RecordedEvent]:
        """Everything up to the end, or to the first event of type ``until``."""
        seen: list[RecordedEvent] = []
        stream: Any = self.runtime.follow(execution_id)
        async with asyncio.timeout(TIMEOUT_S):
            async for batch in stream:
                seen += batch
                if until and any(event.type == until for event in batch):
                    await stream.aclose()
                    break
        return seen

    async def cancel(self, execution_id: str) -> None:
        await self.runtime.request(InboxRecord(id=new_id(), execution_id=execution_id, kind="cancel", by="ann"))

    async def still_driven(self) -> list[str]:
        """What the driver holds on to, once it has heard of every commit up to now. It drives nothing afterwards.

        Readers of the log may see an end before the driver does: it hears of a commit through its queue.
        """
        await self.runtime.write([])
        driver = self.runtime._orchestrator.driver
        await asyncio.to_thread(driver.stop)
        return driver.owned()

    def row(self, execution_id: str) -> ExecutionRecord:
        found = self.store.execution_by_id(execution_id)
        assert found is not None
        return found

    def statuses(self, execution_id: str) -> dict[str, str]:
        return {log.id: log.status for log in self.store.node_logs(execution_id).data}


@asynccontextmanager
async def bench(
    registry: NodeRegistry | None = None,
    store: MemoryStore | None = None,
    child_limits: ChildLimits | None = None,
    **services: Any,
) -> AsyncIterator[Bench]:
    store = store or MemoryStore()

    def make(payloads: Payloads) -> Services:
        return fake_services(payloads=payloads, **services)

    known = registry or default_registry(plugins=False)
    facts = {"database": "memory"}
    runtime = LocalRuntime(store, store, store.payloads, known, make, facts, child_limits)
    runtime.start_threads()
    try:
        yield Bench(store, runtime)
    finally:
        await runtime.close()


def http(url: str = "http://h/", **more: Any) -> dict[str, Any]:
    return {"type": "http", "config": {"url": url, "method": "GET"}, **more}


def output(value: str, name: str = "result") -> dict[str, Any]:
    return {"type": "output", "config": {"outputName": name, "value": value}}


async def test_an_http_call_and_a_model_make_an_answer() -> None:
    nodes = {
        "in": {"type": "input", "config": {"inputName": "topic", "outputVariable": "subject"}},
        "get": http("http://h/{{subject}}"),
        "ask": {"type": "llm", "config": {"model": "m", "prompt": "About {{get.data.title}}, {{topic}}"}},
        "out": output("{{ask.text}}"),
    }
    chat = ScriptedChat([ChatChunk("Hel"), ChatChunk("lo"), ChatChunk(finish_reason="stop")])
    web = answering((200, {"title": "Rain"}))
    async with bench(http=web, chat=chat) as desk:
        (execution_id,) = await desk.start(compiled(nodes, "in -> get", "get -> ask", "ask -> out"), topic="weather")
        events = await desk.events(execution_id)
        row = desk.row(execution_id)
    assert (row.status, row.outputs, row.owner_id) == ("completed", {"result": "Hello"}, None)
    assert web.sent[0].url == "http://h/weather"
    assert chat.asked[0].messages[-1]["content"] == "About Rain, weather"
    assert [event.seq for event in events] == list(range(1, row.last_seq + 1))
    assert events[-1].type == "execution.completed"
    assert "".join(event.body["text"] for event in events if event.type == "node.token") == "Hello"
    assert desk.statuses(execution_id) == dict.fromkeys(("in#1", "get#1", "ask#1", "out#1"), "completed")
    assert row.progress["percent"] == 100


async def test_the_branch_that_is_not_taken_is_skipped_and_the_join_runs() -> None:
    nodes = {
        "in": {"type": "input", "config": {"inputName": "n", "inputType": "number"}},
        "if": {"type": "conditional", "config": {"conditionType": "expression", "expression": "{{n}} > 5"}},
        "big": {"type": "transform", "config": {"operation": "template", "template": "big"}},
        "small": {"type": "transform", "config": {"operation": "template", "template": "small"}},
        "out": output("{{big}}{{small}}"),
    }
    plan = compiled(nodes, "in -> if", "if true-> big", "if false-> small", "big -> out", "small -> out")
    async with bench() as desk:
        row = await desk.run(plan, n=7)
        statuses = desk.statuses(row.id)
    assert row.status == "completed"
    assert (statuses["big#1"], statuses["small#0"]) == ("completed", "skipped")


async def test_an_error_takes_the_error_edge() -> None:
    nodes = {"get": http(), "ok": output("{{get.data}}"), "sorry": output("{{get.code}}", "error")}
    nodes["get"]["config"]["failOnStatus"] = True
    plan = compiled(nodes, "get -> ok", "get error-> sorry")
    async with bench(http=answering((404, {}))) as desk:
        row = await desk.run(plan)
    assert (row.status, row.outputs) == ("completed", {"error": "HTTP_STATUS"})
    assert [error["node_id"] for error in row.handled_errors] == ["get"]


async def test_failures_are_retried_with_new_keys() -> None:
    """R31."""
    retry = {"maxAttempts": 3, "initialDelayMs": 1}
    nodes = {"get": http(retry=retry), "out": output("{{get.data.ok}}")}
    nodes["get"]["config"]["failOnStatus"] = True
    web = answering((503, {}), (503, {}), (200, {"ok": True}))
    async with bench(http=web) as desk:
        row = await desk.run(compiled(nodes, "get -> out"))
        statuses = desk.statuses(row.id)
    assert (row.status, row.outputs) == ("completed", {"result": True})
    assert (statuses["get#1"], statuses["get#2"], statuses["get#3"]) == ("failed", "failed", "completed")
    keys = [dict(request.headers).get("Idempotency-Key") for request in web.sent]
    assert len(set(keys)) in (1, 3)


async def test_an_unhandled_failure_names_the_node() -> None:
    nodes = {"get": http(), "out": output("x")}
    nodes["get"]["config"]["failOnStatus"] = True
    async with bench(http=answering((500, {"why": "no"}))) as desk:
        row = await desk.run(compiled(nodes, "get -> out"))
    assert row.status == "failed"
    assert row.error is not None
    assert (row.error["node_id"], row.error["code"], row.error["attempt"]) == ("get", "HTTP_STATUS", 1)


async def test_a_wait_holds_nothing_and_goes_on_by_itself() -> None:
    nodes = {"nap": {"type": "wait", "config": {"duration": 30}}, "out": output("awake")}
    async with bench() as desk:
        row = await desk.run(compiled(nodes, "nap -> out"))
        types = [event.type for event in desk.store.events.read(row.id)]
    assert row.outputs == {"result": "awake"}
    assert types.index("node.waiting") < types.index("execution.waiting") < types.index("execution.resumed")


async def test_loops_run_in_order_with_their_authors_names() -> None:
    nodes = {
        "each": {"type": "loop", "config": {"loopType": "forEach", "arrayPath": "cities", "itemVariable": "city"}},
        "shout": {"type": "transform", "config": {"operation": "template", "template": "{{city}}!"}},
        "out": output("{{each}}"),
    }
    plan = compiled(nodes, "each loop-body-> shout", "each loop-exit-> out")
    async with bench() as desk:
        row = await desk.run(plan, cities=["Rome", "Oslo"])
    assert row.status == "completed"
    assert row.outputs == {"result": ["Rome!", "Oslo!"]}


# -- large values --------------------------------------------------------------------------------------------------


async def test_large_values_travel_by_reference_and_come_out_of_the_output_node_by_name() -> None:
    """R8, R36."""
    blob = "x" * (INLINE_LIMIT_BYTES + 1)
    nodes = {"get": http(), "big": output("{{get.data.blob}}", "big"), "small": output("{{get.status}}", "small")}
    async with bench(http=answering((200, {"blob": blob}))) as desk:
        row = await desk.run(compiled(nodes, "get -> big", "big -> small"))
        assert row.status == "completed"
        assert set(row.outputs) == {"big", "small"}
        assert row.outputs["small"] == 200
        stored = as_value(row.outputs["big"])
        assert isinstance(stored, StoredValue)
        assert decode_json(await desk.runtime.load_payload(stored.payload_id)) == blob
        assert row.last_seq > 0
        log = desk.store.events.read_raw(row.id)
        assert sum(map(len, log)) < INLINE_LIMIT_BYTES


async def test_a_large_collection_is_iterated() -> None:
    """R16: START stores it in chunks, and every round reads its item from one."""
    rows = [{"n": number, "pad": "x" * 5_000} for number in range(20)]
    nodes = {
        "get": http(),
        "each": {"type": "loop", "config": {"loopType": "forEach", "arrayPath": "get.data.rows"}},
        "pick": {"type": "transform", "config": {"operation": "template", "template": "n{{loop.item.n}}"}},
        "out": output("{{each}}"),
    }
    plan = compiled(nodes, "get -> each", "each loop-body-> pick", "each loop-exit-> out")
    async with bench(http=answering((200, {"rows": rows}))) as desk:
        row = await desk.run(plan)
    assert row.status == "completed"
    assert row.outputs == {"result": [f"n{number}" for number in range(20)]}


# -- cancelling ----------------------------------------------------------------------------------------------------


class EndlessChat:
    """Streams one word, then nothing until it is closed."""

    def __init__(self) -> None:
        self.closed = 0
        self.begins = threading.Semaphore(0)
        self.ends = threading.Semaphore(0)

    async def stream(self, request: ChatRequest) -> AsyncIterator[ChatChunk]:
        try:
            self.begins.release()
            yield ChatChunk("word ")
            await asyncio.Event().wait()
        finally:
            self.closed += 1
            self.ends.release()


async def test_cancelling_in_the_middle_closes_the_stream_and_stays_cancelled() -> None:
    chat = EndlessChat()
    nodes = {"ask": {"type": "llm", "config": {"model": "m", "prompt": "p"}}, "out": output("{{ask.text}}")}
    async with bench(chat=chat) as desk:
        (execution_id,) = await desk.start(compiled(nodes, "ask -> out"))
        await desk.events(execution_id, until="node.token")
        await desk.cancel(execution_id)
        events = await desk.events(execution_id)
        await desk.cancel(execution_id)
        row = desk.row(execution_id)
    assert chat.closed == 1
    assert row.status == "cancelled"
    assert events[-1].type == "execution.cancelled"
    assert next(event for event in events if event.type == "execution.cancelling").body["by"] == "ann"
    assert desk.statuses(execution_id) == {"ask#1": "cancelled"}


async def test_closing_the_runtime_closes_what_runs_and_leaves_it_for_the_next() -> None:
    chat = EndlessChat()
    store = MemoryStore()
    plan = compiled(
        {"ask": {"type": "llm", "config": {"model": "m", "prompt": "p"}}, "out": output("{{ask.text}}")}, "ask -> out"
    )
    async with bench(store=store, chat=chat) as desk:
        (execution_id,) = await desk.start(plan)
        await desk.events(execution_id, until="node.token")
    assert chat.closed == 1
    assert desk.row(execution_id).status == "running"
    answer = ScriptedChat([ChatChunk("whole"), ChatChunk(finish_reason="stop")])
    async with bench(store=store, chat=answer) as desk:
        events = await desk.events(execution_id)
    types = [event.type for event in events]
    assert desk.row(execution_id).outputs == {"result": "whole"}
    assert types.index("execution.recovered") < types.index("stream.reset") < types.index("node.completed")
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


# -- many, and long --------------------------------------------------------------------------------------------------


async def test_five_hundred_executions_at_once_all_finish() -> None:
    nodes = {
        "in": {"type": "input", "config": {"inputName": "n"}},
        "get": http("http://h/{{n}}"),
        "t": {"type": "transform", "config": {"operation": "template", "template": "{{get.data}}"}},
        "out": output("{{t}}"),
    }
    plan = compiled(nodes, "in -> get", "get -> t", "t -> out")
    async with bench(http=answering((200, "ok"))) as desk:
        ids = [f"e{number:03}" for number in range(500)]
        await desk.start(plan, *ids, n=1)
        async with asyncio.timeout(60):
            await asyncio.gather(*(desk.events(execution_id) for execution_id in ids))
        assert {desk.row(execution_id).status for execution_id in ids} == {"completed"}
        assert await desk.still_driven() == []


async def test_followers_get_contiguous_events_from_any_point_on() -> None:
    """R33: several readers, one of them late, see the same numbers once each."""
    chunks = [ChatChunk(f"w{number} ") for number in range(200)]
    chat = ScriptedChat([*chunks, ChatChunk(finish_reason="stop")])
    nodes = {"ask": {"type": "llm", "config": {"model": "m", "prompt": "p"}}, "out": output("{{ask.text}}")}
    async with bench(chat=chat) as desk:
        (execution_id,) = await desk.start(compiled(nodes, "ask -> out"))
        first, second = await asyncio.gather(desk.events(execution_id), desk.events(execution_id))
        late: Any = desk.runtime.follow(execution_id, 3)
        third = [event async for batch in late for event in batch]
    assert [event.seq for event in first] == list(range(1, desk.row(execution_id).last_seq + 1))
    assert first == second
    assert third == first[3:]
    assert first[-1].type in TERMINAL_EVENTS


async def test_a_lease_that_ran_out_in_sleep_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop that slept longer than a lease: the runtime takes its own executions up again as a new owner."""
    chat = EndlessChat()
    nodes = {"ask": {"type": "llm", "config": {"model": "m", "prompt": "p"}}, "out": output("{{ask.text}}")}
    async with bench(chat=chat) as desk:
        (execution_id,) = await desk.start(compiled(nodes, "ask -> out"))
        await desk.events(execution_id, until="node.token")
        former = desk.runtime._orchestrator
        await asyncio.to_thread(former.stop)  # its lease is over
        await asyncio.to_thread(former._lease_lost)
        await desk.events(execution_id, until="stream.reset")
        assert desk.row(execution_id).owner_id not in (None, former.identity.id)
        for _ in range(2):  # The reset is committed before the second call is made.
            assert await asyncio.to_thread(chat.begins.acquire, timeout=TIMEOUT_S)
        await desk.cancel(execution_id)
        await desk.events(execution_id)
        assert desk.row(execution_id).status == "cancelled"
        for _ in range(2):  # The event of the end does not wait for the call to be closed.
            assert await asyncio.to_thread(chat.ends.acquire, timeout=TIMEOUT_S)
    assert chat.closed == 2


async def test_facts_and_unknown_payloads() -> None:
    async with bench() as desk:
        assert await desk.runtime.info() == {"runtime": "in-process", "database": "memory"}
        with pytest.raises(Exception, match="nowhere"):
            await desk.runtime.load_payload("nowhere")


def test_a_runtime_that_was_never_started_can_be_closed() -> None:
    store = MemoryStore()

    def make(payloads: Payloads) -> Services:
        return fake_services(payloads=payloads)

    LocalRuntime(store, store, store.payloads, default_registry(plugins=False), make).stop()


class AwayAfterward(MemoryStore):
    """A store whose inboxes cannot be read."""

    def inbox(self, execution_id: str) -> list[InboxRecord]:
        raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "could not read the inbox", retryable=True)


async def test_r35_a_request_that_is_durable_is_not_answered_with_an_error() -> None:
    """Waking the owner is best effort: its sweep finds the row."""
    nodes = {"in": {"type": "input", "config": {}}, "nap": {"type": "wait", "config": {"duration": 3_600_000}}}
    store = AwayAfterward()
    async with bench(store=store) as desk:
        (execution_id,) = await desk.start(compiled(nodes, "in -> nap"))
        await desk.cancel(execution_id)
        assert [row.kind for row in MemoryStore.inbox(store, execution_id)] == ["cancel"]
