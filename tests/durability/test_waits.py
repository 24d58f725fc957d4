"""Scenarios 39 to 53 and 58: waits, tokens, people, on the in-process runtime over SQLite and PostgreSQL.

Each runs on one of the two databases, even numbers on PostgreSQL; with FLOWRAY_ACCEPTANCE_FULL=1 on both.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flowray.engine import stimuli as st
from flowray.engine.signals import Signals, Wait
from flowray.handlers.node_task import NodeTask
from flowray.persistence.memory.store import MemoryStore
from flowray.runtime.children import crash_row
from flowray.runtime.driver import REST_AFTER_MS
from flowray.runtime.live import crash_write
from flowray.runtime.orchestrator import Orchestrator
from tests.databases import postgres_url, sqlite_url
from tests.durability.waiting_house import INPUT, PAUSE, SHARED, House, house_on, output, waits_for
from tests.engine.plans import PlanMaker
from tests.integration.definitions import workflow
from tests.runtime.harness import Clock, succeeded
from tests.runtime.harness import House as FakeHouse

__all__ = ["postgres_url", "sqlite_url"]

FULL = os.environ.get("FLOWRAY_ACCEPTANCE_FULL") == "1"
_SCENARIO = re.compile(r"test_s(\d\d)_")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "house" not in metafunc.fixturenames:
        return
    number = _SCENARIO.match(metafunc.function.__name__)
    assert number is not None
    chosen = ("sqlite", "postgres") if FULL else (("postgres", "sqlite")[int(number[1]) % 2],)
    marks = {"sqlite": [], "postgres": [pytest.mark.postgres]}
    metafunc.parametrize("house", [pytest.param(name, marks=marks[name]) for name in chosen], indirect=True)


@pytest.fixture
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    async with house_on(request.getfixturevalue(f"{request.param}_url")) as opened:
        yield opened


async def test_s39_an_answer_before_the_wait_is_found_by_it(house: House) -> None:
    created = await house.create(tags=["early"])
    kept = await house.complete(created["token"], {"ok": 1})
    assert kept.json() == {"status": "completed", "already_completed": False, "data": {"ok": 1}}
    its_id = await house.start(SHARED, {"token": created["token"]})
    assert await house.done(its_id) == {"ok": 1}
    [closed] = await house.events(its_id, "waitpoint.closed")
    assert (closed["status"], closed["data"]) == ("completed", {"ok": 1})


async def test_s39_a_name_is_waited_for_before_it_is_created(house: House) -> None:
    named = workflow("n", {"in": INPUT, "w": waits_for(waitType="waitpoint", sharedName="go"), "out": output()},
                     [("in", "w"), ("w", "out")])  # fmt: skip
    first = await house.start(named)
    await house.waiting(first)
    created = await house.create(name="go")
    assert (await house.complete(created["token"], 7)).status_code == 200
    second = await house.start(named)
    assert [await house.done(first), await house.done(second)] == [7, 7]


@pytest.mark.timeout(600)
async def test_s40_no_answer_between_looking_and_waiting_is_lost(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer is sent while its wait is being begun: before, within or after the commit. Nothing sweeps, so that
    one that slips through would wait for ever, and the test with it.

    With everything that is run each goes alone and none takes a second. One that does is run again, a few at most: what
    a busy machine does to it once is nothing of its own.
    """
    repeats, at_once = (1_000, 1) if FULL else (150, 10)
    monkeypatch.setattr(Orchestrator, "sweep", lambda orchestrator: None)

    async def race(number: int) -> float:
        token = (await house.create())["token"]
        begun = asyncio.create_task(house.start(SHARED, {"token": token}))
        for _ in range(number % 7):
            await asyncio.sleep(0)
        kept = await house.complete(token, number)
        assert kept.json()["already_completed"] is False
        its_id, since = await begun, time.monotonic()
        assert await house.done(its_id) == number
        return time.monotonic() - since

    took: list[float] = []
    for first in range(0, repeats, at_once):
        took += await asyncio.gather(*(race(number) for number in range(first, first + at_once)))
    assert len(took) == repeats
    if FULL:
        slow = [number for number, seconds in enumerate(took) if seconds >= 1]
        assert len(slow) <= repeats // 100
        assert max([await race(number) for number in slow], default=0) < 1


async def test_s41_of_a_hundred_answers_at_once_one_counts(house: House) -> None:
    its_id = await house.start(PAUSE)
    [waiting] = await house.waiting(its_id)
    answers = await asyncio.gather(*(house.complete(waiting["token"], number) for number in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["data"] for answer in answers}) == 1
    assert sum(not answer.json()["already_completed"] for answer in answers) == 1
    assert await house.done(its_id) == answers[0].json()["data"]
    assert len(await house.events(its_id, "waitpoint.closed")) == 1


async def test_s42_an_acknowledged_answer_survives_the_death_of_all(house: House) -> None:
    """Nobody drives anything when the answer comes, and the process that took it ends right after its 200."""
    person, shared = await house.start(PAUSE), await house.create()
    waits = await house.start(SHARED, {"token": shared["token"]})
    [waiting] = await house.waiting(person)
    await house.waiting(waits)
    house.runtime._orchestrator.stop()
    assert (await house.complete(waiting["token"], "yes")).status_code == 200
    assert (await house.complete(shared["token"], "go")).status_code == 200
    await house.restart()
    assert [await house.done(person), await house.done(waits)] == ["yes", "go"]


async def test_s43_an_answer_and_the_end_of_time_have_one_outcome(house: House) -> None:
    """Both come at the same moment, again and again: what the answer was told, the execution did."""
    short = workflow(
        "short",
        {"in": INPUT, "w": {"type": "pause", "config": {"timeoutMs": 40, "timeoutValue": "late"}}, "out": output()},
        [("in", "w"), ("w", "out")],
    )

    async def race(number: int) -> tuple[str, str]:
        its_id = await house.start(short)
        waits = (await house.http.get(f"/v1/waitpoints?status=all&execution_id={its_id}")).json()["data"]
        while not waits:
            await asyncio.sleep(0)
            waits = (await house.http.get(f"/v1/waitpoints?status=all&execution_id={its_id}")).json()["data"]
        await asyncio.sleep(number % 10 * 0.005)
        told = await house.complete(waits[0]["token"], "answered")
        said = told.json()["data"] if told.status_code == 200 else told.json()["code"]
        return said, await house.done(its_id)

    outcomes = set(await asyncio.gather(*(race(number) for number in range(30))))
    assert outcomes <= {("answered", "answered"), ("WAITPOINT_TIMEOUT", "late")}


def test_s44_seven_days_pass_over_a_restart_and_nobody_holds_anything() -> None:
    day = 86_400_000
    clock = Clock()
    store = MemoryStore(clock)
    plan = PlanMaker().chain("sleep", "after").build()
    began = clock.now

    def sleeps(task: NodeTask) -> st.AttemptSucceeded:
        return succeeded(task, signals=Signals(wait=Wait(until_ms=began + 7 * day)))

    def owner(name: str) -> FakeHouse:
        return FakeHouse(store, clock, name, {"sleep": sleeps, "after": "awake"})

    first = owner("o1")
    first.start(plan)
    first.tick(REST_AFTER_MS)
    assert first.orchestrator.driver.owned() == []
    for days in (3 * day, 7 * day - 1):
        clock.now = began + days
        later = owner(f"after {days}")
        later.sweep()
        waiting = store.execution_by_id("e1")
        assert waiting is not None
        assert (waiting.status, waiting.owner_id, later.orchestrator.driver.owned()) == ("waiting", None, [])
    clock.now = began + 7 * day
    owner("last").sweep()
    done = store.execution_by_id("e1")
    assert done is not None
    assert (done.status, done.outputs) == ("completed", {"after": "awake"})


async def test_s45_a_token_outlives_the_process_that_gave_it(house: House) -> None:
    its_id = await house.start(PAUSE)
    [before] = await house.waiting(its_id)
    await house.restart()
    [after] = await house.waiting(its_id)
    assert (after["token"], after["waitpoint_id"]) == (before["token"], before["waitpoint_id"])
    assert len(await house.events(its_id, "node.waiting")) == 1
    assert (await house.complete(before["token"], "old link")).status_code == 200
    assert await house.done(its_id) == "old link"


async def test_s46_two_branches_wait_and_each_goes_on_alone(house: House) -> None:
    nodes = {
        "in": INPUT, "a": {"type": "pause", "config": {}}, "b": {"type": "pause", "config": {}},
        "after_a": {"type": "variable", "config": {"variableName": "a", "value": "{{a}}"}},
        "after_b": {"type": "variable", "config": {"variableName": "b", "value": "{{b}}"}},
        "out": output("{{var.a}}/{{var.b}}"),
    }  # fmt: skip
    nodes["out"]["config"]["format"] = "string"
    edges = [("in", "a"), ("in", "b"), ("a", "after_a"), ("b", "after_b"), ("after_a", "out"), ("after_b", "out")]
    its_id = await house.start(workflow("two", nodes, edges))
    tokens = {waiting["node_id"]: waiting["token"] for waiting in await house.waiting(its_id, 2)}
    await house.complete(tokens["b"], "second")
    [left] = (await house.until(its_id, lambda now: len(now["waiting_for"]) == 1 and now["status"] == "paused"))[
        "waiting_for"
    ]
    assert left["node_id"] == "a"
    completed = [event["node_id"] for event in await house.events(its_id, "node.completed")]
    assert ("after_b" in completed, "after_a" in completed) == (True, False)
    await house.complete(tokens["a"], "first")
    assert await house.done(its_id) == "first/second"


async def test_s47_five_rounds_of_rejection_repeat_no_earlier_effect(house: House) -> None:
    nodes = {
        "in": INPUT,
        "L": {"type": "loop", "config": {"loopType": "for", "count": 5}},
        "draft": {"type": "variable", "config": {"variableName": "draft", "value": "{{loop.index}}"}},
        "ask": {"type": "pause", "config": {}},
        "out": output("{{L}}"),
    }  # fmt: skip
    edges = [("in", "L"), ("L", "draft", "loop-body"), ("draft", "ask"), ("ask", "L"), ("L", "out", "loop-exit")]
    its_id = await house.start(workflow("rounds", nodes, edges))
    seen: set[str] = set()
    for number in range(5):
        [waiting] = (await house.until(its_id, lambda now: any(w["token"] not in seen for w in now["waiting_for"])))[
            "waiting_for"
        ]
        seen.add(waiting["token"])
        if number == 2:
            await house.restart()
        assert (await house.complete(waiting["token"], f"no {number}")).status_code == 200
    assert await house.done(its_id) == [f"no {number}" for number in range(5)]
    started = [event["instance"] for event in await house.events(its_id, "node.started") if event["node_id"] == "draft"]
    assert started == [f"L[{number}]/draft" for number in range(5)]


async def test_s48_an_answer_that_does_not_fit_leaves_the_token_open(house: House) -> None:
    created = await house.create(expected_input={"type": "object", "required": ["n"]})
    its_id = await house.start(SHARED, {"token": created["token"]})
    await house.waiting(its_id)
    refused = await house.complete(created["token"], {"m": 1})
    assert (refused.status_code, refused.json()["code"]) == (422, "INVALID_INPUT")
    assert (await house.http.get(f"/v1/waitpoints/{created['token']}")).json()["status"] == "open"
    assert (await house.complete(created["token"], {"n": 1})).status_code == 200
    assert await house.done(its_id) == {"n": 1}


async def test_s49_one_token_releases_fifty_executions(house: House) -> None:
    created = await house.create()
    ids = [await house.start(SHARED, {"token": created["token"]}) for _ in range(50)]
    for its_id in ids:
        await house.waiting(its_id)
    listed = (await house.http.get("/v1/waitpoints?kind=waitpoint&limit=200")).json()["data"]
    assert len(listed) == 50
    assert (await house.complete(created["token"], "go")).status_code == 200
    assert [await house.done(its_id) for its_id in ids] == ["go"] * 50


async def test_s50_what_a_failed_wait_waited_for_does_not_wake_its_retry(house: House) -> None:
    """The first try times out; its answer, coming late, must not be taken for the second one's."""
    pause = {"type": "pause", "config": {"timeoutMs": 30}, "retry": {"maxAttempts": 2, "initialDelayMs": 1}}
    nodes = {"in": INPUT, "w": pause, "out": output()}
    its_id = await house.start(workflow("retried", nodes, [("in", "w"), ("w", "out")]))
    second = await house.until(
        its_id, lambda now: any(w["waitpoint_id"].endswith("#2") for w in now["waiting_for"]) or now["error"]
    )
    waits = (await house.http.get(f"/v1/waitpoints?status=all&execution_id={its_id}")).json()["data"]
    tokens = {waiting["waitpoint_id"].rpartition("#")[2]: waiting["token"] for waiting in waits}
    late = await house.complete(tokens["1"], "ghost")
    assert (late.status_code, late.json()["code"]) == (409, "WAITPOINT_TIMEOUT")
    ended = await house.with_status(its_id, "failed", "completed")
    assert (ended["status"], ended["outputs"]) == ("failed", {})
    assert second["status"] in ("paused", "running", "failed")


@pytest.mark.parametrize("how", ["cancelled", "crashed"])
async def test_s51_the_end_of_a_child_is_an_error_of_its_parent(house: House, how: str) -> None:
    saved = (await house.http.post("/v1/workflows", json=PAUSE)).json()
    call = {"type": "subworkflow", "config": {"workflowId": saved["id"]}}
    nodes = {"in": INPUT, "call": call, "out": output("{{call.code}}")}
    its_id = await house.start(workflow("parent", nodes, [("in", "call"), ("call", "out", "error")]))
    found = await house.until(its_id, lambda now: any(waiting["child_id"] for waiting in now["waiting_for"]))
    child_id = found["waiting_for"][0]["child_id"]
    await house.waiting(child_id)
    if how == "cancelled":
        assert (await house.http.post(f"/v1/executions/{child_id}/cancel")).status_code == 202
    else:
        record = house.runtime.reader.execution_by_id(child_id)
        assert record is not None
        end = crash_row(record, "by the test", record.last_seq + 1)
        assert end is not None
        write = crash_write(child_id, record.epoch, record.last_seq, record.updated_at, "by the test", (end,))
        await house.runtime.write([write])
        await house.runtime.wake([its_id])
    assert await house.done(its_id) == f"EXECUTION_{how.upper()}"


async def test_s52_resuming_twice_and_running_again_double_nothing(house: House) -> None:
    its_id = await house.start(PAUSE)
    [waiting] = await house.waiting(its_id)
    body = {"data": "yes", "waitpoint_id": waiting["waitpoint_id"]}
    both = await asyncio.gather(*(house.http.post(f"/v1/executions/{its_id}/resume", json=body) for _ in range(2)))
    assert {answer.status_code for answer in both} <= {202, 409}
    assert await house.done(its_id) == "yes"
    assert len(await house.events(its_id, "node.completed")) == 3
    again = (await house.http.post(f"/v1/executions/{its_id}/rerun", json={"from_node": "w"})).json()["id"]
    [anew] = await house.waiting(again)
    assert anew["token"] != waiting["token"]
    old = await house.complete(waiting["token"], "no")
    assert old.json() == {"status": "completed", "already_completed": True, "data": "yes"}
    await house.complete(anew["token"], "again")
    assert await house.done(again) == "again"
    assert await house.done(its_id) == "yes"


async def test_s53_an_execution_goes_on_in_another_database(house: House, tmp_path: Path) -> None:
    nodes = {
        "in": INPUT,
        "big": {"type": "variable", "config": {"variableName": "big", "value": "{{text}}"}},
        "P": {"type": "parallel", "config": {"collection": "{{xs}}", "itemVariable": "x"}},
        "ask": {"type": "pause", "config": {"prompt": "{{x}}?"}},
        "nap": waits_for(duration="7d"),
        "out": output("{{P}}"),
        "all": {"type": "output", "config": {"outputName": "z", "value": "{{text}}", "format": "string"}},
    }  # fmt: skip
    edges: list[tuple[str, ...]] = [("in", "big"), ("big", "P"), ("P", "ask", "loop-body"), ("ask", "P")]
    edges += [("P", "out", "loop-exit"), ("out", "all"), ("in", "nap")]
    inputs = {"xs": ["a", "b"], "text": "x" * 100_000}
    its_id = await house.start(workflow("moved", nodes, edges), inputs)
    tokens = {waiting["prompt"]: waiting["token"] for waiting in await house.waiting(its_id, 3)}
    await house.complete(tokens["a?"], "A")
    here = await house.until(its_id, lambda now: len(now["waiting_for"]) == 2 and now["status"] == "waiting")
    exported = await house.http.get(f"/v1/executions/{its_id}/export")
    assert exported.status_code == 200, exported.text
    assert len(exported.json()["payloads"]) >= 1
    async with house_on(f"sqlite:///{tmp_path / 'other.db'}") as other:
        imported = await other.http.post("/v1/executions/import", content=exported.content)
        assert imported.status_code == 201, imported.text
        unchanging = ("status", "inputs", "waiting_for", "progress", "plan_hash", "created_at", "started_at")
        there = imported.json()
        assert {name: there[name] for name in unchanging} == {name: here[name] for name in unchanging}
        assert (await other.http.post("/v1/executions/import", content=exported.content)).status_code == 200
        for place in (house, other):
            assert (await place.complete(tokens["b?"], "B")).json()["already_completed"] is False
        results = []
        for place in (house, other):
            done = await place.until(its_id, lambda now: "all" in now["progress"]["completed_nodes"])
            assert (await place.http.post(f"/v1/executions/{its_id}/cancel")).status_code == 202
            done = await place.with_status(its_id, "cancelled")
            results.append((done["outputs"], done["progress"], done["status"]))
            seqs = [event["seq"] for event in await place.events(its_id)]
            assert seqs == list(range(1, len(seqs) + 1))
        assert results[0] == results[1]
        assert results[0][0] == {"y": ["A", "B"], "z": inputs["text"]}


async def test_s58_whatever_an_execution_does_it_can_be_cancelled_once(house: House) -> None:
    sleeping = workflow("sleeping", {"in": INPUT, "w": waits_for(duration="7d"), "out": output()},
                        [("in", "w"), ("w", "out")])  # fmt: skip
    asleep = await house.start(sleeping)
    await house.with_status(asleep, "waiting")
    for _ in range(2):
        assert (await house.http.post(f"/v1/executions/{asleep}/cancel")).status_code in (200, 202)
    assert (await house.with_status(asleep, "cancelled"))["waiting_for"] == []
    finished = await house.start(workflow("short", {"in": INPUT, "out": output("1")}, [("in", "out")]))
    await house.done(finished)
    no = await house.http.post(f"/v1/executions/{finished}/cancel")
    assert (no.status_code, no.json()["code"]) == (409, "EXECUTION_ENDED")
    assert (await house.http.post("/v1/executions/nobody/cancel")).status_code == 404
