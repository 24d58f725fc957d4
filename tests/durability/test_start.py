"""A: starts. Acknowledged once, kept for ever; one key, one execution."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, select, update

from flowray.client import Client
from flowray.persistence.database.engine import WRITES
from flowray.persistence.database.tables import executions, plans
from flowray.runtime.crash_points import CrashPoint
from tests.durability.bench import Bench
from tests.integration.definitions import workflow

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]


def _post(client: httpx.Client, definition: dict[str, Any], key: str) -> httpx.Response:
    body = {"definition": definition, "inputs": {}, "options": {"idempotency_key": key}}
    return client.post("/v1/executions", json=body)


def test_s01_twenty_clients_with_one_key_start_one_execution(bench: Bench) -> None:
    definition = bench.chain("a")
    with ThreadPoolExecutor(20) as pool:
        chosen = [bench.replicas[number % 2] for number in range(20)]
        answers = list(pool.map(lambda client: _post(client, definition, bench.prefix), chosen))
    assert {answer.status_code for answer in answers} <= {200, 202}
    (its_id,) = {answer.json()["id"] for answer in answers}
    bench.finished(bench.ack(its_id))
    assert len(bench.calls("a")) == 1


def test_s02_a_start_whose_acknowledgement_is_lost_is_one_execution(bench: Bench) -> None:
    """The journal asks again; and a client that asks again finds it."""
    bench.traps.lose_acknowledgement("InsertExecution")
    with Client(str(bench.replicas[0].base_url)) as client:
        started = client.executions.start(definition=bench.chain("a"), idempotency_key=bench.prefix)
        again = client.executions.start(definition=bench.chain("a"), idempotency_key=bench.prefix)
    assert bench.traps.lost_acknowledgement("InsertExecution")
    assert started.id == again.id
    bench.finished(bench.ack(started.id))
    assert len(bench.calls("a")) == 1


def test_s03_an_acknowledged_start_survives_the_death_of_everything(bench: Bench) -> None:
    """Nobody asks again."""
    ids = [bench.start(bench.chain("a", "b", gates=["a"])) for _ in range(4)]
    bench.traps.set(CrashPoint.DISPATCH, "orchestrator")
    ids.append(bench.start(bench.chain("late")))
    bench.kill("hub", "orchestrator-0", "orchestrator-1", "io-lane")
    bench.open("a")
    for its_id in ids:
        bench.finished(its_id)


@pytest.mark.parametrize("ending", ["completed", "failed", "cancelled"])
def test_s04_a_key_begins_anew_only_after_a_failure(bench: Bench, ending: str) -> None:
    """docs: what becomes of a key with its execution."""
    status = 404 if ending == "failed" else 200
    nodes = {
        "in": {"type": "input", "config": {"inputName": "x"}},
        "a": bench.effect("a", status=status, gate=bench.gate("a")),
    }
    definition = workflow("keyed", nodes, [("in", "a")])
    first = bench.ack(_post(bench.replicas[0], definition, bench.prefix).json()["id"])
    if ending == "cancelled":
        bench.cancel(first)
    bench.open("a")
    bench.finished(first, ending)
    again = bench.ack(_post(bench.replicas[1], definition, bench.prefix).json()["id"])
    assert (again == first) == (ending != "failed")
    if again != first:
        bench.finished(again, "failed")
        assert len(bench.calls("a")) == 2


def test_s05_a_key_is_forgotten_when_its_time_is_over(bench: Bench) -> None:
    """Time passes in the database."""
    definition = bench.chain("a")
    first = bench.ack(_post(bench.replicas[0], definition, bench.prefix).json()["id"])
    bench.finished(first)
    assert _post(bench.replicas[1], definition, bench.prefix).json()["id"] == first
    row = update(executions).where(executions.c.id == first)
    with bench.engine.execution_options(**{WRITES: True}).begin() as connection:
        connection.execute(row.values(idempotency_expires_at=bench.reader.now_ms() - 1))
    second = bench.ack(_post(bench.replicas[1], definition, bench.prefix).json()["id"])
    assert second != first
    bench.finished(second)
    assert len(bench.calls("a")) == 2


def _calling(bench: Bench, **asked: Any) -> dict[str, Any]:
    """A workflow that calls one with the effects ``a`` and ``b`` by the key of this scenario."""
    call = {"definition": bench.chain("a", "b", **asked), "idempotencyKey": bench.prefix}
    nodes = {
        "in": {"type": "input", "config": {"inputName": "x"}},
        "call": {"type": "subworkflow", "config": call},
        "out": {"type": "output", "config": {"outputName": "y", "value": "{{call.y}}"}},
    }
    return workflow("parent", nodes, [("in", "call"), ("call", "out")])


def test_s06_two_parents_share_a_child_by_its_key(bench: Bench) -> None:
    parent = _calling(bench)
    ids = [bench.start(parent) for _ in range(4)]
    assert [bench.finished(its_id)["outputs"]["y"] for its_id in ids] == [f"{bench.prefix}-b"] * 4
    assert [len(bench.calls(name)) for name in ("a", "b")] == [1, 1]


def test_s06_they_share_it_although_all_owners_die(bench: Bench) -> None:
    """Those who wait, and the child's: while it runs, and again as it ends."""
    parent = _calling(bench, gates=["a"])
    ids = [bench.start(parent) for _ in range(4)]
    children = {bench.until(lambda its_id=its_id: _child_of(bench, its_id)) for its_id in ids}
    (child,) = children
    bench.until_called("a")
    bench.kill("orchestrator-0", "orchestrator-1")
    bench.traps.set(CrashPoint.END_DURABLE, "orchestrator")
    bench.open("a")
    assert [bench.finished(its_id)["outputs"]["y"] for its_id in ids] == [f"{bench.prefix}-b"] * 4
    bench.finished(bench.ack(child))
    assert [len(bench.of_type(its_id, "child.ended")) for its_id in ids] == [1] * 4


def _child_of(bench: Bench, its_id: str) -> str | None:
    return next((event["child_id"] for event in bench.of_type(its_id, "child.started")), None)


@pytest.mark.parametrize("its_id", ["", "malformed"])
def test_s07_a_row_that_nobody_can_read_ends_visibly(bench: Bench, its_id: str) -> None:
    """R28: dead-lettered under its own id, and never run under another."""
    its_id = its_id and f"{its_id}-{bench.prefix}"
    sound = bench.start(bench.chain("a"))
    bench.finished(sound)
    with bench.engine.execution_options(**{WRITES: True}).begin() as connection:
        row = dict(connection.execute(select(executions).where(executions.c.id == sound)).one()._mapping)
        plan_hash = f"plan-{uuid.uuid4().hex}"
        connection.execute(insert(plans).values(hash=plan_hash, plan=b'{"nodes": 7', created_at=0))
        connection.execute(
            insert(executions).values(
                row | {"id": its_id, "plan_hash": plan_hash, "status": "queued", "last_seq": 0, "epoch": 0,
                       "started_at": None, "ended_at": None, "outputs": None, "idempotency_key": None}
            )
        )  # fmt: skip
    bench.until(lambda: bench.row(its_id).status == "crashed")
    ended = bench.row(its_id)
    assert (ended.owner_id, ended.last_seq) == (None, 1)
    assert ended.crash_reason
    assert len(bench.calls("a")) == 1
    listed = bench.replicas[0].get("/v1/executions", params={"status": "crashed", "limit": 100})
    assert its_id in {entry["id"] for entry in listed.json()["data"]}
