"""B: steps are durable. What was committed never runs again; what was not runs again under the same key.

Scenario 19 is in test_recovery; what 24 and 25 are, tells the index.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert

from flowray.persistence.database.engine import WRITES
from flowray.persistence.database.tables import events, executions, node_logs, plans, snapshots, waitpoints
from flowray.runtime.crash_points import CrashPoint
from tests.durability.bench import Bench
from tests.integration.definitions import workflow

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]

STILL_S = 1.0
"""Long enough for an effect that waits for nothing."""

FULL = os.environ.get("FLOWRAY_ACCEPTANCE_FULL") == "1"

STORED = Path(__file__).parent / "stored_0_1_0.json"
"""Rows by table, as the first schema had them; the execution's id stands as $ID, and bytes as {"$bytes": text}."""


def test_s08_a_killed_orchestrator_repeats_no_committed_step(bench: Bench) -> None:
    its_id = bench.start(bench.chain("a", "b", "c", gates=["c"]))
    bench.until_completed(its_id, "a", "b")
    bench.until_called("c")
    epoch = bench.kill_owner(its_id)
    bench.until_recovered(its_id, epoch)
    bench.open("c")
    done = bench.finished(its_id)
    assert done["outputs"] == {"y": f"{bench.prefix}-c"}
    assert (len(bench.calls("a")), len(bench.calls("b"))) == (1, 1)


def test_s09_a_killed_lane_runs_its_step_again_and_no_other(bench: Bench) -> None:
    """R39: a lost outcome is a new attempt of the same try."""
    its_id = bench.start(bench.chain("a", "b", "c", gates=["b"]))
    bench.until_called("b")
    bench.kill("io-lane")
    bench.until_called("b", 2)
    bench.open("b")
    assert bench.finished(its_id)["outputs"] == {"y": f"{bench.prefix}-c"}
    assert {name: len(bench.calls(name)) for name in "abc"} == {"a": 1, "b": 2, "c": 1}
    attempts = [event["attempt"] for event in bench.of_type(its_id, "node.started", instance="b")]
    assert attempts == [1, 2]


def test_s10_an_effect_without_commit_happens_again_under_the_same_key(bench: Bench) -> None:
    """P4, R31: the receiver can tell that it is the same."""
    its_id = bench.start(bench.chain("a", "b", "c", gates=["b"]))
    bench.until_called("b")
    bench.traps.set(CrashPoint.ATTEMPT_DONE, "io")
    bench.open("b")
    bench.finished(its_id)
    assert bench.traps.sprung(CrashPoint.ATTEMPT_DONE)
    assert [effect.key for effect in bench.calls("b")] == [f"{its_id}:b:1"] * 2
    assert (len(bench.calls("a")), len(bench.calls("c"))) == (1, 1)


def test_r23_no_effect_happens_before_its_commit_is_durable(bench: Bench) -> None:
    """P3, L1: the commit that decides on it waits. What comes of that is looked at when the receiver is called."""
    its_id = bench.start(bench.chain("a", "b", gates=["a"]))
    bench.until_called("a")
    bench.traps.hold_commit("node.started")
    bench.open("a")
    bench.until(bench.traps.holds_commit)
    time.sleep(STILL_S)
    called = bench.calls("b")
    bench.traps.release()
    bench.finished(its_id)
    assert not bench.uncaused, bench.uncaused
    assert (called, len(bench.calls("b"))) == ([], 1)


def test_s11_a_commit_whose_acknowledgement_is_lost_stands(bench: Bench) -> None:
    """P10: the journal asks again, and hears that it is done."""
    its_id = bench.start(bench.chain("a", "b", "c", gates=["b"]))
    bench.until_called("b")
    bench.traps.lose_acknowledgement("node.completed")
    bench.open("b")
    done = bench.finished(its_id)
    assert bench.traps.lost_acknowledgement("node.completed")
    assert done["outputs"] == {"y": f"{bench.prefix}-c"}
    assert {name: len(bench.calls(name)) for name in "abc"} == {"a": 1, "b": 1, "c": 1}


def test_s12_of_ten_branches_only_those_without_commit_run_again(bench: Bench) -> None:
    """P6: no barrier, and the join sees all ten."""
    names = [f"b{number}" for number in range(10)]
    committed, open_ones = names[:4], names[4:]
    nodes: dict[str, Any] = {"in": {"type": "input", "config": {"inputName": "x"}}}
    nodes |= {name: bench.effect(name, gate=bench.gate("rest") if name in open_ones else "") for name in names}
    value = " ".join(f"{{{{{name}.data.name}}}}" for name in names)
    nodes["out"] = {"type": "output", "join": "all", "config": {"outputName": "y", "value": value}}
    edges = [("in", name) for name in names] + [(name, "out") for name in names]
    its_id = bench.start(workflow("fan", nodes, edges))
    bench.until_completed(its_id, *committed)
    for name in open_ones:
        bench.until_called(name)
    bench.kill_owner(its_id, "io-lane")
    for name in open_ones:
        bench.until_called(name, 2)
    bench.open("rest")
    done = bench.finished(its_id)
    assert done["outputs"] == {"y": " ".join(f"{bench.prefix}-{name}" for name in names)}
    assert {name: len(bench.calls(name)) for name in names} == dict.fromkeys(committed, 1) | dict.fromkeys(open_ones, 2)


def test_s13_a_loop_goes_on_at_its_iteration(bench: Bench) -> None:
    body = bench.effect("round", gate=bench.gate("round-{{loop.index}}"))
    body["config"]["url"] = body["config"]["url"].replace(
        f"{bench.prefix}-round?", f"{bench.prefix}-round-{{{{loop.index}}}}?"
    )
    nodes = {
        "in": {"type": "input", "config": {"inputName": "x"}},
        "each": {"type": "loop", "config": {"loopType": "count", "count": 5}},
        "round": body,
        "out": {"type": "output", "config": {"outputName": "y", "value": "{{each}}"}},
    }
    edges = [("in", "each"), ("each", "round", "loop-body"), ("round", "each"), ("each", "out", "loop-exit")]
    its_id = bench.start(workflow("rounds", nodes, edges))
    for number in range(3):
        bench.open(f"round-{number}")
    bench.until_called("round-3")
    epoch = bench.kill_owner(its_id)
    bench.until_recovered(its_id, epoch)
    for number in range(3, 5):
        bench.open(f"round-{number}")
    bench.finished(its_id)
    assert [len(bench.calls(f"round-{number}")) for number in (0, 1, 2, 4)] == [1, 1, 1, 1]
    indices = [event["index"] for event in bench.of_type(its_id, "scope.started")]
    assert indices == [0, 1, 2, 3, 4]


def test_s14_a_backoff_survives_with_the_time_that_it_had(bench: Bench) -> None:
    """R32: neither at once, nor from the first attempt, nor the whole delay again."""
    delay_ms = 30_000 if FULL else 5_000
    policy = {"retry": {"maxAttempts": 3, "initialDelayMs": 100, "factor": delay_ms / 100}}
    nodes = {
        "in": {"type": "input", "config": {"inputName": "x"}},
        "shaky": bench.effect("shaky", failing=2, policy=policy),
    }
    its_id = bench.start(workflow("shaky", nodes, [("in", "shaky")]))
    bench.until(lambda: len(bench.of_type(its_id, "node.retrying")) == 2)
    bench.kill_owner(its_id)
    bench.finished(its_id)
    starts = bench.of_type(its_id, "node.started", instance="shaky")
    due_at = _time(bench.of_type(its_id, "node.retrying")[1]["due_at"])
    assert [(start["attempt"], start["tries"]) for start in starts] == [(1, 1), (2, 2), (3, 3)]
    assert _time(starts[2]["ts"]) >= due_at
    assert [effect.tries for effect in bench.calls("shaky")] == [1, 2, 3]


def test_s15_after_the_last_try_nothing_is_waited_for(bench: Bench) -> None:
    """A delay of ten minutes would follow, if there were another try."""
    policy = {"retry": {"maxAttempts": 3, "initialDelayMs": 1, "factor": 775, "maxDelayMs": 600_000}}
    nodes = {
        "in": {"type": "input", "config": {"inputName": "x"}},
        "never": bench.effect("never", failing=99, policy=policy),
    }
    its_id = bench.start(workflow("never", nodes, [("in", "never")]))
    done = bench.finished(its_id, "failed")
    assert [effect.tries for effect in bench.calls("never")] == [1, 2, 3]
    ends = bench.of_type(its_id, "node.retrying", "node.failed")
    assert [event["type"] for event in ends] == ["node.retrying", "node.retrying", "node.failed"]
    assert done["error"]["attempt"] == 3
    rows = bench.server.nodes(its_id)
    tried = [(row["attempt"], row["status"], row["error"]["code"]) for row in rows if row["node_id"] == "never"]
    assert tried == [(number, "failed", done["error"]["code"]) for number in (1, 2, 3)]


def test_s16_what_no_retry_can_mend_is_tried_once(bench: Bench) -> None:
    policy = {"retry": {"maxAttempts": 5, "initialDelayMs": 1}}
    done = bench.finished(bench.start(_misbehaving("fatal", **policy)), "failed")
    assert (done["error"]["code"], done["error"]["attempt"]) == ("INVALID_NODE_CONFIG", 1)
    assert "this will never work" in done["error"]["message"]
    refused = {
        "in": {"type": "input", "config": {"inputName": "x"}},
        "gone": bench.effect("gone", status=404, policy=policy),
    }
    its_id = bench.start(workflow("gone", refused, [("in", "gone")]))
    done = bench.finished(its_id, "failed")
    assert len(bench.calls("gone")) == 1
    assert "404" in done["error"]["message"]


@pytest.mark.parametrize("lane", ["io", "task"])
@pytest.mark.parametrize("how", ["unserialisable", "unpicklable"])
def test_s17_what_cannot_be_written_down_fails_its_node_and_nothing_else(bench: Bench, how: str, lane: str) -> None:
    its_id = bench.start(_misbehaving(how, execution={"lane": lane}))
    done = bench.finished(its_id, "failed")
    assert done["error"]["node_id"] == "bad"
    assert ("UnpicklableError" if how == "unpicklable" else "JSON") in done["error"]["message"]
    listed = bench.replicas[0].get("/v1/executions", params={"limit": 5})
    assert its_id in {entry["id"] for entry in listed.json()["data"]}


def test_s18_an_error_that_looks_like_the_databases_is_the_nodes(bench: Bench) -> None:
    its_id = bench.start(_misbehaving("database", retry={"maxAttempts": 2, "initialDelayMs": 1}))
    done = bench.finished(its_id, "failed")
    assert "server closed the connection unexpectedly" in done["error"]["message"]
    assert len(bench.epochs(its_id)) == bench.epochs(its_id).count(1)
    assert bench.replicas[0].get("/readyz").status_code == 200


def test_s20_a_running_execution_keeps_the_plan_it_started_with(bench: Bench) -> None:
    http = bench.replicas[0]
    saved = http.post("/v1/workflows", json=bench.chain("a", "old", gates=["a"])).json()
    its_id = bench.ack(http.post(f"/v1/workflows/{saved['id']}/execute", json={}).json()["id"])
    bench.until_called("a")
    changed = http.put(f"/v1/workflows/{saved['id']}", json=bench.chain("a", "new"))
    assert changed.json()["version"] == 2
    epoch = bench.kill_owner(its_id)
    bench.until_recovered(its_id, epoch)
    bench.open("a")
    assert bench.finished(its_id)["outputs"] == {"y": f"{bench.prefix}-old"}
    assert (len(bench.calls("old")), len(bench.calls("new"))) == (1, 0)


def test_s21_an_execution_of_an_earlier_release_goes_on(bench: Bench) -> None:
    """Recorded while it waited for two people, after a loop, a parallel and a branch; see ``stored_0_1_0.json``."""
    its_id = bench.ack(_restored(bench))
    assert bench.get(its_id)["status"] == "paused"
    tokens = bench.tokens(its_id)
    bench.complete(tokens["ann"], 7)
    bench.complete(tokens["bob"], {"ok": "yes"})
    assert bench.finished(its_id)["outputs"] == {"y": "7 3 yes"}


def test_s21_what_no_release_has_written_is_refused_with_its_reason(bench: Bench) -> None:
    """A log from a later release, say: rather no output than a wrong one."""
    its_id = _restored(bench, '"type":"node.completed"', '"type":"node.from_the_future"')
    answer = bench.replicas[0].post(f"/v1/executions/{its_id}/cancel")
    assert answer.status_code == 202
    bench.until(lambda: bench.row(its_id).status == "crashed")
    assert "node.from_the_future" in bench.row(its_id).crash_reason
    assert bench.get(its_id)["outputs"] in (None, {})


def _restored(bench: Bench, *change: str) -> str:
    """Insert the recorded rows under a new id; ``change``: ``(what, by what)`` to replace in its log."""
    its_id, own = str(uuid.uuid4()), uuid.uuid4().hex
    rows = json.loads(STORED.read_text().replace("$ID", its_id))
    with bench.engine.execution_options(**{WRITES: True}).begin() as connection:
        for table in (plans, executions, events, node_logs, waitpoints, snapshots):
            for row in rows[table.name]:
                found = {name: _bytes_or(value) for name, value in row.items()}
                if table is waitpoints:
                    connection.execute(delete(waitpoints).where(waitpoints.c.token_hash == found["token_hash"]))
                if table is events and change:
                    found["events"] = found["events"].replace(*(part.encode() for part in change))
                if table is plans:
                    found["hash"] = f"{found['hash']}-{own}"
                if table is executions:
                    found["plan_hash"] = f"{found['plan_hash']}-{own}"
                if table is snapshots and change:
                    continue
                connection.execute(insert(table).values(found))
    return its_id


def _bytes_or(value: Any) -> Any:
    return value["$bytes"].encode() if isinstance(value, dict) and "$bytes" in value else value


def test_s22_a_deadline_counts_from_the_start_whoever_drives(bench: Bench) -> None:
    """R14: not again from the recovery."""
    budget = timedelta(seconds=6)
    deadline = datetime.now(UTC) + budget
    its_id = bench.start(bench.chain("a", gates=["a"]), deadline=deadline.isoformat())
    bench.until_called("a")
    bench.kill_owner(its_id)
    done = bench.finished(its_id, "timed_out")
    assert done["error"]["code"] == "EXECUTION_TIMEOUT"
    ended = _time(done["ended_at"])
    taken_over = _time(bench.of_type(its_id, "execution.recovered")[0]["ts"])
    assert ended >= deadline - timedelta(milliseconds=1)
    # From the recovery on, it would have been later by what had passed until then.
    assert ended - max(deadline, taken_over) < min(taken_over - _time(done["started_at"]), budget)


def test_s23_a_step_that_ignores_its_timeout_is_given_up(bench: Bench) -> None:
    """R14, R35, R49: its late result is discarded, and its slot is free."""
    nodes = {
        "in": {"type": "input", "config": {"inputName": "x"}},
        "deaf": {
            "type": "misbehaving", "config": {"how": "compute", "ms": 6_500}, "timeoutMs": 300,
        },
        "next": bench.effect("next"),
        "ann": {"type": "pause", "config": {"prompt": "Ann?"}},
    }  # fmt: skip
    definition = workflow(
        "deaf", nodes, [("in", "deaf"), ("deaf", "next", "error"), ("next", "ann")], settings={"maxConcurrentNodes": 1}
    )
    its_id = bench.start(definition)
    bench.until_called("next")
    ended = bench.of_type(its_id, "node.failed", instance="deaf")[0]
    assert (ended["error"]["code"], ended["routed"]) == ("NODE_TIMEOUT", True)
    bench.complete(bench.until(lambda: bench.tokens(its_id))["ann"], {})
    bench.finished(its_id)
    assert bench.of_type(its_id, "node.completed", instance="deaf") == []


def _misbehaving(how: str, **policy: Any) -> dict[str, Any]:
    nodes = {
        "in": {"type": "input", "config": {"inputName": "x"}},
        "bad": {"type": "misbehaving", "config": {"how": how}, **policy},
    }
    return workflow("misbehaving", nodes, [("in", "bad")])


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
