"""Where executions begin and what they reach (R2)."""

from __future__ import annotations

from flowray.compiler.paths import execution_levels, find_cycle, topological_order
from tests.compiler.workflows import codes, compile_text, drawn, plan_of


def test_r2_the_root_above_the_entry_point_starts() -> None:
    plan = plan_of("t:trigger a:input b", "t>a a>b", entryPoint="b")
    assert plan.trigger == "t"
    assert plan.start_nodes == ("t",)


def test_r2_every_source_root_starts_and_other_roots_do_not() -> None:
    result = compile_text("t:trigger i:input mail b", "t>b i>b mail>b", entryPoint="t")
    plan = result.require()
    assert plan.start_nodes == ("t", "i")
    assert codes(result) == [("UNREACHABLE_NODE", "mail")]
    assert drawn(plan) == ["t>b", "i>b"]
    assert plan.absent_nodes == ("mail",)


def test_r2_a_start_option_beats_the_entry_point() -> None:
    result = compile_text("t:trigger u:trigger b", "t>b u>b", entryPoint="t", trigger="u")
    assert result.require().start_nodes == ("u",)
    assert codes(compile_text("t:trigger", "", trigger="x"), "error") == [("UNKNOWN_ENTRY_POINT", "x")]


def test_r2_without_an_entry_point_an_input_comes_first() -> None:
    assert plan_of("a b:input c", "a>c b>c").trigger == "b"
    assert plan_of("x a b", "a>b x>b").trigger == "x"


def test_a_workflow_may_begin_with_a_loop() -> None:
    plan = plan_of("l:loop b c", "l-body>b b>l l-exit>c")
    assert plan.start_nodes == ("l",)
    assert plan.scopes["l"].nodes == ("b",)


def test_plan_order_follows_the_author_where_edges_allow() -> None:
    plan = plan_of("d c b a:input", "a>b a>c b>d c>d")
    assert list(plan.nodes) == ["a", "c", "b", "d"]
    assert plan.levels == (("a",), ("c", "b"), ("d",))


def test_depth_is_the_longest_way() -> None:
    assert plan_of("a:input b c d", "a>b b>c a>d c>d").levels == (("a",), ("b",), ("c",), ("d",))


def test_topological_order_leaves_cycles_out() -> None:
    order, depths = topological_order(["a", "b", "c", "d"], {"a": ["b"], "b": ["c"], "c": ["b"], "d": []})
    assert order == ["a", "d"]
    assert depths == {"a": 0, "d": 0}


def test_find_cycle_names_it_in_order() -> None:
    assert find_cycle({"a", "b", "c"}, {"a": ["b"], "b": ["c"], "c": ["a"]}) == ["a", "b", "c", "a"]
    assert find_cycle({"a", "b"}, {"a": ["b"], "b": []}) == []


def test_a_very_long_cycle_is_found_without_recursion() -> None:
    names = [f"n{index}" for index in range(9_000)]
    following = {name: [names[(index + 1) % 9_000]] for index, name in enumerate(names)}
    assert len(find_cycle(set(names), following)) == 9_001


def test_levels_group_by_depth() -> None:
    assert execution_levels({"A": 0, "B": 1, "C": 1, "D": 2}) == (("A",), ("B", "C"), ("D",))


def test_a_cycle_is_refused_with_its_path() -> None:
    result = compile_text("a:input b c", "a>b b>c c>b")
    assert codes(result) == [("CYCLE", "b")]
    assert "b → c → b" in result.diagnostics[0].message
    assert result.diagnostics[0].pointer == "/edges/2"
    assert codes(compile_text("a:input b", "a>b b>b"), "error") == [("CYCLE", "b")]
