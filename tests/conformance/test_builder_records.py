"""FlowMaestro's recorded builder, function by function, against our compiler.

Each record passes, or stands in DEVIATIONS with OUR value and the rule that it follows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowray.compiler.builder import CompileResult, build_plan
from flowray.compiler.paths import execution_levels, find_cycle, topological_order
from flowray.compiler.view import container_of_sentinel, is_sentinel, plan_view
from flowray.definition.loading import load_definition
from flowray.definition.node_type import NodeType, Role
from tests.conformance.judging import ALLOWED_DEVIATING
from tests.corpus import golden, needs_corpus

pytestmark = [needs_corpus, pytest.mark.corpus]

UNDEFINED = "__undefined"

TYPES = {
    kind.name: kind
    for kind in (
        NodeType("input", "", role=Role.SOURCE),
        NodeType("transform", ""),
        NodeType("output", "", role=Role.OUTPUT),
        NodeType("conditional", "", role=Role.BRANCH, handles=("true", "false")),
        NodeType("loop", "", role=Role.LOOP),
        NodeType("parallel", "", role=Role.PARALLEL),
    )
}

DEVIATIONS: dict[str, tuple[Any, str]] = {
    "LoopConstructor constructLoops creates sentinel nodes for loop": (
        {
            ("Input", "Loop__LOOP_START", "default"),
            ("Loop__LOOP_START", "Body", "loop-body"),
            ("Body", "Loop__LOOP_END", "default"),
            ("Loop__LOOP_END", "Output", "loop-exit"),
        },
        "R1: the loop waits at its START and iterating is the engine's, so there is no edge into END from outside "
        "(theirs deadlocks there) and none from END back to START",
    ),
}
"""By test: our value, and the rule."""


def _compile(document: Any) -> CompileResult:
    loaded = load_definition(document, dialect="flowmaestro")
    if loaded.definition is None:
        return CompileResult(None, loaded.diagnostics)
    return build_plan(loaded.definition, TYPES)


def _edges(view: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(edge["source"], edge["target"], edge["handle_type"]) for edge in view["edges"]}


def _built(document: Any) -> dict[str, Any]:
    """What a build says, in terms that both have."""
    result = _compile(document)
    warnings = [(item.code.value, item.node_id) for item in result.diagnostics if item.severity.value == "warning"]
    if result.plan is None:
        return {"success": False}
    view = plan_view(result.plan)
    return {
        "success": True,
        "nodes": _shapes(view["nodes"]),
        "edges": _edges(view),
        "levels": view["execution_order"],
        "trigger": view["trigger"],
        "outputs": view["output_nodes"],
        "max": view["settings"]["max_concurrent_nodes"],
        "warnings": warnings,
    }


def _shapes(nodes: dict[str, Any]) -> dict[str, Any]:
    return {name: (node["depth"], node["dependencies"], node["dependents"]) for name, node in nodes.items()}


def _recorded_build(result: dict[str, Any]) -> dict[str, Any]:
    if not result["success"]:
        return {"success": False}
    workflow = result["workflow"]
    return {
        "success": True,
        "nodes": _shapes(workflow["nodes"]),
        "edges": _recorded_edges(workflow["edges"]),
        "levels": workflow["executionLevels"],
        "trigger": workflow["triggerNodeId"],
        "outputs": workflow["outputNodeIds"],
        "max": workflow["maxConcurrentNodes"],
        "warnings": [(item["code"], item["nodeId"]) for item in result.get("warnings", [])],
    }


def _recorded_edges(edges: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(edge["source"], edge["target"], edge["handleType"]) for edge in edges.values()}


def _view_of(nodes: dict[str, dict[str, Any]], edges: list[dict[str, Any]]) -> dict[str, Any]:
    document = {"dialect": "flowmaestro", "nodes": nodes, "edges": edges}
    return plan_view(_compile(document).require())


def _drawn(edges: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"source": edge["source"], "target": edge["target"], "sourceHandle": edge["handleType"]}
        for edge in edges.values()
    ]


def _nodes_of(edges: dict[str, Any]) -> dict[str, dict[str, Any]]:
    branches = {edge["source"] for edge in edges.values() if edge["handleType"] in ("true", "false")}
    names = dict.fromkeys(name for edge in edges.values() for name in (edge["source"], edge["target"]))
    targets = {edge["target"] for edge in edges.values()}
    return {
        name: {"type": "conditional" if name in branches else "transform" if name in targets else "input"}
        for name in names
    }


def _summary(args: list[Any]) -> dict[str, Any]:
    plan = _compile(args[0]["originalDefinition"]).require()
    return {
        "nodeCount": len(plan.nodes),
        "edgeCount": sum(len(scope.edges) for scope in plan.scopes.values()),
        "levelCount": len(plan.levels),
        "loopCount": len(plan.containers),
        "maxConcurrent": plan.settings.max_concurrent_nodes,
        "triggerNode": plan.trigger,
        "outputNodes": list(plan.output_nodes),
    }


def _paths(args: list[Any]) -> dict[str, Any]:
    view = plan_view(_compile(args[0]).require())
    return {
        "reachableNodes": list(view["nodes"]),
        "nodeDepths": {node_id: node["depth"] for node_id, node in view["nodes"].items()},
        "adjacencyList": {node_id: node["dependents"] for node_id, node in view["nodes"].items()},
        "reverseAdjacencyList": {node_id: node["dependencies"] for node_id, node in view["nodes"].items()},
    }


def _loops(args: list[Any]) -> set[tuple[str, str, str]]:
    nodes, edges, _ = args
    return _edges(_view_of({node_id: {"type": node["type"]} for node_id, node in nodes.items()}, edges))


def _terminals(args: list[Any]) -> list[str]:
    following, names = args
    edges = [{"source": source, "target": target} for source in following for target in following[source]]
    view = _view_of({name: {"type": "transform"} for name in names}, edges)
    return [node_id for node_id, node in view["nodes"].items() if not node["dependents"]]


def _sorted(args: list[Any]) -> list[str] | None:
    order, _ = topological_order(args[0], args[1])
    return order if len(order) == len(args[0]) else None


def _copied_nodes(args: list[Any]) -> dict[str, Any]:
    given = args[0]["nodes"]
    edges = [{"source": name, "target": target} for name, node in given.items() for target in node["dependents"]]
    view = _view_of({name: {"type": node["type"]} for name, node in given.items()}, edges)
    return _shapes(view["nodes"])


def _constructed_edges(args: list[Any]) -> set[tuple[str, str, str]]:
    """A static branch of theirs is a node in the body of a parallel; its sentinels are what theirs leaves out."""
    branches: dict[str, list[str]] = args[1]["parallelBranches"]
    inside = {branch: parallel for parallel, names in branches.items() for branch in names}
    nodes = {
        name: {"type": "parallel" if name in branches else node["type"]} for name, node in args[0]["nodes"].items()
    }
    nodes |= {branch: {"type": "transform", "parentId": parallel} for branch, parallel in inside.items()}
    drawn = _edges(_view_of(nodes, _drawn(args[0]["edges"])))
    found = set()
    for source, target, handle in drawn:
        if not is_sentinel(source) and not is_sentinel(target):
            found.add((source, target, handle))
        elif is_sentinel(target):
            found |= {(source, far, "default") for near, far, _ in drawn if near == target}
    return found


def _branches(args: list[Any]) -> Any:
    name, table = args
    nodes: dict[str, dict[str, Any]] = {parallel: {"type": "parallel"} for parallel in table} | {
        name: {"type": "input"}
    }
    nodes |= {parallel: {"type": "parallel"} for parallel in table}
    nodes |= {branch: {"type": "transform", "parentId": parallel} for parallel in table for branch in table[parallel]}
    plan = _compile({"dialect": "flowmaestro", "nodes": nodes, "entryPoint": next(iter(table))}).require()
    return list(plan.scopes[name].nodes) if name in plan.scopes else UNDEFINED


def _edges_at(end: str) -> Callable[[list[Any]], set[tuple[str, str, str]]]:
    def judge(args: list[Any]) -> set[tuple[str, str, str]]:
        edges, node_id = args
        view = _view_of(_nodes_of(edges), _drawn(edges))
        return {(edge["source"], edge["target"], edge["handle_type"]) for edge in view["edges"] if edge[end] == node_id}

    return judge


def _branch_target(args: list[Any]) -> str | None:
    edges, node_id, handle = args
    view = _view_of(_nodes_of(edges), _drawn(edges))
    return next(
        (edge["target"] for edge in view["edges"] if edge["source"] == node_id and edge["handle"] == handle), None
    )


def _same(value: Any) -> Any:
    return value


def _listed_edges(edges: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    return {(edge["source"], edge["target"], edge["handleType"]) for edge in edges}


JUDGES: dict[str, tuple[Callable[[list[Any]], Any], Callable[[Any], Any]]] = {
    "buildWorkflow": (lambda args: _built(args[0]), _recorded_build),
    "validateBuiltWorkflow": (lambda args: list(_compile(args[0]["originalDefinition"]).diagnostics), _same),
    "getWorkflowSummary": (_summary, _same),
    "constructPaths": (_paths, _same),
    "computeExecutionLevels": (lambda args: [list(level) for level in execution_levels(args[0])], _same),
    "detectCycles": (lambda args: [" -> ".join(find_cycle(args[0], args[0]))], _same),
    "getMaxDepth": (lambda args: len(execution_levels(args[0])) - 1, _same),
    "getNodesAtDepth": (lambda args: [*execution_levels(args[0]), *[()] * 9][args[1]], tuple),
    "findTerminalNodes": (_terminals, _same),
    "topologicalSort": (_sorted, _same),
    "constructLoops": (_loops, lambda result: _recorded_edges(result["edges"])),
    "isLoopSentinel": (lambda args: is_sentinel(args[0]), _same),
    "getLoopNodeIdFromSentinel": (lambda args: container_of_sentinel(args[0]) or UNDEFINED, _same),
    "constructNodes": (
        _copied_nodes,
        lambda result: _shapes(result["nodes"]),
    ),
    "getParallelNodeIdFromBranch": (lambda args: container_of_sentinel(args[0]) or UNDEFINED, _same),
    "getBranchesForParallelNode": (_branches, _same),
    "constructEdges": (_constructed_edges, lambda result: _recorded_edges(result["edges"])),
    "getEdgesFromSource": (_edges_at("source"), _listed_edges),
    "getEdgesToTarget": (_edges_at("target"), _listed_edges),
    "findBranchTarget": (_branch_target, _same),
}
"""By recorded function: ours on the same arguments, and the record's result in the same terms."""


def judge_records() -> dict[str, int]:
    """Run every record; ``{passed, deviating, unexpected}``. Prints what is unexpected."""
    counts = {"passed": 0, "deviating": 0, "unexpected": 0}
    for record in golden("builder.jsonl"):
        ours_of, theirs_of = JUDGES[record["fn"]]
        ours, theirs = ours_of(record["args"]), theirs_of(record["result"])
        if ours == theirs:
            counts["passed"] += 1
        elif record["test"] in DEVIATIONS and ours == DEVIATIONS[record["test"]][0]:
            counts["deviating"] += 1
        else:
            counts["unexpected"] += 1
            print(f"{record['test']} ({record['fn']}):\n  ours   {ours}\n  theirs {theirs}")
    return counts


def test_the_builder_records_pass_or_deviate_by_a_rule(capsys: pytest.CaptureFixture[str]) -> None:
    counts = judge_records()
    total = sum(counts.values())
    with capsys.disabled():
        print(f"\nbuilder.jsonl: {counts['passed']} passed, {counts['deviating']} deviating, 0 skipped of {total}")
    assert counts["unexpected"] == 0
    assert total == 33
    assert counts["deviating"] / total <= ALLOWED_DEVIATING


def test_every_deviation_is_still_in_the_records() -> None:
    assert DEVIATIONS.keys() <= {record["test"] for record in golden("builder.jsonl")}
