"""Scenarios A1 to A13: definitions become plans, or are refused with everything that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.compiler.builder import build_plan
from flowray.compiler.view import plan_view
from flowray.definition.loading import load_definition
from flowray.engine.instances import instance_id
from tests.scenarios.playing import (
    STEP,
    codes,
    compile_result,
    condition,
    loop,
    output,
    play,
    registry_with,
    source,
    template,
)


def _view(nodes: dict[str, Any], *edges: str, **more: Any) -> dict[str, Any]:
    return plan_view(compile_result(nodes, *edges, **more).require())


def _edges(view: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(edge["source"], edge["target"], edge["handle_type"]) for edge in view["edges"]}


def test_a01_a_chain_has_a_level_per_node() -> None:
    """Input → Process → Output: trigger Input, three nodes, three levels, outputs [Output]."""
    view = _view({"Input": source(), "Process": STEP, "Output": output("{{Process}}")}, "Input -> Process",
                 "Process -> Output")  # fmt: skip
    assert (view["trigger"], list(view["nodes"])) == ("Input", ["Input", "Process", "Output"])
    assert view["execution_order"] == [["Input"], ["Process"], ["Output"]]
    assert view["output_nodes"] == ["Output"]


@pytest.mark.parametrize(("document", "code"), [(None, "MALFORMED_DOCUMENT"), ({"nodes": {}, "edges": []}, "NO_NODES")])
def test_a02_nothing_is_no_definition(document: Any, code: str) -> None:
    """No document and a document without nodes are errors, each with its code."""
    loaded = load_definition(document)
    found = loaded.diagnostics
    if loaded.definition is not None:
        found = build_plan(loaded.definition, registry_with().node_types()).diagnostics
    assert [item.code.value for item in found if item.severity.value == "error"] == [code]


def test_a03_a_diamond_has_three_levels() -> None:
    """A → B, C → D: levels [[A], [B, C], [D]], and D depends on B and C."""
    view = _view(dict.fromkeys("ABCD", STEP), "A -> B", "A -> C", "B -> D", "C -> D")
    assert view["execution_order"] == [["A"], ["B", "C"], ["D"]]
    assert view["nodes"]["D"]["dependencies"] == ["B", "C"]


def test_a04_an_input_node_is_the_trigger_where_no_entry_point_is_named() -> None:
    """Without entryPoint the input node starts, though another stands before it."""
    assert _view({"Process": STEP, "In": source()}, "In -> Process", entryPoint=None)["trigger"] == "In"


def test_a05_of_two_components_the_one_without_a_source_does_not_start() -> None:
    """Two components: theirs starts every root. Ours starts the trigger and roots of source types only (R2)."""
    nodes = {"in": source(), "a": STEP, "other": source("x"), "b": STEP, "lone": STEP, "after": STEP}
    result = compile_result(nodes, "in -> a", "other -> b", "lone -> after")
    assert result.require().start_nodes == ("in", "other")
    assert codes(result)["UNREACHABLE_NODE"] == ["lone", "after"]


def test_a06_a_cycle_that_nothing_leads_to_is_unreachable() -> None:
    """X ⇄ Y beside the graph: a warning for each, and the rest compiles."""
    result = compile_result({"A": STEP, "B": STEP, "X": STEP, "Y": STEP}, "A -> B", "X -> Y", "Y -> X")
    assert sorted(name or "" for name in codes(result)["UNREACHABLE_NODE"]) == ["X", "Y"]
    assert list(result.require().nodes) == ["A", "B"]


async def test_a07_outputs_are_those_of_output_nodes_else_of_ends() -> None:
    """Output nodes name the outputs; only without any do the nodes that nothing follows (R8)."""
    nodes = {"in": source(), "named": output("n", "named"), "end": STEP}
    assert (await play(nodes, "in -> named", "in -> end")).outputs == {"named": "n"}
    assert (await play({"in": source(), "a": STEP, "b": STEP}, "in -> a", "in -> b")).outputs == {
        "a": {"from": "a"}, "b": {"from": "b"},
    }  # fmt: skip


def test_a08_a_cycle_without_a_loop_is_refused() -> None:
    """A → B → C → A is one cycle, which the error names; nothing is compiled."""
    result = compile_result(dict.fromkeys("ABC", STEP), "A -> B", "B -> C", "C -> A")
    assert result.plan is None
    (message,) = [item.message for item in result.diagnostics if item.code.value == "CYCLE"]
    assert all(name in message for name in "ABC")


def test_a09_a_loop_stands_as_its_start_and_its_end() -> None:
    """in → L → body → L, L → out: sentinels for L. Ours has no edge END → START: iterating is the engine's (R1)."""
    nodes = {"in": source(), "L": loop(count=2), "body": STEP, "out": output("{{L}}")}
    view = _view(nodes, "in -> L", "L -> body", "body -> L", "L -> out")
    assert set(view["nodes"]) == {"in", "L__LOOP_START", "L__LOOP_END", "body", "out"}
    assert _edges(view) == {
        ("in", "L__LOOP_START", "default"), ("L__LOOP_START", "body", "loop-body"), ("body", "L__LOOP_END", "default"),
        ("L__LOOP_END", "out", "loop-exit"),
    }  # fmt: skip


def test_a10_edges_of_branches_keep_their_handles() -> None:
    """true and false; case-a, case-b and default of a switch."""
    cases = [{"value": "a"}, {"value": "b"}]
    nodes = {
        "if": condition("1 > 0"), "yes": STEP, "no": STEP,
        "sw": {"type": "switch", "config": {"expression": "a", "cases": cases}}, "A": STEP, "B": STEP, "D": STEP,
    }  # fmt: skip
    view = _view(
        nodes, "if true-> yes", "if false-> no", "yes -> sw", "sw case-a-> A", "sw case-b-> B", "sw default-> D"
    )
    handles = {edge["target"]: edge["handle_type"] for edge in view["edges"]}
    assert handles == {
        "yes": "true", "no": "false", "sw": "default", "A": "case-a", "B": "case-b", "D": "default",
    }  # fmt: skip


async def test_a11_a_parallel_expands_when_it_runs() -> None:
    """Theirs copies P to P1, P2 at compile time. Ours keeps one body and makes a scope per branch (R1): same runs."""
    nodes = {"P": {"type": "parallel", "config": {"count": 2}}, "x": STEP, "y": STEP, "after": STEP}
    edges = ("P parallel-body-> x", "x -> y", "P parallel-exit-> after")
    assert sorted(compile_result(nodes, *edges).require().nodes) == ["P", "after", "x", "y"]
    ended = (await play(nodes, *edges)).ended("completed")
    assert sorted(ended) == sorted([instance_id(f"P[{n}]", node) for n in (0, 1) for node in "xy"] + ["P", "after"])


@pytest.mark.parametrize(("settings", "expected"), [({}, 10), ({"maxConcurrentNodes": 3}, 3)])
def test_a12_max_concurrent_nodes_is_ten_unless_set(settings: dict[str, Any], expected: int) -> None:
    """From the settings, else 10."""
    assert compile_result({"a": STEP}, settings=settings).require().settings.max_concurrent_nodes == expected


def test_a13_an_edge_to_nowhere_is_reported() -> None:
    """Unknown ends of edges are errors that name the edge; theirs drops them in silence (design, section 6)."""
    result = compile_result({"a": STEP, "t": template("x")}, "a -> ghost", "ghost -> t")
    assert result.plan is None
    assert {"UNKNOWN_EDGE_SOURCE", "UNKNOWN_EDGE_TARGET"} <= codes(result).keys()
    assert [item.pointer for item in result.diagnostics if item.code.value == "UNKNOWN_EDGE_TARGET"] == [
        "/edges/0/target"
    ]
