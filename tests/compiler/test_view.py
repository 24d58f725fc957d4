"""The plan as the API shows it."""

from __future__ import annotations

import json

from flowray.compiler.view import container_of_sentinel, is_sentinel, plan_view
from flowray.plan import plan_hash
from tests.compiler.workflows import plan_of


def test_the_view_names_dependencies_handles_and_levels() -> None:
    plan = plan_of("a:input c:if x y z:output", "a>c c-true>x c-false>y x>z y>z x-error>y", {"z": {"value": "{{x.v}}"}})
    view = plan_view(plan)
    assert view["nodes"]["c"]["dependencies"] == ["a"]
    assert view["nodes"]["c"]["dependents"] == ["x", "y"]
    assert view["nodes"]["c"]["handle_types"] == {"x": ["true"], "y": ["false"]}
    assert view["nodes"]["x"]["handle_types"] == {"z": ["default"], "y": ["error"]}
    assert view["nodes"]["z"]["lane"] == "inline"
    assert view["execution_order"] == [["a"], ["c"], ["x"], ["y"], ["z"]]
    assert view["start_nodes"] == ["a"]
    assert view["readers"] == {"x": ["z"]}
    assert view["hash"] == plan_hash(plan)
    json.dumps(view)


def test_loops_stand_as_sentinels_around_their_body() -> None:
    view = plan_view(plan_of("a:input l:loop b out", "a>l l-body>b b>l l-exit>out"))
    drawn = {(edge["source"], edge["target"]): edge["handle_type"] for edge in view["edges"]}
    assert drawn == {
        ("a", "l__LOOP_START"): "default",
        ("l__LOOP_START", "b"): "loop-body",
        ("b", "l__LOOP_END"): "default",
        ("l__LOOP_END", "out"): "loop-exit",
    }
    assert "l" not in view["nodes"]
    assert view["nodes"]["l__LOOP_END"]["node_id"] == "l"
    assert view["execution_order"] == [["a"], ["l__LOOP_START", "l__LOOP_END"], ["out"]]


def test_an_exit_edge_is_drawn_from_the_node_it_leaves() -> None:
    view = plan_view(plan_of("a:input l:loop b:if f", "a>l l-body>b b-false>l b-true>f"))
    exits = [edge for edge in view["edges"] if edge["kind"] == "exit"]
    assert [(edge["source"], edge["target"]) for edge in exits] == [("b", "f")]


def test_two_edges_of_a_pair_are_both_shown() -> None:
    view = plan_view(plan_of("a:input c:if d", "a>c c-true>d c-false>d"))
    assert view["nodes"]["c"]["handle_types"] == {"d": ["true", "false"]}
    assert view["nodes"]["d"]["dependencies"] == ["c"]


def test_sentinels_are_known_by_name() -> None:
    assert is_sentinel("l__LOOP_START")
    assert container_of_sentinel("p__PARALLEL_END") == "p"
    assert container_of_sentinel("plain") is None
