"""Nodes and edges before they have an order."""

from __future__ import annotations

from flowray.compiler.builder import build_plan
from flowray.definition.loading import load_definition
from tests.compiler.workflows import TYPES, codes, compile_text, drawn, one, plan_of


def test_two_edges_between_the_same_pair_stay_two() -> None:
    plan = plan_of("a:input c:if d", "a>c c-true>d c-false>d")
    assert drawn(plan) == ["a>c", "c-true>d", "c-false>d"]
    assert [edge.id for edge in plan.scopes[""].edges] == ["a->c", "c-[true]->d", "c-[false]->d"]


def test_equal_edge_ids_are_told_apart_and_reported() -> None:
    document = {
        "schemaVersion": 1,
        "nodes": {"a": {"type": "input"}, "b": {"type": "step"}, "c": {"type": "step"}},
        "edges": [{"id": "e", "source": "a", "target": "b"}, {"id": "e", "source": "b", "target": "c"}],
    }
    result = build_plan(load_definition(document).require(), TYPES)
    assert [edge.id for edge in result.require().scopes[""].edges] == ["e", "e#2"]
    assert one(result, "DUPLICATE_EDGE_ID").pointer == "/edges/1/id"


def test_edges_of_unknown_nodes_name_the_missing_end() -> None:
    result = compile_text("a:input", "a>b")
    assert one(result, "UNKNOWN_EDGE_TARGET").pointer == "/edges/0/target"
    assert "'b'" in one(result, "UNKNOWN_EDGE_TARGET").message


def test_goto_is_an_edge_of_its_own_handle() -> None:
    """R5: settled like any other edge, and counted for reachability."""
    plan = plan_of("a:input b c", "a>b", {"b": {"$": {"onError": {"strategy": "goto", "gotoNode": "c"}}}})
    assert drawn(plan) == ["a>b", "b-goto>c"]
    assert plan.nodes["b"].on_error.value == "goto"


def test_goto_without_a_target_is_an_error() -> None:
    """R5."""
    result = compile_text("a:input", "", {"a": {"$": {"onError": {"strategy": "goto", "gotoNode": "x"}}}})
    assert codes(result, "error") == [("INVALID_GOTO", "a")]
    assert result.diagnostics[0].pointer == "/nodes/a/onError/gotoNode"


def test_r5_a_goto_back_makes_a_loop() -> None:
    result = compile_text("a:input b c", "a>b b>c", {"c": {"$": {"onError": {"strategy": "goto", "gotoNode": "b"}}}})
    assert codes(result) == [("IMPLICIT_LOOP", "b")]
