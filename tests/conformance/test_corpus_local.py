"""Each real workflow once on the in-process runtime: real driver, journal, lane and templates, scripted handlers (L6).

It must come to what the engine alone came to with the same decisions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from flowray.definition.node_type import NodeType
from flowray.engine.commands import RunNode
from flowray.engine.plan_index import PlanIndex
from flowray.engine.signals import Signals
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.registry import NodeRegistry
from tests.conformance.corpus_player import Choices, Script, output_of
from tests.conformance.corpus_runs import FileRuns, corpus_runs
from tests.corpus import needs_corpus
from tests.runtime.test_local import Bench, bench

pytestmark = [needs_corpus, pytest.mark.corpus, pytest.mark.timeout(300)]

AT_ONCE = 20
"""Executions under way together: enough to interleave, few enough to end well within the time limit of a read."""


class ScriptedHandler:
    """Takes every type and answers as the script of its execution says. Nobody and nothing is waited for."""

    node_type = NodeType(name="scripted", summary="answers from a script")

    def __init__(self) -> None:
        self.scripts: dict[str, Script] = {}

    def can_handle(self, type_name: str) -> bool:
        return True

    async def execute(self, node: NodeInput) -> NodeResult:
        script = self.scripts[node.execution_id]
        call = RunNode(node.instance, node.node_id, node.attempt, sentinel=node.sentinel, round=node.round)
        reply = script.reply(call, 0)
        if reply.error is not None:
            return NodeResult.failure(reply.error.code, reply.error.message)
        if reply.signals.pause is not None or reply.signals.wait is not None:
            return NodeResult(data=output_of(script.index.nodes[node.node_id].node, node.instance))
        routes = Signals(selected_routes=reply.signals.selected_routes)
        return NodeResult(data=reply.output, signals=routes, variables=reply.variables)


def expected(runs: FileRuns) -> tuple[Any, ...]:
    """Status, outputs, and which instance completed with what, on the engine alone."""
    assert runs.first is not None
    run = runs.first.run
    outputs = {event.instance: event.output for event in run.of_type("node.completed")}
    return run.ended, run.outputs, outputs, sorted(event.instance for event in run.of_type("node.skipped"))


async def came_to(at: Bench, execution_id: str) -> tuple[Any, ...]:
    """The same of an execution of the runtime."""
    events = await at.events(execution_id)
    outputs = {event.body["instance"]: event.body.get("output") for event in events if event.type == "node.completed"}
    skipped = sorted(event.body["instance"] for event in events if event.type == "node.skipped")
    row = at.row(execution_id)
    return row.status, row.outputs, outputs, skipped


def batches(found: list[FileRuns]) -> Iterator[list[FileRuns]]:
    for start in range(0, len(found), AT_ONCE):
        yield found[start : start + AT_ONCE]


async def test_l6_every_real_workflow_ends_on_the_runtime_as_on_the_engine() -> None:
    handler = ScriptedHandler()
    counts: Counter[str] = Counter()
    async with bench(NodeRegistry([handler])) as at:
        for batch in batches([runs for runs in corpus_runs() if runs.plan is not None]):
            for runs in batch:
                assert runs.plan is not None
                assert runs.first is not None
                choices: Choices = dict(runs.first.script.choices)
                handler.scripts[runs.file] = Script(PlanIndex(runs.plan), choices=choices)
                await at.start(runs.plan, runs.file)
            for runs in batch:
                assert await came_to(at, runs.file) == expected(runs), runs.file
                counts[at.row(runs.file).status] += 1
    assert counts == {"completed": 400}
