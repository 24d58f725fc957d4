"""A run whose rows are not all there does not count. On a real database, from which rows are taken away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from benchmarks.bench import Bench, figure_of
from benchmarks.ledger import Ledger, seconds_of
from benchmarks.local import Local, local_runtime
from benchmarks.measuring import relaxed
from benchmarks.server import Server
from benchmarks.workloads import chain
from flowray.compiler.documents import compile_document
from flowray.persistence.database.engine import writing
from flowray.persistence.records import ExecutionRecord

STEPS = 3
COUNT = {"count": STEPS}
BATCH = "b"


@pytest.fixture
def local() -> Iterator[Local]:
    with local_runtime() as found:
        yield found


def ran(local: Local, count: int = 1) -> list[ExecutionRecord]:
    """So many chains, to their ends."""
    plan = compile_document(chain(STEPS), local.registry.node_types()).plan
    return asyncio.run(local.run(plan, {"n": 1}, count))


def spoil(local: Local, statement: str, its_id: str) -> None:
    """Change what is stored, behind flowray's back."""
    with writing(local.engine).begin() as connection:
        assert connection.execute(text(statement), {"id": its_id}).rowcount > 0


def answered_by(ledger: Ledger, record: ExecutionRecord) -> Bench:
    """A bench whose server answers at once that this execution has completed, or that it has started the batch."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/batches"):
            return httpx.Response(202, json={"batch_id": BATCH})
        return httpx.Response(200, json={"id": record.id, "outputs": COUNT, "status": "completed"})

    bench = Bench(Server("http://test", 0, ledger))
    bench.http = httpx.Client(base_url="http://test", transport=httpx.MockTransport(answer))
    return bench


SPOILED = {
    "events are missing": (
        "DELETE FROM events WHERE execution_id = :id",
        "0 events of",
    ),
    "a node log is missing": (
        "DELETE FROM node_logs WHERE execution_id = :id AND node_id = 'n00001'",
        "4 node logs for 5 nodes, 4 of 5 completed",
    ),
    "a node log has not ended": (
        "UPDATE node_logs SET status = 'running' WHERE execution_id = :id AND node_id = 'n00001'",
        "5 node logs for 5 nodes, 4 of 5 completed",
    ),
    "the execution failed": ("UPDATE executions SET status = 'failed' WHERE id = :id", "ended failed"),
    "an output is wrong": (
        "UPDATE executions SET outputs = replace(outputs, '3', '4') WHERE id = :id",
        "outputs are {'count': 4}, not {'count': 3}",
    ),
}


def test_a_run_that_is_all_there_counts(local: Local) -> None:
    (record,) = ran(local)
    ledger = Ledger(local.engine)
    assert ledger.problem([record], chain(STEPS), COUNT) == ""
    run = answered_by(ledger, record).once("workflow", chain(STEPS), COUNT)
    assert (run.problem, run.engine) == ("", seconds_of([record]))


@pytest.mark.parametrize("name", SPOILED)
def test_a_broken_run_is_reported_as_invalid(local: Local, name: str) -> None:
    """Of one execution, and of one in a batch."""
    statement, problem = SPOILED[name]
    record, *others = ran(local, 3)
    spoil(local, statement, record.id)
    ledger = Ledger(local.engine)
    figure = answered_by(ledger, record).figure("chain", chain(STEPS), COUNT, rounds=2)
    assert not figure.valid
    assert problem in figure.line()
    assert figure.line().split()[1] == "INVALID"
    again = [ledger.record(row.id) for row in (record, *others)]
    found = ledger.problem([row for row in again if row is not None], chain(STEPS), COUNT, 3)
    assert problem in found


def test_an_execution_that_is_missing_does_not_go_unseen(local: Local) -> None:
    records = ran(local, 2)
    assert Ledger(local.engine).problem(records, chain(STEPS), COUNT, 3) == "2 executions, not 3"


def test_one_broken_run_of_several_spoils_the_figure() -> None:
    class Run:
        def __init__(self, engine: float, problem: str) -> None:
            self.engine, self.http, self.problem = engine, 0.0, problem

    runs: Any = [Run(0.1, ""), Run(0.2, "4 node logs"), Run(0.3, "")]
    figure = figure_of("chain", runs)
    assert (figure.valid, figure.note, figure.samples) == (False, "4 node logs", [0.1, 0.2, 0.3])


def test_a_batch_is_looked_at_by_its_rows(local: Local) -> None:
    ledger = Ledger(local.engine)
    records = ran(local, 3)
    spoil(local, "UPDATE executions SET batch_id = 'b' WHERE status = 'completed' AND id <> :id", records[0].id)
    assert ledger.ended("b") == 2
    assert {row.id for row in ledger.records("b")} == {row.id for row in records[1:]}


@pytest.mark.parametrize("name", SPOILED)
def test_one_broken_execution_spoils_its_batch(local: Local, name: str) -> None:
    """Events, node logs and outputs of every one of them are counted, not of the batch as a whole."""
    statement, problem = SPOILED[name]
    records = ran(local, 4)
    for record in records:
        spoil(local, f"UPDATE executions SET batch_id = '{BATCH}' WHERE id = :id", record.id)
    bench = answered_by(Ledger(local.engine), records[0])
    looked: list[int] = []
    run = bench.batch("workflow", 4, chain(STEPS), COUNT, looked.append)
    assert (run.problem, looked) == ("", [4])
    assert run.engine == seconds_of(records)
    spoil(local, statement, records[2].id)
    assert problem in bench.batch("workflow", 4, chain(STEPS), COUNT).problem


def test_a_post_that_fails_spoils_those_beside_it(local: Local) -> None:
    (record,) = ran(local)
    bench = answered_by(Ledger(local.engine), record)
    assert bench.one_by_one("workflow", 2, chain(STEPS), COUNT).problem == ""
    bench.http = httpx.Client(base_url="http://test", transport=httpx.MockTransport(lambda _: httpx.Response(503)))
    assert bench.one_by_one("workflow", 2, chain(STEPS), COUNT).problem == "0 executions, not 2"
    assert bench.once("workflow", chain(STEPS), COUNT).problem == "HTTP 503"


@pytest.mark.postgres
def test_a_postgresql_without_fsync_does_not_count(postgres_url: str, tmp_path: Path) -> None:
    """The tests' own has fsync off, and the mode that a server can see is the default all the same."""
    with Ledger.of(tmp_path, postgres_url) as ledger:
        facts = ledger.facts()
    assert facts["postgresql"]["synchronous_commit"] == "on"
    assert relaxed(facts["durability_mode"]) == "durability is not the default: PostgreSQL with fsync off"
