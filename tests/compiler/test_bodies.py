"""Bodies that nobody marked (R18)."""

from __future__ import annotations

from tests.compiler.workflows import compile_text, drawn, one, plan_of

ITEM = {"l": {"arrayPath": "{{a.xs}}", "itemVariable": "it", "outputVariable": "all"}}


def _body(nodes: str, edges: str, configs: dict[str, dict[str, str]]) -> tuple[str, ...]:
    return plan_of(nodes, edges, {**ITEM, **configs}).scopes["l"].nodes


def test_r18_direct_successors_and_what_lies_before_the_last_reader() -> None:
    body = _body("a:input l:loop b c d e", "a>l l>b b>c c>d d>e", {"d": {"x": "{{it.name}}"}})
    assert body == ("b", "c", "d")


def test_r18_reading_a_member_alone_pulls_nothing_in() -> None:
    assert _body("a:input l:loop b c", "a>l l>b b>c", {"b": {"x": "{{it}}"}, "c": {"x": "{{b.v}}"}}) == ("b",)


def test_r18_never_outputs_nor_readers_of_the_results() -> None:
    configs = {"b": {"x": "{{it}}"}, "c": {"x": "{{all}} {{it}}"}, "o": {"value": "{{it}}"}}
    assert _body("a:input l:loop b c o:output", "a>l l>b b>c c>o", configs) == ("b",)


def test_r18_a_branch_belongs_with_its_ways_up_to_where_they_meet() -> None:
    body = _body("a:input l:loop c:if x y z", "a>l l>c c-true>x c-false>y x>z y>z", {})
    assert body == ("c", "x", "y")


def test_r18_loop_names_count_unless_another_loop_comes_first() -> None:
    assert _body("a:input l:loop b c", "a>l l>b b>c", {"c": {"x": "{{loop.index}}"}}) == ("b", "c")
    plan = plan_of(
        "a:input l:loop b m:loop c",
        "a>l l>b b>m m>c",
        {**ITEM, "m": {"itemVariable": "other"}, "c": {"x": "{{loop.index}}"}},
    )
    assert plan.scopes["l"].nodes == ("b",)
    assert plan.scopes["m"].nodes == ("c",)


def test_edges_out_of_a_guessed_body_follow_the_loop() -> None:
    """The border was a guess, so what comes behind it is the continuation, not an early exit."""
    plan = plan_of("a:input l:loop c:if x o:output", "a>l l>c c-true>x c-false>o x>o", ITEM)
    assert plan.scopes["l"].nodes == ("c", "x")
    assert drawn(plan) == ["a>l", "l>o"]
    assert drawn(plan, "l") == ["c-true>x"]


def test_the_guess_is_reported_with_its_nodes() -> None:
    finding = one(compile_text("a:input l:loop b c", "a>l l>b b>c", ITEM), "BODY_INFERRED")
    assert finding.message.endswith("these nodes are repeated: b.")
    assert finding.node_id == "l"
