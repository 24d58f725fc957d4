"""D on the real runtime: waits and answers under SIGKILL. In one process and without a fault they are in test_waits."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select, update

from flowray.persistence.database.engine import WRITES
from flowray.persistence.database.tables import events, executions, node_logs, snapshots
from tests.cluster import FlowrayServer, alive_actors, eventually, is_gone
from tests.durability.bench import Bench
from tests.durability.effects import Effects
from tests.integration.definitions import workflow

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]

DAY_MS = 86_400_000


@pytest.fixture
def served_bench(server: FlowrayServer, effects: Effects) -> Iterator[Bench]:
    """A server whose API is a Serve replica, which can be killed."""
    found = Bench(server, effects, "sqlite")
    try:
        yield found
        found.check()
    finally:
        found.close()


def _asking(bench: Bench, **config: Any) -> dict[str, Any]:
    nodes = {
        "in": {"type": "input", "config": {"inputName": "x"}},
        "before": bench.effect("before"),
        "ann": {"type": "pause", "config": {"prompt": "Ann?", **config}},
        "after": bench.effect("after"),
        "out": {"type": "output", "config": {"outputName": "y", "value": "{{ann.n}}", "format": "number"}},
    }
    return workflow("asking", nodes, [("in", "before"), ("before", "ann"), ("ann", "after"), ("after", "out")])


def test_s42_an_acknowledged_answer_survives_whoever_took_it(served_bench: Bench) -> None:
    """Replica and orchestrator are killed right after the 200."""
    bench = served_bench
    its_id = bench.start(_asking(bench))
    token = bench.until(lambda: bench.tokens(its_id))["ann"]
    replica = next(actor.pid for actor in alive_actors() if actor.class_name.startswith("ServeReplica:flowray"))
    pids = [int(replica), bench.pid("orchestrator")]
    bench.complete(token, {"n": 7})
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: all(is_gone(pid) for pid in pids), 60)
    done = bench.finished(its_id)
    assert done["outputs"] == {"y": 7}
    assert (len(bench.calls("before")), len(bench.calls("after"))) == (1, 1)


def test_s44_seven_days_survive_a_restart_on_the_third(bench: Bench) -> None:
    """L8, R32: nobody holds anything meanwhile, and it goes on when its time has come, not before.

    The days pass in the database: every note of the time is moved back.
    """
    nodes = {
        "in": {"type": "input", "config": {"inputName": "x"}},
        "week": {"type": "wait", "config": {"durationValue": 7, "durationUnit": "days"}},
        "after": bench.effect("after"),
    }
    its_id = bench.start(workflow("week", nodes, [("in", "week"), ("week", "after")]))
    bench.until(lambda: bench.row(its_id).owner_id is None)
    due_at = bench.row(its_id).wake_at
    assert 6.9 * DAY_MS < due_at - bench.reader.now_ms() <= 7 * DAY_MS
    _move(bench, its_id, due_at, due_at := due_at - 3 * DAY_MS)
    bench.kill("hub", "orchestrator-0", "orchestrator-1", "io-lane")
    probe = bench.start(bench.chain("probe"))
    bench.finished(probe)
    row = bench.row(its_id)
    assert (row.status, row.owner_id, row.wake_at) == ("waiting", None, due_at)
    _move(bench, its_id, due_at, due_at := bench.reader.now_ms() + 500)
    bench.finished(its_id)
    assert len(bench.calls("after")) == 1
    ended = [event for event in bench.reader.events.read(its_id) if event.type == "node.completed"]
    assert next(event.ts for event in ended if event.body["instance"] == "week") >= due_at


def _move(bench: Bench, its_id: str, due_at: int, now_due_at: int) -> None:
    """Write another time wherever this one stands."""
    old, new = str(due_at), str(now_due_at)
    of_execution = {events: "events", snapshots: "data", node_logs: "output"}
    with bench.engine.execution_options(**{WRITES: True}).begin() as connection:
        row = update(executions).where(executions.c.id == its_id)
        connection.execute(row.values(wake_at=now_due_at))
        for table, column in of_execution.items():
            for found in connection.execute(select(table).where(table.c.execution_id == its_id)).mappings().all():
                value = found[column]
                if isinstance(value, bytes) and old.encode() in value:
                    one = update(table).where(*(key == found[key.name] for key in table.primary_key))
                    connection.execute(one.values({column: value.replace(old.encode(), new.encode())}))


def test_s48_an_answer_that_does_not_fit_leaves_the_token_open(bench: Bench) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    its_id = bench.start(_asking(bench, expectedInput=schema))
    token = bench.until(lambda: bench.tokens(its_id))["ann"]
    for wrong in ({"n": "seven"}, {}, 7, None):
        answer = bench.replicas[1].post(f"/v1/waitpoints/{token}/complete", json={"data": wrong})
        assert answer.status_code == 422, answer.text
    assert bench.tokens(its_id) == {"ann": token}
    bench.complete(token, {"n": 7}, replica=1)
    assert bench.finished(its_id)["outputs"] == {"y": 7}


@pytest.mark.parametrize("how", ["cancelled", "crashed"])
def test_s51_the_end_of_a_child_is_an_error_of_its_parent(bench: Bench, how: str) -> None:
    nodes = {
        "in": {"type": "input", "config": {"inputName": "x"}},
        "call": {
            "type": "subworkflow", "config": {"definition": bench.chain("child", gates=["child"])},
            "onError": {"strategy": "continue"},
        },
        "after": bench.effect("after"),
    }  # fmt: skip
    its_id = bench.start(workflow("parent", nodes, [("in", "call"), ("call", "after")]))
    bench.until_called("child")
    child = bench.ack(bench.until(lambda: bench.of_type(its_id, "child.started"))[0]["child_id"])
    if how == "cancelled":
        bench.cancel(child)
    else:
        _spoil(bench, child)
        bench.kill_owner(child)
    bench.until(lambda: bench.row(child).status == how)
    bench.finished(its_id)
    error = bench.of_type(its_id, "node.completed", instance="call")[0]["handled_error"]
    assert error["code"] == f"EXECUTION_{how.upper()}"
    assert len(bench.calls("after")) == 1
    bench.acked.remove(child)  # Nobody can read what is left of it.


def _spoil(bench: Bench, its_id: str) -> None:
    """Make its log one that nobody can fold."""
    with bench.engine.execution_options(**{WRITES: True}).begin() as connection:
        connection.execute(
            update(events).where(events.c.execution_id == its_id, events.c.first_seq == 1).values(events=b"[7]")
        )
