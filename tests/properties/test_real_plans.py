"""Every real workflow that compiles, run on the engine with made-up replies, random orders and a crash on the way."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from flowray.compiler.builder import build_plan
from flowray.definition.loading import load_definition
from flowray.definition.node_type import NodeType, Role
from flowray.engine.context import ContextSlice
from flowray.plan import ExecutionPlan
from tests.corpus import load_workflow, needs_corpus, workflow_files
from tests.engine.harness import Reply, Run, err, ok, route

ROLES = {
    "input": Role.SOURCE, "files": Role.SOURCE, "audioInput": Role.SOURCE, "output": Role.OUTPUT,
    "conditional": Role.BRANCH, "switch": Role.BRANCH, "router": Role.BRANCH, "loop": Role.LOOP,
    "parallel": Role.PARALLEL, "comment": Role.NOTE,
}  # fmt: skip


def compiled(path: Path) -> ExecutionPlan | None:
    """The plan with a declaration for every type that it uses; None where there are errors."""
    definition = load_definition(load_workflow(path)[1], dialect="flowmaestro").definition
    if definition is None:
        return None
    kinds = {node.type for node in definition.nodes.values()}
    types = {kind: NodeType(name=kind, summary="real", role=ROLES.get(kind, Role.PLAIN)) for kind in kinds}
    return build_plan(definition, types).plan


def replies(plan: ExecutionPlan, seed: int, failing: float) -> dict[str, Any]:
    """A reply per instance that depends on its name and the seed alone, never on the order of completion."""
    handles = {
        node_id: sorted(
            {edge.handle for scope in plan.scopes.values() for edge in scope.edges if edge.source == node_id}
        )
        for node_id in plan.nodes
    }
    exits: dict[str, list[str]] = {}
    for scope in plan.scopes.values():
        for edge in scope.edges:
            if edge.origin is not None:
                exits.setdefault(edge.origin, []).append(edge.handle)

    def reply(call: Any, seen: ContextSlice) -> Reply:
        chance = random.Random(f"{seed} {call.instance} {call.sentinel} {call.round}")
        if call.sentinel:
            return ok({"items": [1, 2], "total": 2, "continue": call.round < 2})
        if chance.random() < failing:
            return err()
        node = plan.nodes[call.node_id]
        if node.role is Role.BRANCH:
            return route(chance.choice([*handles[node.id], *exits.get(node.id, ()), "elsewhere"]))
        return ok({"from": call.instance, "saw": sorted(seen.outputs)})

    return dict.fromkeys(plan.nodes, reply)


def play(plan: ExecutionPlan, seed: int, failing: float, crash_after: int | None) -> Run:
    chance = random.Random(seed)

    def pick(pending: Sequence[Any]) -> int:
        return chance.randrange(len(pending))

    played = Run(plan, replies(plan, 7, failing), pick=pick, check=crash_after is not None).start()
    for _ in range(crash_after or 0):
        played.move()
    if crash_after is not None and played.ended is None:
        played.crash_and_recover()
    return played.play()


def end_of(played: Run) -> tuple[Any, ...]:
    """What must not depend on order or crashes. Which of several errors came first is exempt (R8), in a scope too."""
    return played.ended, played.statuses(), played.outputs, len(played.state.errors)


@needs_corpus
@pytest.mark.parametrize("failing", [0.0, 0.2])
def test_l4_real_workflows_end_the_same_in_any_order_and_after_a_crash(failing: float) -> None:
    counts: Counter[str] = Counter()
    for path in workflow_files():
        plan = compiled(path)
        if plan is None:
            counts["refused"] += 1
            continue
        first = play(plan, 0, failing, crash_after=5)
        counts[str(first.ended)] += 1
        assert {node.status.value for node in first.root().values()} <= {"completed", "failed", "skipped"}, path.name
        assert set(first.state.scopes) == {""}, path.name
        root = first.state.scopes[""]
        assert len(root.edges) == len(plan.scopes[""].edges), path.name
        for seed in (1, 2):
            assert end_of(play(plan, seed, failing, crash_after=None)) == end_of(first), path.name
    assert counts["completed"] + counts["failed"] > 350, counts
    assert (counts["failed"] == 0) is (failing == 0.0)
