"""C: ownership. One writer at a time, and nobody is left behind. The rest of C is in test_recovery."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
import ray

from flowray.bootstrap import open_storage
from flowray.client import Client
from flowray.engine import events as ev
from flowray.persistence.writes import AppendEvents, Fenced
from flowray.runtime.live import crash_write
from tests.cluster import is_gone
from tests.databases import restart_postgres
from tests.durability.bench import Bench
from tests.integration.definitions import workflow

pytestmark = [pytest.mark.ray, pytest.mark.timeout(280)]

FULL = os.environ.get("FLOWRAY_ACCEPTANCE_FULL") == "1"


def test_s28_a_database_that_restarts_during_the_recovery_strands_nobody(bench: Bench) -> None:
    """DBOS #716: a recovery that runs once, and fails half-way, would. On SQLite its one writer dies instead."""
    count = 250 if FULL else 40
    nodes = {
        "in": {"type": "input", "config": {"inputName": "x"}},
        "nap": {"type": "wait", "config": {"duration": 1_500}},
        "a": bench.effect("a"),
    }
    definition = workflow("napping", nodes, [("in", "nap"), ("nap", "a")])
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: bench.start(definition), range(count)))
    bench.kill("orchestrator-0", "orchestrator-1")
    bench.until(lambda: any(max(bench.epochs(its_id), default=1) > 1 for its_id in ids))
    if bench.database == "postgresql":
        restart_postgres()
    else:
        bench.kill("orchestrator-0")
    for its_id in ids:
        bench.finished(its_id)
    assert len({effect.execution_id for effect in bench.calls("a")}) == count


def test_s29_nothing_stays_with_an_owner_that_is_drained(bench: Bench) -> None:
    """DBOS #804: it hands over, and is told to end in the middle of that; its successor has the same name."""
    ids = [bench.start(bench.chain("a", "b", gates=["a"])) for _ in range(10)]
    bench.until_called("a", 10)
    pid = bench.pid("orchestrator-0")
    leaving = bench.server.actor("orchestrator-0").retire.remote()
    os.kill(pid, signal.SIGTERM)
    ray.wait([leaving], timeout=5)
    if not is_gone(pid):
        os.kill(pid, signal.SIGKILL)
    bench.until(lambda: is_gone(pid))
    bench.open("a")
    for its_id in ids:
        bench.finished(its_id)


def test_s32_an_ending_that_comes_too_late_is_no_ending(bench: Bench) -> None:
    """R22: it was decided under an epoch that is over. Who waits for the execution sees it complete."""
    its_id = bench.start(bench.chain("a", "b", gates=["b"]))
    bench.until_called("b")
    row = bench.row(its_id)
    epoch = bench.kill_owner(its_id)
    bench.until_recovered(its_id, epoch)
    assert row.epoch == epoch
    with ThreadPoolExecutor(1) as pool, Client(str(bench.replicas[1].base_url)) as client:
        waiter = pool.submit(client.wait, its_id, timeout_s=100)
        committer = open_storage(bench.server.settings).committer
        for seq in (row.last_seq, bench.row(its_id).last_seq):
            parked = AppendEvents(
                execution_id=its_id, epoch=epoch, expected_seq=seq, last_seq=seq + 1, ts=1, release=True,
                events=ev.encode_events([ev.ExecutionCompleted(ts=1, outputs={"y": "stale"})]),
                changes={"status": "completed"},
            )  # fmt: skip
            assert committer.commit([parked]) == [Fenced()]
            assert committer.commit([crash_write(its_id, epoch, seq, 1, "stale")]) == [Fenced()]
        bench.open("b")
        assert waiter.result(110).status == "completed"
    assert bench.finished(its_id)["outputs"] == {"y": f"{bench.prefix}-b"}


def test_s34_a_step_that_never_starts_is_an_error_with_its_reason(bench: Bench) -> None:
    """R14: no machine has what it asks for. It is dispatched again twice."""
    asked = {"lane": "task", "resources": {"unobtainium": 1}}
    never = {"type": "misbehaving", "config": {"how": "nothing"}, "startTimeoutMs": 500, "execution": asked}
    nodes = {"in": {"type": "input", "config": {"inputName": "x"}}, "never": never}
    its_id = bench.start(workflow("never", nodes, [("in", "never")]))
    error = bench.finished(its_id, "failed")["error"]
    assert error["code"] == "NODE_TIMEOUT"
    assert "did not start" in error["message"]
    assert "unobtainium" in error["message"]
    assert [event["attempt"] for event in bench.of_type(its_id, "node.started", instance="never")] == [1, 2, 3]


def test_s34_a_step_that_starts_in_its_time_is_left_alone(bench: Bench) -> None:
    """R14: a Ray task tells when it begins."""
    slow = {
        "type": "misbehaving", "config": {"how": "compute", "ms": 2_000}, "execution": {"lane": "task"},
        "startTimeoutMs": 60_000, "timeoutMs": 60_000,
    }  # fmt: skip
    nodes = {"in": {"type": "input", "config": {"inputName": "x"}}, "slow": slow}
    its_id = bench.start(workflow("slow", nodes, [("in", "slow")]))
    bench.finished(its_id)
    assert [event["attempt"] for event in bench.of_type(its_id, "node.started", instance="slow")] == [1]
