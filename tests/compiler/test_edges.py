"""Edges of scopes, joins and plan order. Loops' borders are tested in test_loops.py."""

from __future__ import annotations

from flowray.plan import ROOT
from tests.compiler.workflows import codes, compile_text, drawn, one, plan_of


def test_r1_edges_belong_to_the_innermost_scope_of_both_ends() -> None:
    plan = plan_of("a:input l:loop b c d", "a>l l-body>b b>c c>l l-exit>d")
    assert drawn(plan) == ["a>l", "l>d"]
    assert drawn(plan, "l") == ["b>c"]
    assert plan.nodes["b"].incoming == ()
    assert plan.scopes[ROOT].starts == ("a",)


def test_r2_edges_from_nodes_outside_the_plan_do_not_count() -> None:
    plan = plan_of("a:input lost b", "a>b lost>b", entryPoint="a")
    assert plan.nodes["b"].incoming == ("a->b",)


def test_r3_a_join_of_two_branches_is_a_warning() -> None:
    result = compile_text("a:input c:if d:if e", "a>c c-true>e c-false>d d-true>e")
    finding = one(result, "JOIN_OF_TWO_BRANCHES")
    assert (finding.node_id, finding.severity.value) == ("e", "warning")
    assert "'c', 'd'" in finding.message


def test_r3_joining_the_handles_of_one_branch_is_fine() -> None:
    assert codes(compile_text("a:input c:if b d", "a>c c-true>b c-false>d b>d")) == []


def test_labels_keep_what_the_author_wrote() -> None:
    edge = plan_of("a:input c:if b", "a>c c-output-true>b").scopes[ROOT].edges[1]
    assert (edge.handle, edge.label) == ("true", "output-true")


def test_a_body_stands_right_behind_its_container() -> None:
    plan = plan_of("z a:input l:loop b c", "a>l l-body>b b>l l-exit>c l-exit>z")
    assert list(plan.nodes) == ["a", "l", "b", "z", "c"]
    assert [plan.nodes[node_id].order for node_id in plan.nodes] == [0, 1, 2, 3, 4]


def test_a_cycle_inside_a_body_is_refused() -> None:
    result = compile_text("a:input l:loop b c", "a>l l-body>b b>c c>b c>l")
    assert codes(result, "error") == [("CYCLE", "b")]
