"""Bodies of loops and parallels, as their authors mark them (R1, R4)."""

from __future__ import annotations

import pytest

from flowray.compiler import loops
from tests.compiler.workflows import codes, compile_text, drawn, one, plan_of


def test_a_back_edge_marks_the_body() -> None:
    plan = plan_of("a:input l:loop b c out:output", "a>l l>b b>c c>l l>out")
    assert plan.scopes["l"].nodes == ("b", "c")
    assert plan.scopes["l"].starts == ("b",)
    assert drawn(plan, "l") == ["b>c"]
    assert drawn(plan) == ["a>l", "l>out"]
    assert plan.containers["l"].terminals == ("c",)
    assert not plan.containers["l"].inferred
    assert plan.nodes["b"].scope == "l"


def test_handles_mark_the_body_without_a_back_edge() -> None:
    plan = plan_of("a:input l:loop b c out", "a>l l-loop-body>b b>c l-loop-exit>out")
    assert plan.scopes["l"].nodes == ("b", "c")
    assert drawn(plan) == ["a>l", "l>out"]
    assert not plan.containers["l"].inferred


def test_parent_ids_mark_the_body() -> None:
    inside = {"$": {"parentId": "p"}}
    plan = plan_of("a:input p:parallel b c out", "a>p b>c p>out", {"b": inside, "c": inside})
    assert plan.scopes["p"].nodes == ("b", "c")
    assert plan.scopes["p"].starts == ("b",)
    assert drawn(plan) == ["a>p", "p>out"]


def test_a_parent_that_is_no_container_is_an_error() -> None:
    result = compile_text("a:input b", "a>b", {"b": {"$": {"parentId": "a"}}})
    assert codes(result, "error") == [("INVALID_PARENT", "b")]


def test_loops_nest() -> None:
    plan = plan_of("a:input l:loop m:loop b c d", "a>l l-body>m m-body>b b>m m-exit>c c>l l-exit>d")
    assert plan.scopes["l"].nodes == ("m", "c")
    assert plan.scopes["m"].nodes == ("b",)
    assert list(plan.nodes) == ["a", "l", "m", "b", "c", "d"]
    assert plan.nodes["m"].scope == "l"
    assert plan.nodes["b"].depth == 3


def test_a_side_step_of_the_body_is_repeated_too() -> None:
    """As an exit edge it would end the loop in its first round (R4)."""
    plan = plan_of("a:input l:loop b log out", "a>l l-body>b b>l b>log l-exit>out")
    assert plan.scopes["l"].nodes == ("b", "log")


def test_r4_a_branch_may_leave_the_loop() -> None:
    plan = plan_of("a:input l:loop b:if found out", "a>l l-body>b b-false>l b-true>found l-exit>out")
    assert plan.scopes["l"].nodes == ("b",)
    assert drawn(plan) == ["a>l", "exit:l-true>found (from b)", "l>out"]


def test_r4_an_error_edge_out_of_a_body_is_an_exit_even_if_the_body_was_inferred() -> None:
    plan = plan_of("a:input l:loop b e", "a>l l>b b-error>e", {"l": {"itemVariable": "it"}, "b": {"x": "{{it}}"}})
    assert drawn(plan) == ["a>l", "exit:l-error>e (from b)"]


def test_r4_an_edge_into_a_body_orders_the_loop() -> None:
    plan = plan_of("a:input k l:loop b out", "a>k a>l k>b l-body>b b>l l-exit>out")
    assert "ordering:k>l" in drawn(plan)
    assert drawn(plan, "l") == []


def test_r4_edges_across_two_borders_are_refused() -> None:
    text = "a>l l-body>m m-body>b b>m m-exit>c c>l l-exit>d"
    result = compile_text("a:input k l:loop m:loop b c d", "a>k k>b " + text)
    assert codes(result, "error") == [("SCOPE_CROSSED", "k")]
    assert one(result, "SCOPE_CROSSED").pointer == "/edges/1"


def test_r4_no_edge_leaves_a_parallel() -> None:
    inside = {"$": {"parentId": "p"}}
    result = compile_text("a:input p:parallel b out", "a>p b>out p>out", {"b": inside})
    assert codes(result, "error") == [("SCOPE_CROSSED", "b")]


def test_an_empty_body_is_a_warning() -> None:
    result = compile_text("a:input l:loop o:output", "a>l l>o")
    assert codes(result) == [("EMPTY_BODY", "l")]
    assert drawn(result.require()) == ["a>l", "l>o"]


def test_containers_say_how_they_repeat() -> None:
    plan = plan_of(
        "a:input l:loop b p:parallel c",
        "a>l l-body>b b>l l-exit>p p-body>c",
        {
            "l": {"loopType": "count", "count": 3, "maxIterations": 7, "itemVariable": "it", "itemFailure": "collect"},
            "p": {"collection": "{{a.xs}}", "maxConcurrency": 2},
            "c": {"$": {"parentId": "p"}},
        },
    )
    loop, parallel = plan.containers["l"], plan.containers["p"]
    assert (loop.mode, loop.max_iterations, loop.item_variable, loop.item_failure) == ("for", 7, "it", "collect")
    assert (loop.max_concurrency, parallel.max_concurrency) == (1, 2)
    assert parallel.mode == "collection"


@pytest.mark.parametrize(
    ("limit", "message"), [("MAX_CONTAINERS", "2 loops"), ("MAX_INFERRED", "without a marked body")]
)
def test_the_number_of_loops_is_limited(monkeypatch: pytest.MonkeyPatch, limit: str, message: str) -> None:
    monkeypatch.setattr(loops, limit, 1)
    result = compile_text("a:input l:loop b m:loop c", "a>l l>b b>m m>c")
    assert codes(result, "error") == [("TOO_MANY_CONTAINERS", None)]
    assert message in one(result, "TOO_MANY_CONTAINERS").message


@pytest.mark.parametrize("edges", [
    "in>L L-body>c c-true>say say>stop c-false>w w>L L-exit>out",
    "in>L L-body>c c-true>say say>stop c-false>w L-exit>out",
])  # fmt: skip
def test_a_way_to_a_break_belongs_to_the_body(edges: str) -> None:
    plan = plan_of("in:input L:loop c:if say stop:leave w out:output", edges)
    assert set(plan.scopes["L"].nodes) == {"c", "say", "stop", "w"}


def test_the_break_of_a_later_loop_is_not_pulled_into_an_earlier_one() -> None:
    edges = "in>L L-body>c c-false>w w>L c-true>M M-body>d d-true>stop d-false>v v>M"
    plan = plan_of("in:input L:loop c:if w M:loop d:if stop:leave v", edges)
    assert set(plan.scopes["L"].nodes) == {"c", "w"}
    assert set(plan.scopes["M"].nodes) == {"d", "stop", "v"}


@pytest.mark.parametrize(("nodes", "edges"), [
    ("in:input stop:leave", "in>stop"),
    ("in:input P:parallel stop:leave out:output", "in>P P-body>stop P-exit>out"),
])  # fmt: skip
def test_a_break_outside_a_loop_is_an_error(nodes: str, edges: str) -> None:
    assert codes(compile_text(nodes, edges), "error") == [("LEAVE_OUTSIDE_LOOP", "stop")]


@pytest.mark.parametrize("parent", ["l", "a", "nowhere"])
def test_a_parent_that_is_the_node_itself_or_unknown_is_an_error_with_a_hint(parent: str) -> None:
    result = compile_text("a:input l:loop", "a>l", {"l": {"$": {"parentId": parent}}})
    assert codes(result, "error") == [("INVALID_PARENT", "l")]
    assert one(result, "INVALID_PARENT").hint
