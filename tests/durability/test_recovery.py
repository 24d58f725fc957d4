"""B and C: executions that kill their owners, owners that are frozen or lost, and what lanes keep for the next one.

37 and 38, where Ray itself dies, are in ``test_ray_dies``; the policies alone are in tests/runtime/test_poison and
test_adopting.
"""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import ray
from sqlalchemy import update

from flowray.persistence.database.tables import executions
from flowray.runtime.crash_points import CrashPoint
from flowray.runtime.on_ray.session import RaySession
from tests.cluster import is_gone
from tests.durability.bench import Bench
from tests.durability.conftest import small_server
from tests.durability.effects import Effects, Speech
from tests.integration.definitions import workflow

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]

OUT = {"outputName": "y", "value": "1"}

FULL = os.environ.get("FLOWRAY_ACCEPTANCE_FULL") == "1"


def owner_pid(bench: Bench, execution_id: str) -> int:
    """The process that owns an execution, by the database."""
    owner_id = bench.until(lambda: bench.row(execution_id).owner_id)
    return next(owner.pid for owner in bench.reader.owners() if owner.id == owner_id)


def owned_by_second(bench: Bench, definition: Callable[[], dict[str, Any]], effect: str) -> str:
    """An execution of the orchestrator that may be stopped: on SQLite the first one is who writes for all.

    Each start has a prefix of its own: what the others did must not be counted.
    """
    while True:
        bench.prefix = uuid.uuid4().hex[:8]
        its_id = bench.start(definition())
        bench.until_called(effect)
        if bench.row(its_id).owner_id.startswith("orchestrator-1"):
            return its_id
        bench.cancel(its_id)
        bench.finished(its_id, "cancelled")


def disown(bench: Bench, execution_id: str) -> None:
    """Say in its row that an owner has it that is dead."""
    with bench.engine.begin() as connection:
        connection.execute(update(executions).where(executions.c.id == execution_id).values(owner_id="dead"))


def until_taken_over(bench: Bench, execution_id: str, epoch: int) -> None:
    """Return once somebody owns it under a higher epoch."""
    bench.until(lambda: bench.row(execution_id).epoch > epoch)


def test_s26_of_two_sweeps_at_once_one_takes_over(bench: Bench) -> None:
    """Both orchestrators sweep; the attempt under way goes on in its lane, whoever hears of its end (R38)."""
    its_id = bench.start(bench.chain("a", "b", "c", gates=["b"]))
    bench.until_called("b")
    disown(bench, its_id)
    until_taken_over(bench, its_id, 1)
    bench.open("b")
    done = bench.finished(its_id)
    assert (done["recoveries"], bench.row(its_id).epoch) == (1, 2)
    assert {name: len(bench.calls(name)) for name in "abc"} == {"a": 1, "b": 1, "c": 1}


def test_s27_a_stale_list_of_what_to_take_over_changes_nothing(bench: Bench) -> None:
    its_id = bench.start(bench.chain("a", "b", gates=["a"]))
    bench.until_called("a")
    for prefix in ("orchestrator-0", "orchestrator-1"):
        ray.get(bench.server.actor(prefix).wake.remote([its_id]), timeout=60)
    assert bench.row(its_id).epoch == 1
    bench.open("a")
    assert bench.finished(its_id)["recoveries"] == 0
    assert len(bench.calls("a")) == 1


def test_r38_a_long_task_goes_on_when_its_orchestrator_dies(bench: Bench) -> None:
    """Ray ends the tasks of a process that dies: nothing says that this one is short, so another has submitted it."""
    definition = bench.chain("a", "b", gates=["a"])
    definition["nodes"]["a"]["execution"] = {"lane": "task"}
    its_id = bench.start(definition)
    bench.until_called("a")
    epoch = bench.kill_owner(its_id)
    until_taken_over(bench, its_id, epoch)
    bench.open("a")
    assert bench.finished(its_id)["recoveries"] == 1
    assert [event["attempt"] for event in bench.of_type(its_id, "node.started", instance="a")] == [1]
    assert {name: len(bench.calls(name)) for name in "ab"} == {"a": 1, "b": 1}


def test_s30_an_owner_frozen_between_commit_and_dispatch_starts_nothing(bench: Bench) -> None:
    """L2, R23: it is continued when another has taken over; its dispatch is refused, its writes are fenced, it ends."""
    its_id = owned_by_second(bench, lambda: bench.chain("a", "b", "c", gates=["a"]), "a")
    bench.traps.freeze(CrashPoint.DISPATCH, "orchestrator")
    bench.open("a")
    pid = bench.until(lambda: bench.traps.frozen(CrashPoint.DISPATCH))
    until_taken_over(bench, its_id, 1)
    assert bench.finished(its_id)["outputs"] == {"y": f"{bench.prefix}-c"}
    os.kill(pid, signal.SIGCONT)
    bench.until(lambda: is_gone(pid))
    assert {name: len(bench.calls(name)) for name in "bc"} == {"b": 1, "c": 1}
    attempts = [event["attempt"] for event in bench.of_type(its_id, "node.started", instance="b")]
    assert attempts == [1, 2]


def test_s31_a_result_that_was_not_committed_counts_for_the_next_owner(bench: Bench) -> None:
    """Its owner is frozen with the result in hand. The lane has kept it (R38); what the owner says later is fenced."""
    its_id = owned_by_second(bench, lambda: bench.chain("a", "b", "c", gates=["b"]), "b")
    bench.traps.freeze(CrashPoint.COMMIT_SENT, "orchestrator")
    bench.open("b")
    pid = bench.until(lambda: bench.traps.frozen(CrashPoint.COMMIT_SENT))
    until_taken_over(bench, its_id, 1)
    bench.finished(its_id)
    os.kill(pid, signal.SIGCONT)
    bench.until(lambda: is_gone(pid))
    assert len(bench.of_type(its_id, "node.completed", instance="b")) == 1
    assert {name: len(bench.calls(name)) for name in "abc"} == {"a": 1, "b": 1, "c": 1}


def test_r22_what_a_former_owner_commits_is_fenced(bench: Bench) -> None:
    """It lives, its lease holds, and its commit is on the way when its execution is taken over."""
    its_id = owned_by_second(bench, lambda: bench.chain("a", "b", "c", gates=["b"]), "b")
    bench.traps.hold(CrashPoint.COMMIT_SENT, "orchestrator")
    bench.open("b")
    bench.until(lambda: bench.traps.held(CrashPoint.COMMIT_SENT))
    disown(bench, its_id)
    until_taken_over(bench, its_id, 1)
    if not bench.row(its_id).owner_id.startswith("orchestrator-1"):  # It may be the same again, with a new epoch.
        bench.finished(its_id)
    prefix = bench.prefix
    bench.traps.release()
    later = owned_by_second(bench, lambda: bench.chain("later", gates=["later"]), "later")
    bench.open("later")
    bench.finished(later)  # By then what was held has been said.
    bench.finished(its_id)
    bench.prefix = prefix
    assert len(bench.of_type(its_id, "node.completed", instance="b")) == 1
    assert {name: len(bench.calls(name)) for name in "abc"} == {"a": 1, "b": 1, "c": 1}


def test_r38_a_call_of_a_model_survives_its_orchestrator(bench: Bench) -> None:
    """It is made once, goes on speaking under the next owner, and its text is whole."""
    words = [f"t{number} " for number in range(200)]
    bench.effects.speeches[bench.prefix] = Speech(words, gate=bench.gate("say"), gate_at=100, ms=100 if FULL else 0)
    say = {
        "type": "llm",
        "config": {"prompt": bench.prefix, "model": "told", "baseUrl": f"{bench.effects.base_url}/v1"},
    }
    nodes = {"in": {"type": "input"}, "say": say, "out": {"type": "output", "config": OUT}}
    its_id = bench.start(workflow("say", nodes, [("in", "say"), ("say", "out")]))
    bench.until(lambda: bench.of_type(its_id, "node.token"))
    epoch = bench.kill_owner(its_id)
    until_taken_over(bench, its_id, epoch)
    bench.open("say")
    bench.finished(its_id)
    assert [effect.name for effect in bench.effects.all() if effect.name == bench.prefix] == [bench.prefix]
    events = bench.events(its_id)
    last_reset = max((n for n, event in enumerate(events) if event["type"] == "stream.reset"), default=-1)
    tokens = [event for event in events[last_reset + 1 :] if event["type"] == "node.token"]
    assert "".join(event["text"] for event in tokens) == "".join(words)
    assert {event["attempt"] for event in tokens} == {1}


def test_s33_a_step_that_computes_without_a_pause_is_not_declared_dead(bench: Bench) -> None:
    """Longer than a lease: whoever renews it is not who computes (R27)."""
    busy = {"type": "misbehaving", "config": {"how": "compute", "ms": 60_000 if FULL else 11_000}}
    nodes = {
        "in": {"type": "input"},
        "busy": busy,
        "out": {"type": "output", "config": OUT},
    }
    its_id = bench.start(workflow("busy", nodes, [("in", "busy"), ("busy", "out")]))
    done = bench.finished(its_id)
    assert (done["recoveries"], bench.row(its_id).epoch) == (0, 1)
    assert [event["attempt"] for event in bench.of_type(its_id, "node.started", instance="busy")] == [1]


def test_s35_a_heartbeat_after_the_end_changes_nothing(bench: Bench) -> None:
    its_id = bench.start(bench.chain("a"))
    bench.finished(its_id)
    before = {owner.id: owner.lease_until for owner in bench.reader.owners()}
    bench.until(lambda: any(o.lease_until > before.get(o.id, 0) for o in bench.reader.owners() if o.id in before))
    assert (bench.get(its_id)["status"], bench.row(its_id).owner_id) == ("completed", None)


def test_s36_after_a_lost_lane_the_present_attempt_counts(bench: Bench) -> None:
    """Paused while its lane dies: the new attempt starts with the resume, and it is the one that is heard."""
    its_id = bench.start(bench.chain("a", "b", gates=["a"]))
    bench.until_called("a")
    assert bench.replicas[0].post(f"/v1/executions/{its_id}/pause").status_code == 202
    bench.until(lambda: bench.get(its_id)["pause"])
    bench.kill("io-lane")
    bench.until(lambda: bench.of_type(its_id, "node.retrying", instance="a"))
    assert bench.replicas[0].post(f"/v1/executions/{its_id}/resume").status_code == 202
    bench.until_called("a", 2)
    bench.open("a")
    assert bench.finished(its_id)["outputs"] == {"y": f"{bench.prefix}-b"}
    (completed,) = bench.of_type(its_id, "node.completed", instance="a")
    assert completed["attempt"] == 2


@pytest.mark.skipif(not FULL, reason="a server of its own; tests/runtime/test_poison has the policy")
def test_s19_what_kills_every_owner_is_crashed_and_can_be_redriven(
    ray_cluster: RaySession, llm: str, effects: Effects
) -> None:
    """R28: two failed recoveries are allowed here. What had ended by then is never counted."""
    with small_server(ray_cluster, llm, "", max_recoveries=2) as server:
        bench = Bench(server, effects, "sqlite")
        ended = bench.start(bench.chain("c"))
        bench.finished(ended)
        its_id = bench.start(bench.chain("a", "b", gates=["b"]))
        bench.until_called("b")
        bench.traps.set(CrashPoint.CLAIMED, "orchestrator")
        bench.kill_owner(its_id)
        bench.until(lambda: bench.row(its_id).failed_recoveries == 1)
        bench.traps.set(CrashPoint.CLAIMED, "orchestrator")
        crashed = bench.finished(its_id, "crashed")
        assert "3 processes in a row" in crashed["crash_reason"]
        assert (bench.get(ended)["status"], bench.row(ended).failed_recoveries) == ("completed", 0)
        bench.traps.clear()
        bench.open("b")
        assert bench.replicas[0].post(f"/v1/executions/{its_id}/redrive").status_code == 202
        assert bench.finished(its_id)["outputs"] == {"y": f"{bench.prefix}-b"}
        assert len(bench.calls("a")) == 1
        bench.close()
