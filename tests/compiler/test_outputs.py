"""Output nodes (R8)."""

from __future__ import annotations

from tests.compiler.workflows import codes, compile_text, plan_of

SAME = {"x": {"outputName": "r"}, "y": {"outputName": "r"}}


def test_outputs_stand_in_plan_order() -> None:
    assert plan_of("y:output a:input x:output", "a>x x>y").output_nodes == ("x", "y")


def test_r8_two_outputs_of_one_name_are_a_warning() -> None:
    result = compile_text("a:input x:output y:output", "a>x a>y", SAME)
    assert codes(result) == [("DUPLICATE_OUTPUT", "y")]
    assert result.diagnostics[0].pointer == "/nodes/y/config/outputName"


def test_outputs_of_different_branches_may_share_a_name() -> None:
    assert codes(compile_text("a:input c:if b x:output y:output", "a>c c-true>b b>x c-false>y", SAME)) == []


def test_a_way_around_the_branch_makes_it_a_warning_again() -> None:
    result = compile_text("a:input c:if x:output y:output", "a>c c-true>x c-false>y a>y", SAME)
    assert codes(result) == [("DUPLICATE_OUTPUT", "y")]
