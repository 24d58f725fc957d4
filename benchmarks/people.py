"""Executions that wait for a person for a day: what they take of the database, of processes and of slots.

``python -m benchmarks people [--database postgresql]``. Counted once each has been given up by its owner; then some are
answered, and must go on and end as they should.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks.bench import Bench
from benchmarks.measuring import Figure, Goal, report
from benchmarks.resident import actors
from benchmarks.server import server_on
from benchmarks.workloads import Definition, chain
from flowray.persistence.records import ExecutionRecord

PEOPLE = 1_000
ANSWERED = 20
DAY_MS = 86_400_000
LIMIT_S = 180.0
WAITING = ("waiting", "paused")


def asks_a_person() -> Definition:
    """Waits for a day, and puts out the answer."""
    nodes: dict[str, Any] = {
        "start": {"type": "input", "config": {"inputName": "n"}},
        "ask": {"type": "pause", "config": {"prompt": "Shall it go on?", "timeoutMs": DAY_MS}},
        "end": {"type": "output", "config": {"outputName": "answer", "value": "{{ask.yes}}", "format": "number"}},
    }
    edges = [{"source": "start", "target": "ask"}, {"source": "ask", "target": "end"}]
    return {"name": "asks a person", "nodes": nodes, "edges": edges, "entryPoint": "start"}


def measured(bench: Bench, count: int) -> list[Figure]:
    """All figures; INVALID if not all wait, or if one that is answered does not end as it should."""
    definition = asks_a_person()
    workflow_id = bench.save(definition)
    bench.once(bench.save(chain(5)), chain(5), {"count": 5})
    processes = actors(bench.pid)
    answer = bench.http.post(f"/v1/workflows/{workflow_id}/batches", json={"inputs": [{"n": n} for n in range(count)]})
    answer.raise_for_status()
    batch_id = answer.json()["batch_id"]
    records, problem = _given_up(bench, batch_id, count)
    more = actors(bench.pid) - processes
    bytes_each = [bench.http.get(f"/v1/executions/{record.id}/storage").json()["total"] for record in records[::10]]
    problem = problem or _answered(bench, definition, records[:ANSWERED])
    bench.http.post("/v1/executions/cancel", json={"filter": {"batch_id": batch_id}})
    owned = [float(sum(record.owner_id is not None for record in records))]
    name = f"{count:,} executions that wait for a person"
    kept = [taken / 1_024 for taken in bytes_each]
    valid = not problem
    return [
        Figure(f"{name}: each", "KiB", kept or [0.0], "rows of one, as they are stored", valid, problem, goal=Goal(20)),
        Figure("  more actors", "", [float(more)], "processes of actors under the server", valid, problem,
               goal=Goal(0)),
        Figure("  held by an orchestrator", "", owned, "rows with an owner", valid, problem, goal=Goal(0)),
    ]  # fmt: skip


def _given_up(bench: Bench, batch_id: str, count: int) -> tuple[list[ExecutionRecord], str]:
    """All executions once they wait and nobody drives them; or why not."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        records = bench.ledger.records(batch_id)
        waiting = sum(record.status in WAITING for record in records)
        owned = sum(record.owner_id is not None for record in records)
        if waiting == count and not owned:
            return records, ""
        if time.monotonic() > deadline:
            return records, f"{waiting} wait, {owned} are still held after {LIMIT_S:.0f} s"
        time.sleep(1)


def _answered(bench: Bench, definition: Definition, records: list[ExecutionRecord]) -> str:
    """What is wrong with the ends of those that are answered, or ""."""
    for record in records:
        (waitpoint,) = bench.http.get(f"/v1/executions/{record.id}").json()["waiting_for"]
        body = {"data": {"yes": 1}}
        bench.http.post(f"/v1/waitpoints/{waitpoint['token']}/complete", json=body).raise_for_status()
    deadline = time.monotonic() + LIMIT_S
    while True:
        rows = [row for record in records if (row := bench.ledger.record(record.id))]
        if all(row.ended_at is not None for row in rows) or time.monotonic() > deadline:
            return bench.ledger.problem(rows, definition, {"answer": 1}, len(records))
        time.sleep(0.2)


def main(database: str = "sqlite", quick: bool = False) -> None:
    """On one warm server."""
    with server_on(database) as server, Bench(server) as bench:
        figures = measured(bench, 50 if quick else PEOPLE)
        report(f"People, {database}", figures, f"people-{database}", server.facts())
