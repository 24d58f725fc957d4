"""SIGKILL at the crash points outside of driving: callbacks, schedules, requests, answers for many, events, imports.

Those of retention are in test_retention. Each run takes most, FLOWRAY_ACCEPTANCE_FULL=1 all of them. Times that a
dead process leaves behind (a claim, a firing's retry) are moved to now in the database: how long they are is tested
where they are set.
"""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Table, select, update

from flowray.bootstrap import open_engine
from flowray.persistence.callbacks.tables import callbacks
from flowray.persistence.database.engine import WRITES
from flowray.persistence.database.tables import executions, inbox
from flowray.persistence.triggers.tables import trigger_firings, triggers
from flowray.runtime.crash_points import CrashPoint
from tests.cluster import FlowrayServer, eventually
from tests.durability.waiting_house import house_on
from tests.fakes.loopback import loopback_server
from tests.fakes.receiver import Receiver
from tests.integration.definitions import workflow
from tests.integration.killing import FULL, LONG_S, Trap, killed_at, trap

__all__ = ["trap"]

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]

INPUT = {"type": "input", "config": {}}
END = {"type": "output", "config": {"outputName": "y", "value": 1}}
NOTHING = workflow("nothing", {"in": INPUT, "end": END}, [("in", "end")])
PERSON = workflow(
    "person",
    {
        "in": INPUT,
        "w": {"type": "pause", "config": {"prompt": "ok?"}},
        "out": {"type": "output", "config": {"outputName": "y", "value": "{{w}}"}},
    },
    [("in", "w"), ("w", "out")],
)


@pytest.fixture(autouse=True)
def whole(server: FlowrayServer) -> Iterator[None]:
    """A killed replica is back before the next test asks it."""
    yield
    eventually(lambda: server.http.get("/readyz").status_code == 200, LONG_S)


def waits(**config: Any) -> dict[str, Any]:
    """in → wait for somebody else's word → out, which says it."""
    out = {"type": "output", "config": {"outputName": "y", "value": "{{w}}", "format": "json"}}
    nodes = {"in": INPUT, "w": {"type": "wait", "config": config}, "out": out}
    return workflow("waits", nodes, [("in", "w"), ("w", "out")])


def start(server: FlowrayServer, definition: dict[str, Any], **options: Any) -> str:
    answer = server.http.post("/v1/executions", json={"definition": definition, "inputs": {}, "options": options})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def rows(server: FlowrayServer, table: Table, **having: Any) -> list[Any]:
    """Rows of a table with these values."""
    chosen = select(table).where(*(table.c[name] == value for name, value in having.items()))
    with open_engine(server.settings).connect() as connection:
        return list(connection.execute(chosen).all())


def change(server: FlowrayServer, table: Table, values: dict[str, Any], **having: Any) -> None:
    """Give rows with these values others."""
    changed = update(table).where(*(table.c[name] == value for name, value in having.items())).values(values)
    with open_engine(server.settings).execution_options(**{WRITES: True}).begin() as connection:
        connection.execute(changed)


def repeated(server: FlowrayServer, path: str, **sent: Any) -> httpx.Response:
    """Ask as a client does that has got no answer: again, until there is one."""

    def asked() -> httpx.Response | None:
        answer = server.http.post(path, **sent)
        return answer if answer.status_code < 500 else None

    found: httpx.Response = eventually(asked, LONG_S)
    return found


def dies_without_answering(server: FlowrayServer, trap: Trap, path: str, **sent: Any) -> None:
    """Ask while the trap is set: nobody gets an acknowledgement from who dies before giving it."""
    trap.set(server)
    try:
        answer = server.http.post(path, **sent)
    except httpx.TransportError:
        pass
    else:
        assert answer.status_code >= 500, answer.text
    trap.wait()


# -- callbacks ------------------------------------------------------------------------------------------------------


@killed_at("orchestrator", CrashPoint.CALLBACK_SENT, CrashPoint.CALLBACK_CLAIMED)
def test_r24_a_callback_is_told_at_least_once_under_one_id(server: FlowrayServer, trap: Trap) -> None:
    receiver = Receiver()
    sent = int(trap.point is CrashPoint.CALLBACK_SENT)
    with loopback_server(receiver.app) as url:
        trap.set(server)
        its_id = start(server, NOTHING, callback_url=f"{url}/hook")
        trap.wait()
        assert len(receiver.received) == sent
        (left,) = rows(server, callbacks, execution_id=its_id)
        assert (left.status, left.attempts, left.delivered_at) == ("pending", 1, None)
        assert left.leased_until > left.next_at
        assert rows(server, executions, id=its_id)[0].status == "completed"
        change(server, callbacks, {"leased_until": 0}, id=left.id)
        path = f"/v1/executions/{its_id}/callbacks"
        delivered = eventually(
            lambda: found if (found := server.http.get(path).json()["data"][0])["status"] == "delivered" else None,
            LONG_S,
        )
    assert delivered["attempts"] == 2
    assert {(delivery.id, delivery.body) for delivery in receiver.received} == {(left.id, receiver.received[0].body)}
    assert len(receiver.received) == sent + 1


# -- schedules ------------------------------------------------------------------------------------------------------


@killed_at("hub", CrashPoint.FIRING_RECORDED, CrashPoint.FIRING_STARTED)
def test_s63_a_tick_is_started_once_by_whoever_comes_after(server: FlowrayServer, trap: Trap) -> None:
    """Its row names its execution: whether that exists already when the scheduler dies, it is the only one."""
    saved = server.http.post("/v1/workflows", json=NOTHING).json()
    trap.set(server)
    asked = {"workflow_id": saved["id"], "kind": "schedule", "config": {"every": "1s", "catchUp": "all"}}
    trigger = server.http.post("/v1/triggers", json=asked).json()
    trap.wait()
    # Several ticks may have come at once, and the next scheduler may be at work already.
    cut = min(rows(server, trigger_firings, trigger_id=trigger["id"]), key=lambda row: row.scheduled_at)
    (schedule,) = rows(server, triggers, id=trigger["id"])
    assert (cut.status, cut.retry_at is not None) == ("starting", True)
    assert schedule.next_fire_at > cut.scheduled_at
    begun = rows(server, executions, id=cut.execution_id)
    assert len(begun) == int(trap.point is CrashPoint.FIRING_STARTED)
    change(server, trigger_firings, {"retry_at": 0}, trigger_id=trigger["id"], status="starting")

    def started(at_least: int) -> bool:
        found = rows(server, trigger_firings, trigger_id=trigger["id"])
        return len(found) >= at_least and cut.fire_key in {row.fire_key for row in found if row.status == "started"}

    eventually(lambda: started(3), LONG_S)
    assert server.http.post(f"/v1/triggers/{trigger['id']}/disable").status_code == 200
    eventually(lambda: {row.status for row in rows(server, trigger_firings, trigger_id=trigger["id"])} == {"started"})
    fired = rows(server, trigger_firings, trigger_id=trigger["id"])
    ticks = sorted(row.scheduled_at for row in fired)
    assert {later - earlier for earlier, later in itertools.pairwise(ticks)} == {1_000}
    listed = server.http.get("/v1/executions", params={"workflow_id": saved["id"], "limit": 200}).json()["data"]
    assert sorted(row["id"] for row in listed) == sorted(row.execution_id for row in fired)
    assert cut.execution_id in {row["id"] for row in listed}
    for row in listed:
        assert server.finished(row["id"])["status"] == "completed"


@pytest.mark.skipif(not FULL, reason="the same points as of a tick, in another process")
@pytest.mark.parametrize("trap", [(CrashPoint.FIRING_RECORDED, "replica"), (CrashPoint.FIRING_STARTED, "replica")],
                         indirect=True, ids=lambda trap: trap[0].value)  # fmt: skip
def test_a_delivery_that_was_taken_is_started_once_though_nobody_was_answered(
    server: FlowrayServer, trap: Trap
) -> None:
    """The sender gets no answer, and repeats it."""
    saved = server.http.post("/v1/workflows", json=NOTHING).json()
    asked = {"workflow_id": saved["id"], "kind": "webhook", "config": {"auth": "none"}}
    trigger = server.http.post("/v1/triggers", json=asked)
    assert trigger.status_code == 201, trigger.text
    sent: dict[str, Any] = {"json": {"n": 1}, "headers": {"Idempotency-Key": "once"}}
    dies_without_answering(server, trap, trigger.json()["url"], **sent)
    (cut,) = rows(server, trigger_firings, trigger_id=trigger.json()["id"])
    assert cut.status == "starting"
    assert len(rows(server, executions, id=cut.execution_id)) == int(trap.point is CrashPoint.FIRING_STARTED)
    again = repeated(server, trigger.json()["url"], **sent)
    assert (again.status_code, again.json()["execution_id"]) == (202, cut.execution_id), again.text
    assert server.finished(cut.execution_id, LONG_S)["status"] == "completed"
    listed = server.http.get("/v1/executions", params={"workflow_id": saved["id"]}).json()["data"]
    assert [row["id"] for row in listed] == [cut.execution_id]
    (settled,) = rows(server, trigger_firings, trigger_id=trigger.json()["id"])
    assert settled.status == "started"


# -- answers and events ---------------------------------------------------------------------------------------------


def waiting(server: FlowrayServer, execution_id: str) -> dict[str, Any]:
    """What an execution waits for, once it does."""
    found: list[dict[str, Any]] = eventually(
        lambda: server.http.get(f"/v1/executions/{execution_id}").json()["waiting_for"]
    )
    return found[0]


@killed_at("replica", CrashPoint.REQUEST_DURABLE)
def test_r25_an_answer_in_the_inbox_counts_though_nobody_was_told(server: FlowrayServer, trap: Trap) -> None:
    its_id = start(server, PERSON)
    path = f"/v1/waitpoints/{waiting(server, its_id)['token']}/complete"
    dies_without_answering(server, trap, path, json={"data": "first"})
    assert [row.kind for row in rows(server, inbox, execution_id=its_id)] == ["complete"]
    again = repeated(server, path, json={"data": "second"})
    assert again.json() == {"status": "completed", "already_completed": True, "data": "first"}
    assert server.finished(its_id, LONG_S)["outputs"] == {"y": "first"}


@killed_at("replica", CrashPoint.FANOUT_DURABLE)
def test_s49_an_answer_for_many_reaches_all_though_none_was_told(server: FlowrayServer, trap: Trap) -> None:
    created = server.http.post("/v1/waitpoints", json={}).json()
    ids = [start(server, waits(waitType="waitpoint", token=created["token"])) for _ in range(5)]
    for its_id in ids:
        waiting(server, its_id)
    path = f"/v1/waitpoints/{created['token']}/complete"
    dies_without_answering(server, trap, path, json={"data": "first"})
    assert [len(rows(server, inbox, execution_id=its_id)) for its_id in ids] == [1] * 5
    assert {server.finished(its_id, LONG_S)["outputs"]["y"] for its_id in ids} == {"first"}
    again = repeated(server, path, json={"data": "second"})
    assert again.json() == {"status": "completed", "already_completed": True, "data": "first"}
    for its_id in ids:
        assert [event["type"] for event in server.events(its_id)].count("waitpoint.closed") == 1


@killed_at("replica", also=(CrashPoint.EVENT_FIRED,))
def test_an_event_that_is_told_again_goes_on_where_it_was_cut_off(server: FlowrayServer, trap: Trap) -> None:
    """Two triggers and two who wait: each starts or goes on once, under the event's key."""
    name = f"event-{uuid.uuid4().hex[:8]}"
    saved = server.http.post("/v1/workflows", json=NOTHING).json()
    asked = {"workflow_id": saved["id"], "kind": "event", "config": {"event": name}}
    made = [server.http.post("/v1/triggers", json=asked) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201], made[0].text
    ids = [start(server, waits(waitType="event", eventName=name)) for _ in range(2)]
    for its_id in ids:
        waiting(server, its_id)
    event = {"name": name, "data": {"n": 1}, "key": name}
    dies_without_answering(server, trap, "/v1/events", json=event)
    fired = [rows(server, trigger_firings, trigger_id=answer.json()["id"]) for answer in made]
    assert [[row.status for row in found] for found in fired] == [["started"], ["started"]]
    assert [rows(server, inbox, execution_id=its_id) for its_id in ids] == [[], []]
    told = repeated(server, "/v1/events", json=event).json()
    assert sorted(told["released"]) == sorted(ids)
    assert {entry["execution_id"] for entry in told["fired"]} == {row.execution_id for found in fired for row in found}
    assert [server.finished(its_id, LONG_S)["outputs"] for its_id in ids] == [{"y": {"n": 1}}] * 2
    listed = server.http.get("/v1/executions", params={"workflow_id": saved["id"]}).json()["data"]
    assert len(listed) == 2


# -- imports --------------------------------------------------------------------------------------------------------


def exported(database: Path) -> tuple[str, str, bytes]:
    """An execution of another database that waits for a person, with a large value: its id, its token, its document."""

    async def export() -> tuple[str, str, bytes]:
        async with house_on(f"sqlite:///{database}") as house:
            big = {"type": "variable", "config": {"variableName": "big", "value": "{{text}}"}}
            nodes = {"in": INPUT, "big": big, "w": PERSON["nodes"]["w"], "out": PERSON["nodes"]["out"]}
            definition = workflow("moved", nodes, [("in", "big"), ("big", "w"), ("w", "out")])
            its_id = await house.start(definition, {"text": "x" * 100_000})
            [asked] = await house.waiting(its_id)
            document = await house.http.get(f"/v1/executions/{its_id}/export")
            assert document.status_code == 200, document.text
            assert document.json()["payloads"]
            return its_id, asked["token"], document.content

    return asyncio.run(export())


@killed_at("replica", CrashPoint.IMPORT_DURABLE, also=(CrashPoint.IMPORT_KEPT,))
def test_s53_an_import_that_was_cut_off_is_repeated(server: FlowrayServer, trap: Trap, tmp_path: Path) -> None:
    """Before its rows are durable there is nothing but values; from then on the whole execution is there."""
    its_id, token, document = exported(tmp_path / "there.db")
    path = "/v1/executions/import"
    dies_without_answering(server, trap, path, content=document)
    is_there = trap.point is CrashPoint.IMPORT_DURABLE
    assert len(rows(server, executions, id=its_id)) == int(is_there)
    assert (server.settings.state_dir / "payloads" / its_id).is_dir()
    assert repeated(server, path, content=document).status_code == (200 if is_there else 201)
    answer = server.http.post(f"/v1/waitpoints/{token}/complete", json={"data": "yes"})
    assert answer.json() == {"status": "completed", "already_completed": False, "data": "yes"}
    done = server.finished(its_id, LONG_S)
    assert (done["status"], done["outputs"]) == ("completed", {"y": "yes"})
    seqs = [event["seq"] for event in server.events(its_id)]
    assert seqs == list(range(1, len(seqs) + 1))
