"""Running side by side brings what the width of a workflow allows: by a clock of its own, and by how many calls a lane
really holds at once. No wall clock decides here; ``python -m benchmarks speedup`` measures.
"""

from __future__ import annotations

import asyncio
import heapq
from itertools import count
from typing import Any

import pytest
from msgspec.structs import replace

from benchmarks.shapes import SHAPES, Shape
from flowray.compiler.documents import compile_document
from flowray.engine import stimuli as st
from flowray.engine.commands import RunNode
from flowray.engine.machine import new_state, step
from flowray.engine.plan_index import PlanIndex
from flowray.handlers.registry import default_registry
from flowray.handlers.services import HttpRequest, HttpResponse
from flowray.plan import ExecutionPlan
from tests.corpus import CORPUS, needs_corpus
from tests.corpus import load_workflow as corpus_workflow
from tests.runtime.test_local import TIMEOUT_S, bench

ANSWER_MS = 100

AT_ONCE = {"input", "output", "transform", "code", "trigger"}
"""Node types that wait for nobody; every other one takes ``ANSWER_MS``."""

REAL = {
    "testdef__file__parallel-file-processing-10-files": 10.0,
    "testdef__multi-model-ensemble__voting-ensemble-3": 3.0,
    "template__parallel-processing-with-aggregation": 2.0,
    "template__industry-report-generator": 2.0,
    "template__employee-onboarding-orchestrator": 2.0,
}
"""Real files → nodes that wait over the longest path of them: all that running side by side can bring."""


def plan_of(document: Any) -> ExecutionPlan:
    """The plan of a document that must compile."""
    return compile_document(document, default_registry(plugins=False).node_types()).plan


def elapsed_ms(plan: ExecutionPlan, at_once: int | None = None) -> int:
    """How long a run takes by a clock on which only waiting nodes take time. ``at_once``: None as the plan says."""
    if at_once is not None:
        plan = replace(plan, settings=replace(plan.settings, max_concurrent_nodes=at_once))
    index, state = PlanIndex(plan), new_state()
    due: list[tuple[int, int, RunNode]] = []
    now, turns = 0, count()
    stimulus: st.AnyStimulus = st.Start(ts=1)
    while True:
        for command in step(index, state, stimulus).commands:
            if isinstance(command, RunNode):
                waits = 0 if plan.nodes[command.node_id].type in AT_ONCE else ANSWER_MS
                heapq.heappush(due, (now + waits, next(turns), command))
        if not due:
            break
        now, _, call = heapq.heappop(due)
        stimulus = st.AttemptSucceeded(ts=now + 1, instance=call.instance, attempt=call.attempt, output=1)
    assert state.status.value == "completed"
    return now


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_shape_gains_all_that_its_width_allows(shape: Shape) -> None:
    """At least twice as fast at the default of ``maxConcurrentNodes`` as at 1."""
    plan = plan_of(shape.definition("http://h/"))
    one_by_one, side_by_side = elapsed_ms(plan, at_once=1), elapsed_ms(plan)
    assert (one_by_one, side_by_side) == (len(shape.waiting) * ANSWER_MS, shape.longest * ANSWER_MS)
    assert one_by_one / side_by_side == shape.gain >= 2


@needs_corpus
@pytest.mark.corpus
@pytest.mark.parametrize("stem", sorted(REAL))
def test_real_workflows_gain_all_that_their_width_allows(stem: str) -> None:
    """The files that the shapes were taken from."""
    assert CORPUS is not None
    plan = plan_of(corpus_workflow(CORPUS / "flowmaestro" / "workflows" / f"{stem}.json")[1])
    assert elapsed_ms(plan, at_once=1) / elapsed_ms(plan) == REAL[stem] >= 2


class PatientService:
    """An HTTP service that answers nobody before ``awaited`` requests wait at once."""

    def __init__(self, awaited: int) -> None:
        self.open, self.most, self._awaited = 0, 0, awaited
        self._full = asyncio.Event()

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.open += 1
        self.most = max(self.most, self.open)
        if self.open >= self._awaited:
            self._full.set()
        async with asyncio.timeout(TIMEOUT_S):
            await self._full.wait()
        self.open -= 1
        return HttpResponse(200, "OK", {"content-type": "application/json"}, b"{}", request.url, 1)


@pytest.mark.parametrize(("at_once", "most"), [(1, 1), (4, 4), (None, 10)])
async def test_r13_a_lane_holds_as_many_calls_as_the_workflow_allows(at_once: int | None, most: int) -> None:
    """Nothing would answer if fewer were sent; never more are open."""
    plan = plan_of(SHAPES[0].definition("http://h/", at_once))
    service = PatientService(most)
    async with bench(http=service) as desk:
        row = await desk.run(plan, n=1)
    assert (row.status, row.outputs, service.most) == ("completed", {"done": "yes"}, most)
