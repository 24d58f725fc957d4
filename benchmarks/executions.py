"""Chains, fan-outs, waiting nodes and many executions on a running server, each figure with its checks."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.measuring import Figure, percentile, report
from benchmarks.server import flowray_server, info
from benchmarks.workloads import Definition, broken, chain, effect_chain, fan_out, waiting_fan_out
from tests.fakes.loopback import loopback_server

TERMINAL = "execution.completed"


async def slow(request: Request) -> JSONResponse:
    """Answers after ``ms``."""
    await asyncio.sleep(int(request.query_params.get("ms", "1000")) / 1000)
    return JSONResponse({"n": request.query_params.get("n")})


class Bench:
    """Runs definitions on one server."""

    def __init__(self, base_url: str) -> None:
        self.http = httpx.Client(base_url=base_url, timeout=300)

    def save(self, definition: Definition) -> str:
        """Save a workflow, so that runs measure starting and running, not compiling."""
        answer = self.http.post("/v1/workflows", json=definition)
        answer.raise_for_status()
        return str(answer.json()["id"])

    def once(self, workflow_id: str, definition: Definition, expected: Any) -> tuple[float, float, str]:
        """``(engine seconds, HTTP seconds, why it does not count)`` of one run.

        Engine seconds: from the commit of the start to the terminal event, by the events' own times.
        """
        began = time.perf_counter()
        answer = self.http.post(f"/v1/workflows/{workflow_id}/execute?wait=60", json={"inputs": {"n": 1, "zero": 0}})
        took = time.perf_counter() - began
        execution = answer.json()
        if answer.status_code != 200:
            return 0.0, took, f"HTTP {answer.status_code}"
        events = self.events(execution["id"])
        rows = self.rows(execution["id"])
        problem = broken(events, rows, definition, execution["outputs"], expected)
        engine = _seconds(execution["created_at"], events[-1]["ts"])
        return engine, took, problem

    def events(self, execution_id: str) -> list[dict[str, Any]]:
        """All events."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.http.get(
                f"/v1/executions/{execution_id}/events",
                params={"after": found[-1]["seq"] if found else 0},
                headers={"Accept": "application/json"},
            ).json()["data"]
            if not page:
                return found
            found.extend(page)

    def rows(self, execution_id: str) -> list[dict[str, Any]]:
        """All node logs."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            params: dict[str, Any] = {"limit": 200, **({"cursor": cursor} if cursor else {})}
            page = self.http.get(f"/v1/executions/{execution_id}/nodes", params=params).json()
            found.extend(page["data"])
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    def figures(self, name: str, definition: Definition, expected: Any, rounds: int) -> list[Figure]:
        """Two figures: the engine's, and over HTTP."""
        workflow_id = self.save(definition)
        self.once(workflow_id, definition, expected)  # warm
        runs = [self.once(workflow_id, definition, expected) for _ in range(rounds)]
        problem = next((problem for _, _, problem in runs if problem), "")
        boundary = "commit of the start to the terminal event"
        engine = Figure(name, "s", [run[0] for run in runs], boundary, not problem, problem)
        http = Figure(f"{name}, over HTTP", "s", [run[1] for run in runs], "POST to answer", not problem, problem)
        return [engine, http]

    def first_event(self, rounds: int) -> list[Figure]:
        """``POST …/execute`` with an event stream to the first node event, warm."""
        workflow_id = self.save(chain(5))
        samples = [self._first_event(workflow_id) for _ in range(rounds + 5)][5:]
        note = f"p99 {percentile(samples, 0.99):.1f} ms"
        return [Figure("POST execute to first node event", "ms", samples, "request to node.started", note=note)]

    def _first_event(self, workflow_id: str) -> float:
        began = time.perf_counter()
        headers = {"Accept": "text/event-stream"}
        with self.http.stream(
            "POST", f"/v1/workflows/{workflow_id}/execute", json={"inputs": {"n": 1}}, headers=headers
        ) as stream:
            took = 0.0
            for line in stream.iter_lines():
                if not took and line == "event: node.started":
                    took = (time.perf_counter() - began) * 1000
        return took

    def many(
        self, executions: int, steps: int, rounds: int, shape: Callable[[int], Definition] = chain
    ) -> list[Figure]:
        """``executions`` runs of a chain, started by one batch call."""
        definition = shape(steps)
        workflow_id = self.save(definition)
        samples, problems = [], []
        for _ in range(rounds + 1):
            took, problem = self._many(workflow_id, executions, steps)
            samples.append(took)
            problems.append(problem)
        problem = next((problem for problem in problems[1:] if problem), "")
        rate = executions / sorted(samples[1:])[len(samples[1:]) // 2]
        name = f"{executions} executions x {steps} {'steps' if shape is chain else 'effects'}"
        return [Figure(name, "s", samples[1:], "first created to last ended", not problem, problem or f"{rate:.0f}/s")]

    def _many(self, workflow_id: str, executions: int, steps: int) -> tuple[float, str]:
        inputs = [{"n": number, "zero": 0} for number in range(executions)]
        answer = self.http.post(f"/v1/workflows/{workflow_id}/batches", json={"inputs": inputs})
        answer.raise_for_status()
        batch_id = answer.json()["batch_id"]
        deadline = time.monotonic() + 120
        rows: list[dict[str, Any]] = []
        while time.monotonic() < deadline:
            lines = self.http.get(f"/v1/batches/{batch_id}/results").text.splitlines()
            rows = [json.loads(line) for line in lines]
            if len(rows) == executions and all(row.get("status") == "completed" for row in rows):
                break
            time.sleep(0.1)
        else:
            return 0.0, f"only {len(rows)} of {executions} ended"
        records = [self.http.get(f"/v1/executions/{row['execution_id']}").json() for row in rows]
        wrong = [record["id"] for record in records if record["outputs"] != {"count": steps}]
        created = min(record["created_at"] for record in records)
        ended = max(record["ended_at"] for record in records)
        return _seconds(created, ended), f"{len(wrong)} wrong outputs" if wrong else ""


def _seconds(began: str, ended: str) -> float:
    """Seconds between two ISO 8601 times."""
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()


def main(rounds: int = 5) -> None:
    """All workloads on one warm server."""
    with loopback_server(Starlette(routes=[Route("/slow", slow)])) as slow_url, flowray_server() as base_url:
        bench = Bench(base_url)
        figures = bench.first_event(rounds=40)
        figures += bench.figures("chain of 100 pure nodes", chain(100), {"count": 100}, rounds)
        figures += bench.figures("chain of 1,000 pure nodes", chain(1_000), {"count": 1_000}, 3)
        figures += bench.figures("fan-out of 100", fan_out(100), {"count": 100}, rounds)
        figures += bench.figures("fan-out of 1,000", fan_out(1_000), {"count": 1_000}, 3)
        waiting = waiting_fan_out(200, f"{slow_url}/slow?ms=1000")
        figures += bench.figures("200 nodes that wait 1 s", waiting, {"done": "yes"}, 3)
        figures += bench.figures("chain of 100 effects", effect_chain(100), {"count": 100}, rounds)
        figures += bench.many(200, 10, 3)
        figures += bench.many(200, 10, 3, effect_chain)
        report("Executions", figures, "executions", info(base_url))


if __name__ == "__main__":
    main()
