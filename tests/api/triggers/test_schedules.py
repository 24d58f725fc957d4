"""Schedules tick in an app of one process, if it is to let them, and nowhere else."""

from __future__ import annotations

import asyncio
import time

from flowray.persistence.memory.store import MemoryStore
from tests.api.local_server import LocalServer
from tests.api.trigger_calls import app_over, created, history


async def started(server: LocalServer, trigger_id: str, count: int) -> list[str]:
    """The ids of executions, once there are so many."""
    async with asyncio.timeout(60):
        while True:
            rows = [row for row in await history(server, trigger_id) if row["status"] == "started"]
            if len(rows) >= count:
                return [row["execution_id"] for row in rows]
            await asyncio.sleep(0.05)


async def test_two_apps_over_one_store_let_each_tick_start_once() -> None:
    """Scenario 63 with real clocks: the ticks of a second are shared, none is started twice, none before its time."""
    store = MemoryStore()
    async with app_over(store, runs_schedules=True) as (first, _), app_over(store, runs_schedules=True):
        made = await created(
            first, "schedule", {"every": "1s", "catchUp": "all"}, input_mapping={"name": "{{timestamp}}"}
        )
        ids = await started(first, made["id"], 3)
        rows = await history(first, made["id"])
        assert len({row["fire_key"] for row in rows}) == len(rows)
        assert all(row["fired_at"] >= row["scheduled_at"] for row in rows)
        for row, its_id in zip(rows, ids, strict=False):
            done = await first.with_status(its_id, "completed", "failed")
            assert done["outputs"] == {"y": f"Hello {row['scheduled_at']}"}
        listed = (await first.http.get(f"/v1/executions?workflow_id={made['workflow_id']}")).json()["data"]
        assert {row["id"] for row in listed} <= {row["execution_id"] for row in await history(first, made["id"])}


async def test_an_app_beside_a_hub_lets_nothing_tick() -> None:
    ahead_ms = 0
    store = MemoryStore(lambda: int(time.time() * 1_000) + ahead_ms)
    async with app_over(store, runs_schedules=False) as (server, _):
        made = await created(server, "schedule", {"every": "1s"})
        ahead_ms = 5_000
        for _round in range(10):
            await asyncio.sleep(0.01)
        assert [row.id for row in store.triggers.due()] == [made["id"]]
        assert await history(server, made["id"]) == []
