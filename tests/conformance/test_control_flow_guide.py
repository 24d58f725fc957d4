"""Every workflow in docs/control-flow.md runs, and gives what the page says that it gives."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from flowray.compiler.documents import compile_document
from flowray.definition.inputs import prepare_inputs
from flowray.engine.start_planning import StartRequest
from flowray.handlers.registry import default_registry
from flowray.handlers.services import HttpRequest, HttpResponse
from flowray.persistence.records import ExecutionRecord
from flowray.plan import plan_hash, plan_to_json
from flowray.runtime.identifiers import new_id
from flowray.runtime.start_points import prepare_start
from tests.runtime.test_local import TIMEOUT_S, bench

PAGE = Path(__file__).resolve().parents[2] / "docs" / "control-flow.md"

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

ANSWERS = {"/answer": (200, b'{"answer": 42}'), "/down": (503, b"{}")}


class Example:
    """The service that the page speaks of; ``/slow`` answers long after every limit on the page."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        path = urlsplit(request.url).path
        if path == "/slow":
            await asyncio.sleep(TIMEOUT_S)
        status, content = ANSWERS[path]
        return HttpResponse(status, "Reason", {"content-type": "application/json"}, content, request.url, 1)


def _runs() -> Iterator[Any]:
    """Each workflow with each run that is shown below it."""
    definition = ""
    for language, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if language == "yaml":
            definition = text
        else:
            yield pytest.param(definition, json.loads(text), id=definition.partition("\n")[0] + text[:40])


RUNS = list(_runs())


@pytest.mark.parametrize(("definition", "run"), RUNS)
async def test_a_workflow_of_the_guide_gives_what_the_guide_says(definition: str, run: dict[str, Any]) -> None:
    registry = default_registry(plugins=False)
    compiled = compile_document(definition, registry.node_types())
    assert compiled.diagnostics == ()
    part = run.get("options", {})
    asked = StartRequest(until_node=part.get("run_until"), pins=part.get("pins", {}))
    async with bench(registry, http=Example()) as desk:
        record = ExecutionRecord(
            id=new_id(), status="queued", plan_hash=plan_hash(compiled.plan),
            inputs=prepare_inputs(compiled.contract, run["inputs"]),
        )  # fmt: skip
        record = await prepare_start(desk.runtime, compiled.plan, asked, record, None)
        await desk.runtime.start([record], plan_to_json(compiled.plan))
        await desk.events(record.id)
        row = desk.row(record.id)
    assert (row.status, row.outputs) == (run.get("status", "completed"), run["outputs"])


def test_every_workflow_of_the_guide_is_shown_with_a_run() -> None:
    blocks = [language for language, _ in BLOCK.findall(PAGE.read_text(encoding="utf-8"))]
    assert set(blocks) == {"yaml", "json"}
    assert [pair for pair in zip(blocks, [*blocks[1:], "yaml"], strict=True) if pair == ("yaml", "yaml")] == []
    assert len(RUNS) >= 19
