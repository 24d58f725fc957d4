"""Runs workflows on one server and makes figures of the runs that count. Which workflows, others say."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import httpx

from benchmarks.ledger import seconds_of
from benchmarks.measuring import Figure, Goal
from benchmarks.server import Server
from benchmarks.workloads import Definition, chain
from flowray.persistence.records import ExecutionRecord

BOUNDARY = "commit of the start to the terminal event; HTTP: POST to answer"
BATCH_BOUNDARY = "one batch call: commit of the first start to the last terminal event; HTTP: a POST each, 50 in flight"
IN_FLIGHT = 50
LIMIT_S = 240.0
LOOK_S = 0.05
INPUTS = {"n": 1, "zero": 0}


@dataclass(frozen=True)
class Run:
    """Seconds of one run, and why it does not count."""

    engine: float
    http: float
    problem: str


class Bench:
    """One server, and what is saved on it."""

    def __init__(self, server: Server) -> None:
        self.ledger, self.pid = server.ledger, server.pid
        self.http = httpx.Client(base_url=server.base_url, timeout=LIMIT_S)

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def save(self, definition: Definition) -> str:
        """Save a workflow, so that runs measure starting and running, not compiling."""
        answer = self.http.post("/v1/workflows", json=definition)
        answer.raise_for_status()
        return str(answer.json()["id"])

    # -- one execution ---------------------------------------------------------------------------------------------

    def once(self, workflow_id: str, definition: Definition, expected: Any) -> Run:
        """One run, asked for by a POST that waits for the end. Engine seconds are by the events' own times."""
        began = time.perf_counter()
        answer = self.http.post(f"/v1/workflows/{workflow_id}/execute?wait=60", json={"inputs": INPUTS})
        took = time.perf_counter() - began
        if answer.status_code != 200:
            return Run(0.0, took, f"HTTP {answer.status_code}")
        record = self.ledger.record(answer.json()["id"])
        problem = self.ledger.problem([record] if record else [], definition, expected)
        return Run(seconds_of([record]) if record else 0.0, took, problem)

    def figure(
        self,
        name: str,
        definition: Definition,
        expected: Any,
        rounds: int,
        *,
        goal: Goal | None = None,
        details: dict[str, Any] | None = None,
    ) -> Figure:
        """Both columns, after one run to warm up."""
        workflow_id = self.save(definition)
        self.once(workflow_id, definition, expected)
        return figure_of(name, [self.once(workflow_id, definition, expected) for _ in range(rounds)], goal, details)

    # -- the first event -------------------------------------------------------------------------------------------

    def first_event(self, rounds: int) -> list[Figure]:
        """``POST …/execute`` with an event stream to the first node event, warm: the median, and the 99th centile."""
        definition = chain(5)
        workflow_id = self.save(definition)
        for _ in range(10):
            self._first_event(workflow_id)
        runs = [self._first_event(workflow_id) for _ in range(rounds)]
        problems = (self.ledger.problem([found] if found else [], definition, {"count": 5}) for _, found in runs)
        problem = next(filter(None, problems), "")
        samples = [took for took, _ in runs]
        p99 = statistics.quantiles(samples, n=100, method="inclusive")[98]
        boundary = "first byte of the request to event: node.started"
        return [
            Figure("POST to the first node event", "ms", samples, boundary, not problem, problem, goal=Goal(12)),
            Figure("  99th centile", "ms", [p99], boundary, not problem, problem, {"of": rounds}, goal=Goal(50)),
        ]

    def _first_event(self, workflow_id: str) -> tuple[float, ExecutionRecord | None]:
        began = time.perf_counter()
        url, headers = f"/v1/workflows/{workflow_id}/execute", {"Accept": "text/event-stream"}
        took, execution_id = 0.0, ""
        with self.http.stream("POST", url, json={"inputs": INPUTS}, headers=headers) as stream:
            for line in stream.iter_lines():
                if not took and line == "event: node.started":
                    took = (time.perf_counter() - began) * 1_000
                if not execution_id and line.startswith("data: {"):
                    execution_id = json.loads(line.removeprefix("data: ")).get("execution_id", "")
        return took, self.ledger.record(execution_id)

    # -- many executions -------------------------------------------------------------------------------------------

    def batch(
        self,
        workflow_id: str,
        count: int,
        definition: Definition,
        expected: Any,
        look: Callable[[int], None] = lambda ended: None,
    ) -> Run:
        """``count`` executions by one call. ``look`` is told, now and then, how many have ended."""
        inputs = [{"n": number, "zero": 0} for number in range(count)]
        began = time.perf_counter()
        answer = self.http.post(f"/v1/workflows/{workflow_id}/batches", json={"inputs": inputs})
        answer.raise_for_status()
        batch_id = answer.json()["batch_id"]
        while True:
            asked = time.perf_counter()
            ended = self.ledger.ended(batch_id)
            look(ended)
            took = time.perf_counter() - asked
            if ended == count:
                break
            if asked - began > LIMIT_S:
                return Run(0.0, 0.0, f"only {ended} of {count} had ended after {LIMIT_S:.0f} s")
            time.sleep(max(LOOK_S, 10 * took))
        records = self.ledger.records(batch_id)
        return Run(seconds_of(records), 0.0, self.ledger.problem(records, definition, expected, count))

    def one_by_one(self, workflow_id: str, count: int, definition: Definition, expected: Any) -> Run:
        """``count`` executions, a POST for each, 50 in flight; ``http``: from the first POST to the last answer."""
        url = f"/v1/workflows/{workflow_id}/execute?wait=60"

        def post(number: int) -> str:
            answer = self.http.post(url, json={"inputs": {"n": number, "zero": 0}})
            return str(answer.json()["id"]) if answer.status_code == 200 else ""

        began = time.perf_counter()
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            ids = list(pool.map(post, range(count)))
        took = time.perf_counter() - began
        records = [record for its_id in ids if its_id and (record := self.ledger.record(its_id))]
        return Run(0.0, took, self.ledger.problem(records, definition, expected, count))

    def many(self, name: str, count: int, definition: Definition, expected: Any, rounds: int) -> Figure:
        """Seconds for all, by one batch call; over HTTP, one POST for each."""
        workflow_id = self.save(definition)
        self.batch(workflow_id, max(count // 10, 1), definition, expected)
        runs = []
        for _ in range(rounds):
            by_batch = self.batch(workflow_id, count, definition, expected)
            by_post = self.one_by_one(workflow_id, count, definition, expected)
            runs.append(Run(by_batch.engine, by_post.http, by_batch.problem or by_post.problem))
        return replace(figure_of(name, runs, None, {"executions": count}), boundary=BATCH_BOUNDARY)


def figure_of(
    name: str, runs: Sequence[Run], goal: Goal | None = None, details: dict[str, Any] | None = None
) -> Figure:
    """One figure of several runs: INVALID if one of them is."""
    problem = next((run.problem for run in runs if run.problem), "")
    engine, http = [run.engine for run in runs], [run.http for run in runs if run.http]
    return Figure(name, "s", engine, BOUNDARY, not problem, problem, details or {}, http, goal)


def rate(figure: Figure, count: int, goal: Goal | None = None) -> Figure:
    """The same runs as so many in a second."""
    engine, http = ([count / taken if taken else 0.0 for taken in samples] for samples in (figure.samples, figure.http))
    return replace(figure, name="  in a second", unit="/s", samples=engine, http=http, goal=goal)
