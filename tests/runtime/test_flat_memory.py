"""What has run leaves memory (R7, R36): by what Python allocates. Processes are measured by a benchmark."""

from __future__ import annotations

import asyncio
import threading
import tracemalloc

from benchmarks.workloads import heavy_chain
from flowray.compiler.documents import compile_document
from flowray.handlers.registry import default_registry
from flowray.persistence.spool import NEAR_BYTES
from tests.runtime.test_local import bench

NODES = 400
OUTPUT_BYTES = 100_000


async def test_r36_a_chain_of_large_outputs_does_not_fill_the_memory() -> None:
    """40 MB go by. What stays: the first payloads of the store in memory, the log, and what is being read now."""
    registry = default_registry(plugins=False)
    plan = compile_document(heavy_chain(NODES), registry.node_types()).plan
    async with bench(registry) as desk:
        tracemalloc.start()
        try:
            row = await desk.run(plan, text="x" * OUTPUT_BYTES)
            held, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert row.outputs == {"last": NODES - 1}
        # Behind the commit that ends the execution, the driver tells the lane what nobody reads any more.
        told = threading.Event()
        desk.runtime._orchestrator.driver.call(desk.runtime._lane.soon, told.set)
        assert await asyncio.to_thread(told.wait, 60)
        assert desk.runtime._cache.held_bytes <= 2 * OUTPUT_BYTES
        assert held < NEAR_BYTES + 100 * OUTPUT_BYTES, "of the 400 outputs that went by"
        assert peak < NEAR_BYTES + 130 * OUTPUT_BYTES
