"""flowray itself, as a user would start it, at the boundary of the peers. Measures nothing else of flowray."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Any

import httpx

from benchmarks.bench import Bench
from benchmarks.ledger import events_of, node_logs, seconds_of
from benchmarks.measuring import relaxed
from benchmarks.peers.environments import UnavailableError
from benchmarks.peers.scripted import TooSlowError
from benchmarks.server import started
from benchmarks.workloads import Definition, chain, fan_out

SHAPES = {"chain": chain, "fan-out": fan_out}
EDGE_NODES = 2
"""Every shape has an input and an output node beside its steps."""


class Flowray:
    """A running server. ``over_http``: one POST for each execution, measured to its answer; else one batch call,
    measured from the commit of the first start to the last terminal event, by the executions' own times.
    """

    def __init__(self, database_url: str, over_http: bool) -> None:
        self._settings = {"database_url": database_url} if database_url else {}
        self._over_http = over_http
        self._open = ExitStack()
        self._saved: dict[tuple[str, int], str] = {}
        self.facts: dict[str, Any] = {}

    def __enter__(self) -> Flowray:
        try:
            server = self._open.enter_context(started(**self._settings))
        except (TimeoutError, RuntimeError) as error:
            raise UnavailableError(f"did not start: {error}") from None
        self._bench = self._open.enter_context(Bench(server))
        self.facts = server.facts()
        problem = relaxed(self.facts["durability_mode"])
        if problem:
            self._open.close()
            raise UnavailableError(f"INVALID: {problem}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def run(self, request: dict[str, Any], limit_s: float) -> dict[str, Any]:
        """The same answer as a peer's script gives. Raises TooSlowError."""
        definition: Definition = SHAPES[request["workload"]](request["steps"])
        key = (request["workload"], request["steps"])
        if key not in self._saved:
            self._saved[key] = self._bench.save(definition)
        run = self._by_post if self._over_http else self._by_batch
        try:
            seconds, records = run(self._saved[key], request, limit_s)
        except httpx.TimeoutException:
            raise TooSlowError(f"over {limit_s:g} s") from None
        except httpx.HTTPError as error:
            raise UnavailableError(f"{type(error).__name__}: {error}"[:160]) from None
        ran = recorded = 0
        ledger = self._bench.ledger
        rows = [row for record in records if (row := ledger.record(record["id"]))]
        for row in rows:
            ran += sum(event["type"] == "node.completed" for event in events_of(ledger.reader, row.id)) - EDGE_NODES
            recorded += sum(log.status == "completed" for log in node_logs(ledger.reader, row.id)) - EDGE_NODES
        outputs = [record["outputs"]["count"] for record in records]
        if not self._over_http:
            seconds = seconds_of(rows)
        return {"seconds": seconds, "outputs": outputs, "steps": ran, "recorded": recorded}

    def _by_batch(self, workflow_id: str, request: dict[str, Any], limit_s: float) -> tuple[float, list[Any]]:
        began = time.perf_counter()
        inputs = [{"n": number} for number in range(request["executions"])]
        answer = self._bench.http.post(f"/v1/workflows/{workflow_id}/batches", json={"inputs": inputs})
        answer.raise_for_status()
        results = f"/v1/batches/{answer.json()['batch_id']}/results"
        while True:
            rows = [json.loads(line) for line in self._bench.http.get(results).text.splitlines()]
            if len(rows) == request["executions"] and all(row.get("status") == "completed" for row in rows):
                break
            if time.perf_counter() - began > limit_s:
                raise TooSlowError(f"over {limit_s:g} s")
            time.sleep(0.05)
        took = time.perf_counter() - began
        return took, [self._bench.http.get(f"/v1/executions/{row['execution_id']}").json() for row in rows]

    def _by_post(self, workflow_id: str, request: dict[str, Any], limit_s: float) -> tuple[float, list[Any]]:
        url = f"/v1/workflows/{workflow_id}/execute?wait=60"

        def one(number: int) -> Any:
            answer = self._bench.http.post(url, json={"inputs": {"n": number}}, timeout=limit_s)
            answer.raise_for_status()
            return answer.json()

        began = time.perf_counter()
        with ThreadPoolExecutor(request["in_flight"]) as pool:
            records = list(pool.map(one, range(request["executions"])))
        return time.perf_counter() - began, records
