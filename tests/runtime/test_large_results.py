"""Results of any size (R16): kept in chunks, read by index, never put together unless somebody wants them whole."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from flowray.compiler.documents import compile_document
from flowray.handlers.registry import default_registry
from flowray.persistence.spool import NEAR_BYTES
from flowray.runtime.payload_cache import CachedPayloads
from flowray.values import StoredValue, as_value, payload_ids
from tests.runtime.test_local import bench

BRANCHES = 700
BYTES = 100_000
LIMIT = 64 * 1024 * 1024
CACHE = 4 * 1024 * 1024


def _gather(value: str) -> dict[str, Any]:
    """``BRANCHES`` branches that each put out ``BYTES``; then a node that reads ``value`` of their results."""
    part = {"operation": "passthrough", "inputData": {"number": "{{parallel.index}}", "text": "{{inputs.text}}"}}
    nodes = {
        "start": {"type": "input", "config": {"inputName": "text"}},
        "all": {"type": "parallel", "config": {"count": BRANCHES, "maxConcurrency": 8}},
        "part": {"type": "transform", "config": part, "parentId": "all"},
        "end": {"type": "output", "config": {"outputName": "one", "value": value}},
    }
    edges = [{"source": "start", "target": "all"}, {"source": "all", "target": "end"}]
    return {"name": "gather", "entryPoint": "start", "nodes": nodes, "edges": edges}


async def test_r16_results_beyond_the_limit_of_a_value_are_read_by_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """70 MB of results, where one value has at most 64 MiB: memory stays flat, and one index loads one chunk."""
    loaded: list[str] = []
    load = CachedPayloads.load

    async def noted(self: CachedPayloads, payload_id: str) -> Any:
        loaded.append(payload_id)
        return await load(self, payload_id)

    monkeypatch.setattr(CachedPayloads, "load", noted)
    assert BRANCHES * BYTES > LIMIT
    registry = default_registry(plugins=False)
    plan = compile_document(_gather("{{all[650].number}}"), registry.node_types()).plan
    async with bench(registry) as desk:
        desk.runtime._cache._capacity = CACHE
        tracemalloc.start()
        try:
            row = await desk.run(plan, text="x" * BYTES)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert (row.status, row.outputs) == ("completed", {"one": 650})
        (output,) = [
            event.body["output"]
            for event in await desk.events(row.id)
            if event.type == "node.completed" and event.body["instance"] == "all"
        ]
    stored = as_value(output)
    assert isinstance(stored, StoredValue)
    chunks = set(payload_ids(stored))
    assert len(chunks) > 50
    assert len(chunks & set(loaded)) == 1
    assert peak < NEAR_BYTES + CACHE + LIMIT // 2, "far below what was put out"


async def test_r16_results_beyond_that_limit_cannot_be_read_whole() -> None:
    """The error names the limit; the results themselves are there."""
    registry = default_registry(plugins=False)
    plan = compile_document(_gather("{{all}}"), registry.node_types()).plan
    async with bench(registry) as desk:
        row = await desk.run(plan, text="x" * BYTES)
        assert row.status == "failed"
        assert row.error is not None
        assert row.error["code"] == "CONTEXT_LIMIT_EXCEEDED"
        assert "64 MiB" in row.error["message"] or str(LIMIT) in row.error["message"]
