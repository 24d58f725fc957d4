"""Cycles without a loop node: which become loops, which stay an error (R5, R18)."""

from __future__ import annotations

import pytest

from flowray.compiler.cycles import close_cycles
from flowray.compiler.graph import build_graph
from flowray.definition.diagnostics import Diagnostics
from flowray.definition.loading import load_definition
from flowray.plan import ExecutionPlan
from tests.compiler.workflows import TYPES, codes, compile_text, definition_of, drawn, one

FM = {"dialect": "flowmaestro"}


def repeats(plan: ExecutionPlan, container: str) -> list[str]:
    """The ways back of a cycle, as ``source-handle``."""
    return [f"{edge.origin}-{edge.handle}" for edge in plan.containers[container].repeats]


def test_a_cycle_that_a_branch_can_leave_is_a_loop() -> None:
    result = compile_text("in:input a b c:if out:output", "in>a a>b b>c c-false>a c-true>out", **FM)
    plan = result.require()
    assert plan.scopes["a__cycle"].nodes == ("a", "b", "c")
    assert plan.scopes["a__cycle"].starts == ("a",)
    assert plan.containers["a__cycle"].mode == "implicit"
    assert repeats(plan, "a__cycle") == ["c-false"]
    assert drawn(plan) == ["in>a__cycle", "exit:a__cycle-true>out (from c)"]
    finding = one(result, "IMPLICIT_LOOP")
    assert (finding.node_id, finding.pointer) == ("a", "/edges/3")
    assert "a, b, c" in finding.message


def test_two_ways_back_and_a_log_beside_them() -> None:
    edges = "in>a a>log a>c c-false>d c-true>out d-false>out d-true>a"
    plan = compile_text("in:input a log c:if d:if out:output", edges, **FM).require()
    assert plan.scopes["a__cycle"].nodes == ("a", "log", "c", "d")
    assert [edge for edge in drawn(plan) if edge.startswith("exit")] == [
        "exit:a__cycle-true>out (from c)", "exit:a__cycle-false>out (from d)",
    ]  # fmt: skip


def test_a_cycle_in_a_cycle_nests() -> None:
    edges = "in>a a>b b>c c-false>b c-true>d d-false>a d-true>out"
    plan = compile_text("in:input a b c:if d:if out:output", edges, **FM).require()
    assert plan.nodes["b__cycle"].scope == "a__cycle"
    assert plan.scopes["b__cycle"].nodes == ("b", "c")
    assert repeats(plan, "b__cycle") == ["c-false"]
    assert repeats(plan, "a__cycle") == ["d-false"]


def test_a_cycle_inside_a_marked_loop() -> None:
    edges = "in>L L-body>a a>c c-false>a c-true>z z>L L-exit>out"
    plan = compile_text("in:input L:loop a c:if z out:output", edges, **FM).require()
    assert plan.nodes["a__cycle"].scope == "L"
    assert set(plan.scopes["L"].nodes) == {"a__cycle", "z"}


def test_r18_a_cycle_inside_an_inferred_loop_is_refused() -> None:
    edges = "in>L L>a a>c c-false>a c-true>out"
    result = compile_text("in:input L:loop a c:if out:output", edges, {"a": {"x": "{{loop.item}}"}}, **FM)
    assert ("CYCLE", "a") in codes(result, "error")


def test_r5_a_goto_that_closes_a_cycle_is_a_loop_in_every_dialect() -> None:
    goto = {"b": {"$": {"onError": {"strategy": "goto", "gotoNode": "a"}}}}
    result = compile_text("in:input a b out:output", "in>a a>b b>out", goto)
    plan = result.require()
    assert plan.scopes["a__cycle"].nodes == ("a", "b")
    assert repeats(plan, "a__cycle") == ["b-goto"]
    assert drawn(plan) == ["in>a__cycle", "exit:a__cycle>out (from b)"]
    assert one(result, "IMPLICIT_LOOP").pointer == "/nodes/b/onError/gotoNode"


@pytest.mark.parametrize(
    ("nodes", "edges", "dialect"),
    [
        ("in:input a b:if out", "in>a a>b b-false>a b-true>out", "flowray"),  # the dialect has no cycles
        ("in:input a b out", "in>a a>b b>a b>out", "flowmaestro"),  # goes round whatever happens
        ("in:input a b:if", "in>a a>b b-false>a b-true>a", "flowmaestro"),  # no way out
        ("in:input s a b:if out", "in>a in>s s>b a>b b-false>a b-true>out", "flowmaestro"),  # two ways in
    ],
)
def test_every_other_cycle_is_refused(nodes: str, edges: str, dialect: str) -> None:
    assert "CYCLE" in [code for code, _ in codes(compile_text(nodes, edges, dialect=dialect), "error")]


def test_an_entry_point_in_the_cycle_starts_its_loop() -> None:
    plan = compile_text("a b:if out", "a>b b-false>a b-true>out", entryPoint="a", **FM).require()
    assert plan.start_nodes == ("a__cycle",)
    assert plan.scopes["a__cycle"].starts == ("a",)


def test_a_graph_without_cycles_is_left_alone() -> None:
    definition = load_definition(definition_of("in:input L:loop a", "in>L L-body>a a>L")).require()
    graph = build_graph(definition, TYPES, False, Diagnostics())
    assert close_cycles(graph, definition, None, Diagnostics()) is graph
