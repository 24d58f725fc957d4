"""On Ray: what executions remember for one another outlives them, and the supervisor deletes them when they are due."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select, update

from flowray.bootstrap import open_engine, open_storage
from flowray.persistence.database.engine import WRITES
from flowray.persistence.database.tables import events, executions, is_active
from flowray.persistence.writes.retention import DELETED
from flowray.runtime.crash_points import CrashPoint
from flowray.runtime.doctor import examine
from flowray.runtime.on_ray.session import RaySession
from tests.cluster import FlowrayServer, eventually, hosted
from tests.integration.definitions import workflow
from tests.integration.killing import LONG_S, Trap, killed_at, trap

__all__ = ["trap"]

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]

RUNS = 6


@pytest.fixture(scope="module")
def pair(ray_cluster: RaySession, llm: str) -> Iterator[FlowrayServer]:
    """A server that looks every second for what is due, with two orchestrators, of which one writes (R26)."""
    with hosted(ray_cluster, llm, orchestrators=2, retention_every_s=1) as running:
        yield running


def remembering() -> dict[str, Any]:
    """Appends its name before and after a wait; deleted at once when it has completed."""
    append = {"operation": "append", "key": "log", "scope": "workflow"}
    nodes = {
        "in": {"type": "input", "config": {"inputName": "name"}},
        "before": {"type": "shared-memory", "config": {**append, "value": ["{{name}} begins"]}},
        "wait": {"type": "wait", "config": {"duration": 1, "unit": "seconds"}},
        "after": {"type": "shared-memory", "config": {**append, "value": ["{{name}} ends"]}},
        "big": {"type": "output", "config": {"outputName": "y", "value": "x" * 100_000}},
    }
    edges = [("in", "before"), ("before", "wait"), ("wait", "after"), ("after", "big")]
    return {**workflow("remembers", nodes, edges), "settings": {"retention": {"completedMs": 0}}}


def test_r17_r34_memory_stays_exactly_once_while_executions_are_killed_and_deleted(pair: FlowrayServer) -> None:
    saved = pair.http.post("/v1/workflows", json=remembering())
    assert saved.status_code == 201, saved.text
    url = f"/v1/workflows/{saved.json()['id']}"
    names = [f"n{number}" for number in range(RUNS)]
    ids = []
    for name in names:
        answer = pair.http.post(f"{url}/execute", json={"inputs": {"name": name}})
        assert answer.status_code == 202, answer.text
        ids.append(answer.json()["id"])

    def log() -> list[str]:
        found = pair.http.get(f"{url}/memory/log")
        return [entry[0] for entry in found.json()["value"]] if found.status_code == 200 else []

    eventually(lambda: len(log()) >= RUNS // 2)
    os.kill(pair.pid("orchestrator-1"), signal.SIGKILL)
    eventually(lambda: all(pair.http.get(f"/v1/executions/{its_id}").status_code == 404 for its_id in ids), 120)
    assert sorted(log()) == sorted(f"{name} {word}" for name in names for word in ("begins", "ends"))

    storage = open_storage(pair.settings)

    def purged() -> bool:
        return not storage.reader.upkeep.present(ids) and storage.reader.upkeep.leftovers(0).deleted == 0

    eventually(purged)
    assert all(storage.reader.events.read_raw(its_id) == [] for its_id in ids)
    assert examine(storage.reader, storage.payloads, older_than_ms=24 * 3_600_000).is_well


MANY = 130
"""More than one purge removes (100), and more than one commit hides (20)."""


@killed_at("hub", CrashPoint.PURGED, also=(CrashPoint.DELETED, CrashPoint.COLLECTED))
def test_r34_what_deletes_is_killed_and_the_next_goes_on(pair: FlowrayServer, trap: Trap) -> None:
    """Batch by batch: what is deleted stays so, and nothing stays half deleted."""
    saved = pair.http.post("/v1/workflows", json=large()).json()
    asked = {"inputs": [{"n": number} for number in range(MANY)]}
    batch = pair.http.post(f"/v1/workflows/{saved['id']}/batches", json=asked).json()
    of_batch = executions.c.id.in_(batch["executions"])
    engine = open_engine(pair.settings)

    def count(*conditions: Any) -> int:
        with engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(executions).where(*conditions)).scalar_one())

    eventually(lambda: count(of_batch) == MANY and count(of_batch, is_active()) == 0, LONG_S)
    ids = list(batch["executions"])
    folders = [pair.settings.state_dir / "payloads" / its_id for its_id in ids]
    two_days_ago = time.time() - 2 * 86_400
    for blob in [blob for folder in folders for blob in folder.iterdir()]:
        os.utime(blob, (two_days_ago, two_days_ago))
    # Rounds with nothing to delete get to the other two as well: they must not spring the trap.
    early = trap.point is CrashPoint.DELETED
    if early:
        trap.set(pair)
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        connection.execute(update(executions).where(of_batch).values(retain_until=1))
    if not early:
        trap.set(pair)
    trap.wait()
    # The next one may be at work already: what has gone has gone, and nothing that can be seen has lost anything.
    with engine.connect() as connection:
        logged = set(connection.execute(select(events.c.execution_id).where(events.c.execution_id.in_(ids))).scalars())
        left = {row.id: row.workspace_id for row in connection.execute(select(executions).where(of_batch))}
    visible = {its_id for its_id, workspace in left.items() if workspace != DELETED}
    assert visible <= logged
    assert len(visible) <= MANY - 20
    assert len(left) <= {CrashPoint.DELETED: MANY, CrashPoint.PURGED: MANY - 100, CrashPoint.COLLECTED: 0}[trap.point]
    answers = {its_id: pair.http.get(f"/v1/executions/{its_id}").status_code for its_id in ids if its_id not in visible}
    assert set(answers.values()) == {404}

    storage = open_storage(pair.settings)
    eventually(lambda: count(of_batch) == 0 and not any(folder.exists() for folder in folders), LONG_S)
    assert storage.reader.upkeep.leftovers(0).deleted == 0
    assert examine(storage.reader, storage.payloads, older_than_ms=24 * 3_600_000).is_well


def large() -> dict[str, Any]:
    """An execution with a value that is kept in a file."""
    big = {"type": "output", "config": {"outputName": "y", "value": "x" * 40_000}}
    nodes = {"in": {"type": "input", "config": {"inputName": "n"}}, "big": big}
    return workflow("large", nodes, [("in", "big")])
