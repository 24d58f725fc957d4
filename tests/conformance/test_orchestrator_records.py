"""Whole recorded runs of FlowMaestro's orchestrator: its definitions, compiled by flowray, with its mocks as replies.

Only runs without loops, signals and credits; those come with the issues that bring their features. Where the recorded
engine was wrong (``divergences``: it ran branches that were not selected), ``correctRan`` says what must run.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import msgspec
import pytest

from flowray.compiler.builder import build_plan
from flowray.definition.loading import load_definition
from flowray.definition.node_type import NodeType, Role
from flowray.engine.statuses import NodeStatus
from flowray.plan import ExecutionPlan, PlanRetry
from tests.corpus import golden, needs_corpus
from tests.engine.harness import Reply, Run, err, ok, route

Case = dict[str, Any]

ALLOWED_DEVIATING = 0.05
ROLES = {
    "input": Role.SOURCE, "files": Role.SOURCE, "output": Role.OUTPUT, "conditional": Role.BRANCH,
    "switch": Role.BRANCH, "router": Role.BRANCH,
}  # fmt: skip
ATTEMPTS = PlanRetry(max_attempts=3, initial_delay_ms=1, factor=1.0)
"""The recorded engine tries every failure three times."""

OTHERWISE = {
    "llm-ai-pipeline#136": (
        {"input", "llm1", "output"},
        "only inputs that are declared required are (R57): theirs requires every input",
    ),
    "task-planner#10": (
        {"input", "decompose", "execute_primary", "aggregate", "output"},
        "only the trigger starts, and goto only lives on failure (R2, R5): theirs runs every root",
    ),
}
"""Records that our rules contradict: what runs here, and the rule."""


@cache
def cases() -> list[Case]:
    """The records that need neither loops nor signals nor credits."""

    def is_ours(case: Case) -> bool:
        kinds = {node["type"] for node in case["definition"]["nodes"].values()}
        return not (case["signalsSent"] or case["paused"] or case["credits"] or "loop" in kinds)

    return [case for case in golden("orchestrator_cases.jsonl") if is_ours(case)]


def plan_of(case: Case) -> ExecutionPlan:
    """The compiled definition, with a declaration for every type that it uses."""
    kinds = {node["type"] for node in case["definition"]["nodes"].values()}
    types = {kind: NodeType(name=kind, summary="recorded", role=ROLES.get(kind, Role.PLAIN)) for kind in kinds}
    definition = load_definition(case["definition"], dialect="flowmaestro").require()
    plan = build_plan(definition, types).require()
    nodes = {node_id: msgspec.structs.replace(node, retry=ATTEMPTS) for node_id, node in plan.nodes.items()}
    return msgspec.structs.replace(plan, nodes=nodes)


def should_run(case: Case) -> set[str]:
    """The nodes that must run: as recorded, or as the record corrects itself."""
    for divergence in case["divergences"]:
        if "correctRan" in divergence:
            return set(divergence["correctRan"])
    return set(case["headCompleted"]) | {node_id for node_id, _ in case["headFailed"]}


def script_of(case: Case, plan: ExecutionPlan) -> dict[str, list[Reply]]:
    """The mocks as replies. A branch selects the handles that lead to what must run."""
    ran = should_run(case)
    script: dict[str, list[Reply]] = {}
    for node_id, node in plan.nodes.items():
        mocks = case["mocks"].get(node_id) or [{"result": _input_of(case, node_id) if node.type == "input" else {}}]
        script[node_id] = [_reply(mock) for mock in mocks]
        if node.role is Role.BRANCH:
            edges = [edge for edge in plan.scopes[""].edges if edge.source == node_id]
            handles = [edge.handle for edge in edges if edge.target in ran]
            script[node_id] = [
                reply if reply.error else route(*handles, output=reply.output) for reply in script[node_id]
            ]
    return script


def _reply(mock: Case) -> Reply:
    if "error" in mock:
        return err("NODE_FAILED", str(mock["error"]), retryable=True)
    return ok(mock["result"])


def _input_of(case: Case, node_id: str) -> dict[str, Any]:
    name = case["definition"]["nodes"][node_id]["config"].get("inputName")
    return {name: case["inputs"].get(name)} if name else dict(case["inputs"])


def differences(case: Case) -> list[str]:
    """What our run does otherwise than the (corrected) record."""
    plan = plan_of(case)
    played = Run(plan, script_of(case, plan)).start(**case["inputs"]).play()
    found = []
    ran, failed = should_run(case), {node_id for node_id, _ in case["headFailed"]}
    ours_failed = played.with_status(NodeStatus.FAILED)
    if played.ended != ("completed" if case["result"]["success"] else "failed"):
        found.append(f"status {played.ended}, recorded success={case['result']['success']}")
    if played.completed | ours_failed != ran:
        found.append(f"ran {sorted(played.completed | ours_failed)}, recorded {sorted(ran)}")
    if ours_failed != failed & ran:
        found.append(f"failed {sorted(ours_failed)}, recorded {sorted(failed)}")
    if played.skipped != set(plan.nodes) - ran:
        found.append(f"skipped {sorted(played.skipped)}, not run {sorted(set(plan.nodes) - ran)}")
    if played.outputs != _outputs(case, played):
        found.append(f"outputs {played.outputs}, recorded {case['result'].get('outputs')}")
    messages = " ".join(error.message for error in played.state.errors)
    found += [f"error {text!r} is not in {messages!r}" for node, text in case["headFailed"] if text not in messages]
    return found


def _place(case_id: str) -> int:
    return [case["id"] for case in cases()].index(case_id)


def _outputs(case: Case, played: Run) -> Any:
    """The recorded outputs; where the record ran too much, those of the output nodes that must run."""
    if not case["divergences"]:
        return case["result"].get("outputs")
    merged: dict[str, Any] = {}
    for node_id in played.plan.output_nodes:
        if node_id in should_run(case):
            merged.update(case["mocks"].get(node_id, [{"result": {}}])[0]["result"])
    return merged


@needs_corpus
def test_recorded_runs(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes: Counter[str] = Counter()
    deviating = []
    for case in cases():
        found = differences(case)
        if found:
            deviating.append(f"{case['id']}: {'; '.join(found)}")
        outcomes["deviating" if found else "passed as corrected" if case["divergences"] else "passed"] += 1
    with capsys.disabled():
        print(f"\norchestrator_cases.jsonl: {dict(outcomes)} of {len(cases())}")
        for line in deviating:
            print(f"  {line}"[:400], "--", OTHERWISE.get(line.partition(":")[0], ("", "no rule says so"))[1])
    assert len(cases()) == 189
    assert [line.partition(":")[0] for line in deviating] == sorted(OTHERWISE, key=_place)
    for case in cases():
        if case["id"] in OTHERWISE:
            plan = plan_of(case)
            played = Run(plan, script_of(case, plan)).start(**case["inputs"]).play()
            assert (played.ended, played.completed) == ("completed", OTHERWISE[case["id"]][0])
    assert len(deviating) <= ALLOWED_DEVIATING * len(cases())
