"""Memory of every process while a chain of large outputs runs: it must not grow with what has run.

``python -m benchmarks memory``: 9,998 transform nodes between an input and an output, each with 100 KB of its own.
In process on SQLite, in process with everything in memory, and on a server on Ray.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.ledger import problem_of
from benchmarks.measuring import Figure, Goal, relaxed, report, resident_bytes
from benchmarks.roles import roles
from benchmarks.server import server_on
from benchmarks.workloads import heavy_chain
from flowray.bootstrap import build_registry, local_runtime
from flowray.compiler.documents import compile_document
from flowray.definition.inputs import prepare_inputs
from flowray.engine.statuses import ExecutionStatus
from flowray.persistence.records import ExecutionRecord
from flowray.plan import plan_hash, plan_to_json
from flowray.runtime.identifiers import new_id
from flowray.settings import Settings

NODES = 9_998
"""With the input and the output node as many as a definition may have."""

OUTPUT_BYTES = 100_000

SETTLED = 0.1
"""Share of the nodes after which caches and code are warm: growth counts from here."""

SHOWN = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)

GROWTH_LIMIT = 0.1
"""Growth after that, as a share of the bytes put out, up to which memory counts as flat. A process that kept the
outputs would grow by 1.
"""


@dataclass
class Curve:
    """Resident bytes of one process by the number of nodes that had completed."""

    name: str
    points: list[tuple[int, int]] = field(default_factory=list)

    def at(self, share: float, total: int) -> float:
        """MB when ``share`` of the nodes had completed: the first sample from there on."""
        found = [rss for completed, rss in self.points if completed >= share * total]
        return (found or [self.points[-1][1]])[0] / 1e6

    def figure(self, total: int, problem: str) -> Figure:
        """The growth per 1,000 nodes, with what the process had on the way."""
        first, last = self.at(SETTLED, total), self.at(1.0, total)
        on_the_way = "  ".join(f"{share:.0%}: {self.at(share, total):.0f}" for share in SHOWN)
        peak = max(rss for _, rss in self.points) / 1e6
        return Figure(
            f"{self.name}, growth per 1,000 nodes", "MB", [(last - first) / (1 - SETTLED) / total * 1_000],
            f"resident memory, from {SETTLED:.0%} of the nodes to all", valid=not problem,
            note=problem or f"resident MB at {on_the_way}  peak: {peak:.0f}", details={"points": self.points},
            goal=Goal(GROWTH_LIMIT * OUTPUT_BYTES * 1_000 / 1e6),
        )  # fmt: skip


# -- in process ----------------------------------------------------------------------------------------------------


async def child(store: str, nodes: int) -> None:
    """Run the chain in this process; print ``[completed nodes, resident bytes]`` on the way, and last why it does not
    count, with what the runtime says about itself.
    """
    me = os.getpid()
    with tempfile.TemporaryDirectory(prefix="fb", dir="/tmp") as folder:
        settings = Settings(state_dir=Path(folder))
        compiled = compile_document(heavy_chain(nodes), build_registry(settings).node_types())
        runtime = local_runtime(settings, in_memory=store == "memory")
        runtime.start_threads()
        print(json.dumps([0, resident_bytes(me)]), flush=True)
        record = ExecutionRecord(
            id=new_id(), status=ExecutionStatus.QUEUED.value, plan_hash=plan_hash(compiled.plan),
            inputs=prepare_inputs(compiled.contract, {"text": "x" * OUTPUT_BYTES}),
        )  # fmt: skip
        await runtime.start([record], plan_to_json(compiled.plan))
        completed, printed = 0, 0
        async for batch in runtime.follow(record.id):
            completed += sum(recorded.type == "node.completed" for recorded in batch)
            if completed - printed >= nodes / 100 or completed == nodes + 2:
                printed = completed
                print(json.dumps([completed, resident_bytes(me)]), flush=True)
        ended = runtime.reader.execution(record.id)
        assert ended is not None
        problem = problem_of(runtime.reader, ended, heavy_chain(nodes), {"last": nodes - 1})
        print(json.dumps([problem, await runtime.info()]), flush=True)
        await runtime.close()


def _in_process(store: str, nodes: int) -> Figure:
    command = [sys.executable, "-m", "benchmarks.memory", store, str(nodes)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=Path(__file__).parents[1])
    *points, (problem, facts) = [json.loads(line) for line in ran.stdout.splitlines()]
    if store == "sqlite":
        problem = problem or relaxed(facts["durability_mode"])
    curve = Curve(f"in process, {store}", [(completed, rss) for completed, rss in points])
    return curve.figure(nodes, problem)


# -- on Ray --------------------------------------------------------------------------------------------------------


def _on_ray(nodes: int) -> tuple[list[Figure], dict[str, Any]]:
    """The figures, and what the server says about itself."""
    with server_on() as server, httpx.Client(base_url=server.base_url, timeout=60) as http:
        definition = http.post("/v1/workflows", json=heavy_chain(nodes)).raise_for_status().json()
        processes = {role: found[-1] for role, found in roles().items()}
        curves = {role: Curve(f"on Ray, {role}") for role in processes}
        body = {"inputs": {"text": "x" * OUTPUT_BYTES}}
        started = http.post(f"/v1/workflows/{definition['id']}/execute", json=body).raise_for_status().json()
        execution = started
        for execution in _watched(lambda: dict(http.get(f"/v1/executions/{started['id']}").json())):
            completed = execution["progress"]["completed"]
            for role, process in processes.items():
                curves[role].points.append((completed, resident_bytes(process)))
        record = server.ledger.record(execution["id"])
        problem = server.ledger.problem([record] if record else [], heavy_chain(nodes), {"last": nodes - 1})
        return [curve.figure(nodes, problem) for curve in curves.values()], server.facts()


def _watched(look: Callable[[], dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The execution every second until it has ended."""
    while True:
        execution = look()
        yield execution
        if execution["status"] not in ("queued", "running"):
            return
        time.sleep(1)


def main(nodes: int = NODES) -> None:
    """All three."""
    figures = [_in_process("sqlite", nodes), _in_process("memory", nodes)]
    on_ray, facts = _on_ray(nodes)
    title = f"Memory: a chain of {nodes + 2:,} nodes with outputs of {OUTPUT_BYTES:,} bytes"
    report(title, [*figures, *on_ray], "memory", {"nodes": nodes, "output_bytes": OUTPUT_BYTES, **facts})


if __name__ == "__main__":
    asyncio.run(child(sys.argv[1], int(sys.argv[2])))
