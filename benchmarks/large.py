"""What is large: many nodes, many calls that wait, many executions, many people who have not answered yet.

``python -m benchmarks large``: on one warm server. Memory is that of all processes under this one, Ray's included.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route

from benchmarks.executions import Bench, slow
from benchmarks.measuring import Figure, descendants, report, resident_bytes
from benchmarks.server import flowray_server, info
from benchmarks.workloads import Definition, chain, fan_out, waiting_fan_out
from tests.fakes.loopback import loopback_server

MIB = 1024 * 1024
LOOK_S = 0.25
PEOPLE = 1_000
ROWS = 10_000


def resident() -> float:
    """MiB of all processes that this one has started."""
    found = 0
    for pid in descendants(os.getpid()):
        try:
            found += resident_bytes(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue  # It has ended meanwhile.
    return found / MIB


class Peak:
    """The most memory seen."""

    def __init__(self) -> None:
        self.before = resident()
        self.most = self.before

    @property
    def growth(self) -> float:
        """MiB above what there was before."""
        return self.most - self.before


@contextmanager
def peak() -> Iterator[Peak]:
    """Looks at the memory while the block runs."""
    found, over = Peak(), threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_S):
            found.most = max(found.most, resident())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield found
    finally:
        over.set()
        watcher.join()


def waiting(bench: Bench, count: int, url: str) -> list[Figure]:
    """So many nodes that each wait a second for an answer, and what they take in memory."""
    name = f"{count:,} nodes that wait 1 s"
    with peak() as memory:
        figures = bench.figures(name, waiting_fan_out(count, url), {"done": "yes"}, 3)
    boundary = "before the first run to the most during all"
    return [*figures, Figure(f"{name}, memory", "MiB", [memory.growth], boundary)]


def batch(bench: Bench) -> list[Figure]:
    """One call with many inputs."""
    with peak() as memory:
        figures = bench.many(ROWS, 5, 1)
    boundary = "before the first run to the most during both"
    return [*figures, Figure(f"{ROWS:,} executions x 5 steps, memory", "MiB", [memory.growth], boundary)]


def asks_a_person() -> Definition:
    """Waits for a day."""
    nodes: dict[str, Any] = {
        "start": {"type": "input", "config": {"inputName": "n"}},
        "ask": {"type": "pause", "config": {"message": "Shall it go on?", "timeoutMs": 86_400_000}},
        "end": {"type": "output", "config": {"outputName": "n", "value": "{{n}}"}},
    }
    edges = [{"source": "start", "target": "ask"}, {"source": "ask", "target": "end"}]
    return {"name": "asks a person", "nodes": nodes, "edges": edges, "entryPoint": "start"}


def people(bench: Bench) -> list[Figure]:
    """Executions that wait for somebody: bytes of database, and what is still driven, once they have been given up."""
    workflow_id = bench.save(asks_a_person())
    body = {"inputs": [{"n": number} for number in range(PEOPLE)]}
    answer = bench.http.post(f"/v1/workflows/{workflow_id}/batches", json=body)
    answer.raise_for_status()
    batch_id = answer.json()["batch_id"]
    deadline = time.monotonic() + 120
    waiting: list[str] = []
    while len(waiting) < PEOPLE and time.monotonic() < deadline:
        time.sleep(1)
        waiting = _waiting(bench, batch_id)
    taken: list[float] = []
    problem = "" if len(waiting) == PEOPLE else f"only {len(waiting)} wait"
    while waiting and not problem:
        figures = [bench.http.get(f"/v1/executions/{its_id}/storage").json() for its_id in waiting[::10]]
        taken = [figure["total"] / 1024 for figure in figures]
        if all(figure["snapshots"] for figure in figures):
            break  # Each has been given up by its owner, which keeps a snapshot in its place.
        problem = "" if time.monotonic() < deadline else "some are still driven"
    bench.http.post("/v1/executions/cancel", json={"filter": {"batch_id": batch_id}})
    boundary = "rows of an execution that waits, as they are stored"
    return [
        Figure(
            f"{PEOPLE:,} executions that wait for a person, each", "KiB", taken or [0.0], boundary, not problem, problem
        )
    ]


def _waiting(bench: Bench, batch_id: str) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    while True:
        params = {"batch_id": batch_id, "limit": 200, **({"cursor": cursor} if cursor else {})}
        page = bench.http.get("/v1/executions", params=params).json()
        found += [row["id"] for row in page["data"] if row["status"] in ("waiting", "paused")]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def main() -> None:
    """All of it on one warm server."""
    with loopback_server(Starlette(routes=[Route("/slow", slow)])) as slow_url, flowray_server() as base_url:
        bench = Bench(base_url)
        bench.once(bench.save(chain(5)), chain(5), {"count": 5})
        idle = Figure("idle server, Ray included", "MiB", [resident()], "resident memory of all processes")
        figures = [idle, *bench.figures("fan-out of 10,000", fan_out(10_000), {"count": 10_000}, 2)]
        figures += bench.figures("chain of 10,000", chain(10_000), {"count": 10_000}, 2)
        for count in (200, 5_000):
            figures += waiting(bench, count, f"{slow_url}/slow?ms=1000")
        figures += batch(bench)
        figures += people(bench)
        report("Large", figures, "large", info(base_url))


if __name__ == "__main__":
    main()
