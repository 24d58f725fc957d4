"""Firings become executions: once, whoever starts them, and with the reason where nothing can be started."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from flowray.api.context import ApiContext
from flowray.api.triggers.firing import fire, start_firing, started_or_raise
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.records.triggers import FiringRecord, TriggerRecord
from flowray.persistence.writes import AnyResult
from flowray.persistence.writes.triggers import DeleteTrigger, Fired, FireTrigger
from tests.api.local_server import INPUT, LocalServer
from tests.api.trigger_calls import app_over, created, history, saved
from tests.integration.definitions import workflow


class House:
    def __init__(self, store: MemoryStore, server: LocalServer, context: ApiContext) -> None:
        self.store = store
        self.server = server
        self.context = context

    async def trigger(self, kind: str = "manual", config: dict[str, Any] | None = None, **fields: Any) -> TriggerRecord:
        made = await created(self.server, kind, config, **fields)
        found = self.store.triggers.get(made["id"])
        assert found is not None
        return found

    def recorded(self, trigger: TriggerRecord, key: str, overlap: str = "allow") -> FiringRecord:
        """A firing as a scheduler leaves it that died at once."""
        row = FiringRecord(trigger_id=trigger.id, fire_key=key, execution_id=f"x-{key}", payload={"name": key})
        (result,) = self.store.commit([FireTrigger(trigger_id=trigger.id, firings=(row,), overlap=overlap)])
        assert isinstance(result, Fired)
        return result.firings[0]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    store = MemoryStore()
    async with app_over(store) as (server, context):
        yield House(store, server, context)


async def test_a_firing_that_two_start_is_one_execution(house: House) -> None:
    trigger = await house.trigger()
    firing = house.recorded(trigger, "a")
    for _ in range(2):
        assert (await start_firing(house.context, firing)).status == "started"
    done = await house.server.with_status("x-a", "completed", "failed")
    assert (done["outputs"], done["metadata"]["firing"]) == ({"y": "Hello a"}, "a")
    assert len((await house.server.http.get("/v1/executions")).json()["data"]) == 1


async def test_what_may_work_later_stays_as_it_is(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    trigger = await house.trigger()
    firing = house.recorded(trigger, "a")

    async def away(_records: Any, _plan: bytes) -> list[AnyResult]:
        raise FlowrayError(ErrorCode.RUNTIME_UNAVAILABLE, "away", retryable=True)

    with monkeypatch.context() as patched:
        patched.setattr(house.context.directory, "start", away)
        with pytest.raises(FlowrayError, match="away"):
            await start_firing(house.context, firing)
    [row] = await history(house.server, trigger.id)
    assert row["status"] == "starting"
    assert (await start_firing(house.context, firing)).status == "started"


async def test_what_can_never_start_has_failed_with_the_reason(house: House) -> None:
    trigger = await house.trigger()
    firing = house.recorded(trigger, "a")
    needs = {"nodes": {"in": {"type": "input", "config": {"inputName": "must", "required": True}}}, "edges": []}
    await house.server.http.put(f"/v1/workflows/{trigger.workflow_id}", json=needs)
    failed = await start_firing(house.context, firing)
    assert failed.status == "failed"
    assert (failed.reason or "").startswith("INVALID_INPUT: ")
    [row] = await history(house.server, trigger.id)
    assert (row["status"], row["execution_id"]) == ("failed", None)
    with pytest.raises(FlowrayError, match="started nothing: INVALID_INPUT"):
        started_or_raise(failed)


async def test_a_firing_of_a_trigger_that_is_gone_is_skipped(house: House) -> None:
    trigger = await house.trigger()
    firing = house.recorded(trigger, "a")
    house.store.commit([DeleteTrigger(id=trigger.id)])
    assert (await start_firing(house.context, firing)).status == "skipped"
    assert house.store.execution("x-a") is None


async def test_an_error_of_ours_fails_the_firing_and_not_for_ever(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger = await house.trigger()
    firing = house.recorded(trigger, "a")

    async def broken(_records: Any, _plan: bytes) -> list[AnyResult]:
        raise RuntimeError("a bug")

    monkeypatch.setattr(house.context.directory, "start", broken)
    failed = await start_firing(house.context, firing)
    assert (failed.status, failed.reason) == ("failed", "INTERNAL: RuntimeError: a bug")


async def test_cancel_other_stops_the_earlier_execution(house: House) -> None:
    stop = workflow("stop", {"in": INPUT, "stop": {"type": "pause", "config": {}}}, [("in", "stop")])
    config = {"every": "1h", "overlap": "cancelOther"}
    trigger = await house.trigger("schedule", config, workflow_id=await saved(house.server, stop))
    await start_firing(house.context, house.recorded(trigger, "a", "cancelOther"))
    await house.server.with_status("x-a", "paused")
    await start_firing(house.context, house.recorded(trigger, "b", "cancelOther"))
    cancelled = await house.server.with_status("x-a", "cancelled", "failed")
    assert cancelled["cancel_reason"] == "Replaced by x-b, which its trigger started"
    assert (await house.server.with_status("x-b", "paused"))["status"] == "paused"


async def test_a_key_that_is_known_answers_with_what_it_started(house: House) -> None:
    trigger = await house.trigger()
    first, known = await fire(house.context, trigger, "k", {"name": "a"})
    again, known_then = await fire(house.context, trigger, "k", {"name": "b"})
    assert (known, known_then, again.execution_id, again.status) == (False, True, first.execution_id, "started")


async def test_the_execution_has_the_options_of_its_trigger(house: House) -> None:
    workflow_id = await saved(house.server)
    await house.server.http.put(f"/v1/workflows/{workflow_id}", json={"nodes": {}, "edges": []})
    options = {"version": 1, "labels": {"a": "b"}, "metadata": {"mine": 1}}
    trigger = await house.trigger(workflow_id=workflow_id, options=options)
    firing, _ = await fire(house.context, trigger, "k", {"name": "v1"})
    record: ExecutionRecord | None = house.store.execution(firing.execution_id)
    assert record is not None
    assert (record.workflow_version, record.labels, record.metadata["mine"]) == (1, {"a": "b"}, 1)
    assert msgspec.structs.asdict(firing)["payload"] is None
