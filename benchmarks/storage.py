"""Bytes that an execution takes: two typical workflows, by what they are made of, and what the database grows by.

``python -m benchmarks storage``: in process, on SQLite and files. A chain of ten pure nodes, and the support reply of
the examples, whose HTTP answer has 1 KB and whose model streams 200 tokens.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.ledger import problem_of
from benchmarks.local import Local, local_runtime
from benchmarks.measuring import Figure, report
from benchmarks.workloads import chain
from flowray.bootstrap_services import build_services
from flowray.compiler.documents import compile_document
from flowray.engine.signals import Usage
from flowray.handlers.services import ChatChunk, ChatRequest, HttpRequest, HttpResponse, Payloads, Services
from flowray.persistence.database.engine import writing
from flowray.persistence.retention.upkeep import StorageFigures
from flowray.settings import Settings

EXECUTIONS = 200
EXAMPLES = Path(__file__).parents[1] / "examples"
TOKENS = 200
REPLY = {"base_url": "http://test", "customer_id": "c-1", "message": "The export is broken since this morning."}


class Customers:
    """Answers every request with a customer of 1 KB."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Sends nothing."""
        body = json.dumps({"id": "c-1", "name": "Ada", "plan": "team", "notes": "x" * 960}).encode()
        return HttpResponse(200, "OK", {"content-type": "application/json"}, body, request.url, 1)


class Model:
    """Streams 200 tokens of four letters, ten at a time as providers do."""

    async def stream(self, request: ChatRequest) -> AsyncIterator[ChatChunk]:
        """Sends nothing."""
        for _ in range(TOKENS // 10):
            yield ChatChunk(text="word " * 10)
            await asyncio.sleep(0.005)
        yield ChatChunk(finish_reason="stop", usage=Usage(input_tokens=60, output_tokens=TOKENS))


def _services(settings: Settings, payloads: Payloads) -> Services:
    return replace(build_services(settings, payloads), http=Customers(), chat=Model())


@dataclass(frozen=True)
class Work:
    """A workflow and what must come of it; ``ran``: the nodes that its route takes, None for all."""

    name: str
    definition: Any
    inputs: dict[str, Any]
    expected: Any
    ran: tuple[str, ...] | None = None


async def _measured(local: Local, work: Work) -> tuple[list[StorageFigures], float, str]:
    """What each execution takes, by how many bytes the database has grown for each, and why it does not count."""
    plan = compile_document(work.definition, local.registry.node_types()).plan
    await local.run(plan, work.inputs)  # the plan's own row, and everything warm
    before = _pages(local.engine)
    records = await local.run(plan, work.inputs, EXECUTIONS)
    grown = (_pages(local.engine) - before) / EXECUTIONS
    reader = local.runtime.reader
    problems = (problem_of(reader, record, work.definition, work.expected, work.ran) for record in records)
    problem = next(filter(None, problems), "" if len(records) == EXECUTIONS else f"{len(records)} rows")
    return [reader.upkeep.storage(record.id) for record in records], grown, problem


def _pages(engine: Any) -> int:
    """Bytes of the database's pages in use, indexes included."""
    with writing(engine).connect() as connection:
        pages = int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())
        return pages * int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())


def _figures(name: str, taken: list[StorageFigures], grown: float, problem: str) -> list[Figure]:
    parts = [part for part in StorageFigures.__struct_fields__ if any(getattr(item, part) for item in taken)]
    boundary = "an ended execution's rows, as they are stored"
    columns = [(part, [float(getattr(item, part)) for item in taken], boundary) for part in parts]
    columns.append(("total", [float(item.total) for item in taken], boundary))
    columns.append(("growth of the database", [grown], "pages of SQLite, indexes included"))
    return [Figure(f"{name}: {what}", "B", values, where, not problem, problem) for what, values, where in columns]


def works() -> tuple[Work, ...]:
    """Both."""
    reply = json.loads((EXAMPLES / "support-reply.json").read_text(encoding="utf-8"))
    answer = {"to": "Ada", "text": "word " * TOKENS, "promise": "within the hour"}
    route = ("start", "customer", "urgent", "fast", "draft", "reply")
    return (
        Work("chain of ten", chain(10), {"n": 1}, {"count": 10}),
        Work("support reply", reply, REPLY, {"reply": answer}, route),
    )


def main() -> None:
    """Measure both, each in a database of its own."""
    figures, facts = [], {}
    for work in works():
        with local_runtime(services=_services) as local:
            figures += _figures(work.name, *asyncio.run(_measured(local, work)))
            facts = local.facts()
    report("Bytes per execution", figures, "storage", {"executions": EXECUTIONS, "tokens": TOKENS, **facts})


if __name__ == "__main__":
    main()
