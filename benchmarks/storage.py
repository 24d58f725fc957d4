"""Bytes that an execution takes: two typical workflows, by what they are made of, and what the database grows by.

``python -m benchmarks storage``: in process, on SQLite and files. A chain of ten pure nodes, and the support reply of
the examples, whose HTTP answer has 1 KB and whose model streams 200 tokens.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.local import local_runtime
from benchmarks.measuring import Figure, report
from benchmarks.workloads import chain
from flowray.bootstrap import build_services
from flowray.compiler.documents import compile_document
from flowray.engine.signals import Usage
from flowray.handlers.services import ChatChunk, ChatRequest, HttpRequest, HttpResponse, Payloads, Services
from flowray.persistence.database.engine import writing
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.retention.upkeep import StorageFigures
from flowray.plan import plan_hash, plan_to_json
from flowray.runtime.identifiers import new_id
from flowray.runtime.local import LocalRuntime
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


async def _measured(definition: Any, inputs: dict[str, Any]) -> tuple[list[StorageFigures], float]:
    """What each of the executions takes, and by how many bytes the database has grown for each."""
    with local_runtime(services=_services) as local:
        plan = compile_document(definition, local.registry.node_types()).plan
        await _run(local.runtime, plan, inputs, 1)  # the plan's own row, and everything warm
        before = _pages(local.engine)
        ids = await _run(local.runtime, plan, inputs, EXECUTIONS)
        grown = (_pages(local.engine) - before) / EXECUTIONS
        return [local.storage.reader.upkeep.storage(its_id) for its_id in ids], grown


async def _run(runtime: LocalRuntime, plan: Any, inputs: dict[str, Any], count: int) -> list[str]:
    now = int(time.time() * 1_000)
    records = [
        ExecutionRecord(
            id=new_id(), status="queued", plan_hash=plan_hash(plan), inputs=inputs, created_at=now, updated_at=now
        )
        for _ in range(count)
    ]
    await runtime.start(records, plan_to_json(plan))
    for record in records:
        async for _ in runtime.follow(record.id):
            pass
        row = runtime.reader.execution_by_id(record.id)
        if row is None or row.status != "completed":
            raise AssertionError(f"{record.id} ended {row and row.status}: {row and row.error}")
    return [record.id for record in records]


def _pages(engine: Any) -> int:
    """Bytes of the database's pages in use, indexes included."""
    with writing(engine).connect() as connection:
        pages = int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())
        return pages * int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())


def _figures(name: str, taken: list[StorageFigures], grown: float) -> list[Figure]:
    parts = [part for part in StorageFigures.__struct_fields__ if any(getattr(item, part) for item in taken)]
    boundary = "an ended execution's rows, as they are stored"
    figures = [
        Figure(f"{name}: {part}", "B", [float(getattr(item, part)) for item in taken], boundary) for part in parts
    ]
    figures.append(Figure(f"{name}: total", "B", [float(item.total) for item in taken], boundary))
    figures.append(Figure(f"{name}: growth of the database", "B", [grown], "pages of SQLite, indexes included"))
    return figures


def main() -> None:
    """Measure both."""
    reply = json.loads((EXAMPLES / "support-reply.json").read_text(encoding="utf-8"))
    figures = []
    for name, definition, inputs in (("chain of ten", chain(10), {"n": 1}), ("support reply", reply, REPLY)):
        figures += _figures(name, *asyncio.run(_measured(definition, inputs)))
    report("Bytes per execution", figures, "storage", {"executions": EXECUTIONS, "tokens": TOKENS})
