"""E: cancellations, limits, queues, batches and schedules."""

from __future__ import annotations

import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import func, not_, select

from flowray.bootstrap import open_storage
from flowray.engine import events as ev
from flowray.persistence.database.tables import executions, is_active
from flowray.persistence.writes import AppendEvents, Done
from flowray.runtime.crash_points import CrashPoint
from tests.databases import restart_postgres
from tests.durability.bench import Bench
from tests.integration.definitions import workflow

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]

FULL = os.environ.get("FLOWRAY_ACCEPTANCE_FULL") == "1"


def test_s54_a_cancellation_reaches_the_whole_tree(bench: Bench) -> None:
    call = {"type": "subworkflow", "config": {"definition": bench.chain("leaf", gates=["leaf"])}}
    middle = {"in": {"type": "input", "config": {"inputName": "x"}}, "call": call, "own": bench.effect("own", gate="x")}
    inner = workflow("middle", middle, [("in", "call"), ("in", "own")])
    outer = {
        "in": {"type": "input", "config": {"inputName": "x"}},
        "call": {"type": "subworkflow", "config": {"definition": inner}},
    }
    its_id = bench.start(workflow("outer", outer, [("in", "call")]))
    bench.until_called("leaf")
    bench.until_called("own")
    bench.cancel(its_id)
    bench.finished(its_id, "cancelled")
    with bench.engine.connect() as connection:
        family = list(connection.execute(select(executions.c.id).where(executions.c.root_id == its_id)).scalars())
    assert len(family) == 2
    for member in family:
        bench.finished(bench.ack(member), "cancelled")
        assert len(bench.of_type(member, "execution.cancelled")) == 1


def test_s55_a_cancellation_before_the_terminal_write_counts(bench: Bench) -> None:
    """R35: the end is decided, and its commit on the way, when the cancellation is acknowledged."""
    nodes = {"in": {"type": "input", "config": {"inputName": "x"}}, "a": bench.effect("a", gate=bench.gate("a"))}
    its_id = bench.start(workflow("last", nodes, [("in", "a")]))
    bench.until_called("a")
    bench.traps.hold(CrashPoint.COMMIT_SENT, "orchestrator")
    bench.open("a")
    bench.until(lambda: bench.traps.held(CrashPoint.COMMIT_SENT))
    bench.cancel(its_id)
    assert bench.get(its_id)["status"] == "running"
    bench.traps.release()
    bench.finished(its_id, "cancelled")
    assert [event["instance"] for event in bench.of_type(its_id, "node.completed")] == ["in", "a"]


def test_s56_nothing_of_a_cancelled_execution_counts_any_more(bench: Bench) -> None:
    """A late result, a late commit, a late answer: each is refused by name."""
    nodes = {
        "in": {"type": "input", "config": {"inputName": "x"}},
        "a": bench.effect("a", gate=bench.gate("a")),
        "ann": {"type": "pause", "config": {"prompt": "Ann?"}},
    }
    its_id = bench.start(workflow("refused", nodes, [("in", "a"), ("in", "ann")]))
    bench.until_called("a")
    token = bench.until(lambda: bench.tokens(its_id))["ann"]
    bench.cancel(its_id)
    bench.finished(its_id, "cancelled")
    bench.open("a")
    answer = bench.replicas[0].post(f"/v1/waitpoints/{token}/complete", json={"data": 1})
    assert (answer.status_code, answer.json()["code"]) == (409, "EXECUTION_ENDED")
    row = bench.row(its_id)
    late = AppendEvents(
        execution_id=its_id, epoch=row.epoch - 1, expected_seq=row.last_seq, last_seq=row.last_seq + 1, ts=1,
        events=ev.encode_events([ev.ExecutionCompleted(ts=1)]),
    )  # fmt: skip
    (result,) = open_storage(bench.server.settings).committer.commit([late])
    assert not isinstance(result, Done)
    assert bench.events(its_id)[-1]["type"] == "execution.cancelled"


def test_s57_a_cancellation_and_an_end_at_once_have_one_outcome(bench: Bench) -> None:
    """Neither waits for the other for ever, and every replica tells the same."""
    rounds = 40 if FULL else 10
    outcomes: Counter[str] = Counter()
    for number in range(rounds):
        nodes = {"in": {"type": "input", "config": {"inputName": "x"}}, "a": bench.effect("a", gate=f"{number}")}
        its_id = bench.start(workflow("race", nodes, [("in", "a")]))
        bench.until_called("a", number + 1)
        together = threading.Barrier(2)

        def cancel(its_id: str = its_id, together: threading.Barrier = together) -> int:
            together.wait()
            return bench.replicas[1].post(f"/v1/executions/{its_id}/cancel").status_code

        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(cancel)
            together.wait()
            bench.effects.open(f"{number}")
        done = bench.finished(its_id, None)
        outcomes[done["status"]] += 1
        ends = [event["type"] for event in bench.events(its_id) if event["type"].startswith("execution.c")]
        assert [end for end in ends if end != "execution.cancelling"] == [f"execution.{done['status']}"]
        assert (asked.result(), done["status"]) in {(202, "cancelled"), (409, "completed"), (200, "cancelled")}
    assert sum(outcomes.values()) == rounds


def test_s58_whatever_an_execution_does_it_can_be_cancelled_once(bench: Bench) -> None:
    nodes = {
        "in": {"type": "input", "config": {"inputName": "x"}},
        "nap": {"type": "wait", "config": {"duration": "1h"}},
    }
    sleeping = bench.start(workflow("sleeping", nodes, [("in", "nap")]))
    bench.until(lambda: bench.row(sleeping).status == "waiting" and bench.row(sleeping).owner_id is None)
    ended = bench.start(bench.chain("a"))
    bench.finished(ended)
    bench.cancel(sleeping)
    bench.finished(sleeping, "cancelled")
    bench.cancel(sleeping)
    assert bench.replicas[0].post(f"/v1/executions/{ended}/cancel").status_code == 409
    assert bench.get(ended)["status"] == "completed"
    assert bench.replicas[0].post("/v1/executions/nobody/cancel").status_code == 404


def test_s62_a_batch_that_is_cut_in_the_middle_is_whole_after_all(bench: Bench) -> None:
    """Its owner dies after the first 500 rows; the request is repeated, and each row runs once."""
    rows = 1_000 if FULL else 600
    nodes: dict[str, Any] = {
        "in": {"type": "input", "config": {"inputName": "n"}},
        "out": {"type": "output", "config": {"outputName": "n", "value": "{{n}}"}},
    }
    http = bench.replicas[0]
    saved = http.post("/v1/workflows", json=workflow("rows", nodes, [("in", "out")])).json()
    bench.traps.set(CrashPoint.START_DURABLE, "orchestrator")
    asked = {"inputs": [{"n": number} for number in range(rows)], "options": {"idempotency_key": bench.prefix}}
    answers = [http.post(f"/v1/workflows/{saved['id']}/batches", json=asked) for _ in range(2)]
    assert bench.traps.sprung(CrashPoint.START_DURABLE)
    assert [answer.status_code for answer in answers] == [202, 202]
    first, second = (answer.json() for answer in answers)
    assert (first["executions"], first["count"]) == (second["executions"], rows)
    in_batch = executions.c.batch_id == first["batch_id"]

    def statuses() -> dict[str, int]:
        with bench.engine.connect() as connection:
            chosen = select(executions.c.status, func.count()).where(in_batch).group_by(executions.c.status)
            return dict(map(tuple, connection.execute(chosen)))

    bench.until(lambda: statuses() == {"completed": rows})


# -- queues --------------------------------------------------------------------------------------------------------


def _queued(bench: Bench, definition: dict[str, Any], count: int, **options: Any) -> list[str]:
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: bench.start(definition, **options), range(count)))


def _holders(bench: Bench, queue: str) -> int:
    """How many executions of a queue hold a slot now."""
    holds = (executions.c.queue == queue, executions.c.owner_id.is_not(None), is_active())
    with bench.engine.connect() as connection:
        return int(connection.execute(select(func.count()).where(*holds)).scalar_one())


def test_s59_a_limit_holds_while_one_of_two_who_admit_is_killed(bench: Bench) -> None:
    queue = f"limited-{bench.prefix}"
    count = 50 if FULL else 24
    definition = bench.chain("a", settings={"queue": {"name": queue, "maxConcurrent": 3}})
    definition["nodes"]["a"] = bench.effect("a", ms=60)
    ids = _queued(bench, definition, count)
    most = 0

    def ended(at_least: int) -> bool:
        nonlocal most
        most = max(most, _holders(bench, queue))
        assert most <= 3
        with bench.engine.connect() as connection:
            over = select(func.count()).where(executions.c.queue == queue, not_(is_active()))
            return bool(connection.execute(over).scalar_one() >= at_least)

    bench.until(lambda: ended(3))
    bench.kill("orchestrator-1")
    bench.until(lambda: ended(count))
    assert most == 3
    for its_id in ids:
        bench.finished(its_id)


def test_s60_a_slot_of_the_dead_is_free_again(bench: Bench) -> None:
    queue = f"single-{bench.prefix}"
    definition = bench.chain("a", gates=["a"], settings={"queue": {"name": queue, "maxConcurrent": 1}})
    ids = _queued(bench, definition, 3)
    (first,) = {effect.execution_id for effect in bench.until_called("a")}
    bench.kill_owner(first, "io-lane")
    bench.until_called("a", 2)
    assert {effect.execution_id for effect in bench.calls("a")} == {first}
    bench.open("a")
    for its_id in ids:
        bench.finished(its_id)
    assert _holders(bench, queue) == 0


def test_s61_a_hot_key_starves_no_cold_one(bench: Bench) -> None:
    """All are in the queue before the first is admitted."""
    queue = f"fair-{bench.prefix}"
    hot, cold = (1_000, 50) if FULL else (60, 12)
    definition = bench.chain("a", settings={"queue": {"name": queue, "maxConcurrent": 4}})
    bench.replicas[0].post(f"/v1/queues/{queue}/pause").raise_for_status()
    hot_ids = _queued(bench, definition, hot, concurrency_key="hot")
    cold_ids = [bench.start(definition, concurrency_key=f"cold-{number}") for number in range(cold)]
    bench.replicas[0].post(f"/v1/queues/{queue}/resume").raise_for_status()
    ends = {its_id: bench.finished(its_id)["ended_at"] for its_id in (*cold_ids, *hot_ids)}
    last_cold = max(ends[its_id] for its_id in cold_ids)
    assert sum(ends[its_id] > last_cold for its_id in hot_ids) > hot / 3


# -- schedules -----------------------------------------------------------------------------------------------------


def test_s63_each_tick_of_a_schedule_fires_once(bench: Bench) -> None:
    """The scheduler is killed and the database dies in between; what was missed is made up for."""
    http = bench.replicas[0]
    saved = http.post("/v1/workflows", json=bench.chain("tick")).json()
    config = {"every": "1s", "catchUp": "all"}
    asked = {"workflow_id": saved["id"], "kind": "schedule", "config": config}
    trigger = http.post("/v1/triggers", json=asked).json()

    def firings() -> list[dict[str, Any]]:
        answer = http.get(f"/v1/triggers/{trigger['id']}/history", params={"limit": 100})
        found: list[dict[str, Any]] = answer.json()["data"] if answer.status_code == 200 else []
        return found

    bench.until(lambda: len(firings()) >= 2)
    bench.kill("hub")
    if bench.database == "postgresql":
        restart_postgres()
    seen = len(bench.until(firings))
    bench.until(lambda: len(firings()) >= seen + 3)
    assert bench.until(lambda: http.post(f"/v1/triggers/{trigger['id']}/disable")).status_code == 200
    bench.until(lambda: {firing["status"] for firing in firings()} == {"started"})
    ticks = [datetime.fromisoformat(firing["scheduled_at"]) for firing in reversed(firings())]
    assert [later - earlier for earlier, later in pairwise(ticks)] == [timedelta(seconds=1)] * (len(ticks) - 1)
    ids = [firing["execution_id"] for firing in firings()]
    assert len(set(ids)) == len(ids)
    for its_id in ids:
        bench.finished(bench.ack(its_id))
    assert len(bench.calls("tick")) == len(ids)
