"""Providers, readers and the ordering edges of references (R6)."""

from __future__ import annotations

import pytest

from flowray.compiler import references
from tests.compiler.workflows import codes, compile_text, drawn, one, plan_of


def test_r6_the_provider_latest_in_plan_order_comes_first() -> None:
    configs = {
        "b": {"outputVariable": "x"},
        "c": {"outputVariable": "x"},
        "d": {"v": "{{x}} {{b.v}}"},
    }
    plan = plan_of("a:input b c d", "a>b b>c c>d", configs)
    assert plan.nodes["d"].providers == {"x": ("c", "b"), "b": ("b",)}
    assert plan.readers == {"b": ("d",), "c": ("d",)}


def test_r6_only_ancestors_provide() -> None:
    configs = {"b": {"outputVariable": "x"}, "c": {"outputVariable": "x"}, "d": {"v": "{{x}}"}}
    assert plan_of("a:input b c d", "a>b a>c b>d", configs).nodes["d"].providers == {"x": ("b",)}


@pytest.mark.parametrize("field", ["outputVariable", "inputName", "inputVariable", "outputName", "variableName"])
def test_r6_names_given_by_config_are_aliases(field: str) -> None:
    plan = plan_of("a:input b c", "a>b b>c", {"b": {field: "x"}, "c": {"v": "{{x.y}}"}})
    assert plan.nodes["c"].providers == {"x": ("b",)}


def test_r6_a_reference_to_a_node_beside_waits_for_it() -> None:
    result = compile_text("a:input b c", "a>b a>c", {"c": {"v": "{{b.v}}"}})
    plan = result.require()
    assert drawn(plan) == ["a>b", "a>c", "ordering:b>c"]
    assert plan.nodes["c"].providers == {"b": ("b",)}
    finding = one(result, "REFERENCE_NOT_UPSTREAM")
    assert (finding.node_id, finding.pointer) == ("c", "/nodes/c/config/v")


def test_r6_the_order_follows_the_reference_even_against_the_author() -> None:
    plan = plan_of("a:input c b", "a>b a>c", {"c": {"v": "{{b.v}}"}})
    assert list(plan.nodes) == ["a", "b", "c"]


def test_r6_a_reference_downstream_reads_null() -> None:
    result = compile_text("a:input b c", "a>b b>c", {"b": {"v": "{{c.v}}"}})
    assert codes(result) == [("REFERENCE_CIRCULAR", "b")]
    assert result.require().nodes["b"].providers == {"c": ()}  # known, so null; never waited for


def test_r6_two_nodes_that_read_each_other_get_one_ordering_edge() -> None:
    result = compile_text("a:input b c", "a>b a>c", {"b": {"v": "{{c.v}}"}, "c": {"v": "{{b.v}}"}})
    assert codes(result) == [("REFERENCE_NOT_UPSTREAM", "b"), ("REFERENCE_CIRCULAR", "c")]
    assert "ordering:c>b" in drawn(result.require())


def test_r6_a_node_that_never_runs_reads_null() -> None:
    result = compile_text("a:input b lost", "a>b", {"b": {"v": "{{lost.v}}"}})
    assert codes(result) == [("UNREACHABLE_NODE", "lost"), ("REFERENCE_UNREACHABLE", "b")]


def test_r6_unknown_names_are_a_warning_where_all_names_are_declared() -> None:
    inputs = {"type": "object", "properties": {"known": {}}}
    result = compile_text("a:input b", "a>b", {"b": {"v": "{{known}} {{nope}} {{loop.index}}"}}, inputs=inputs)
    assert codes(result) == [("UNKNOWN_REFERENCE", "b")]
    assert "'nope'" in result.diagnostics[0].message


def test_undeclared_inputs_may_have_any_name() -> None:
    """R57: undeclared inputs are kept."""
    assert codes(compile_text("a:input b", "a>b", {"b": {"v": "{{anything}}"}})) == []


def test_the_flowmaestro_dialect_reads_all_for_a_name_that_nobody_provides() -> None:
    plan = plan_of("a:input b c", "a>b b>c", {"c": {"v": "{{text}}"}}, dialect="flowmaestro")
    assert plan.nodes["c"].reads_all
    assert plan.readers == {"a": ("c",), "b": ("c",)}


def test_r6_a_body_sees_itself_the_previous_iteration_and_what_is_around() -> None:
    configs = {
        "b": {"v": "{{b.v}} {{c.v}} {{a.v}} {{x}}"},
        "c": {"v": "{{b.v}}", "outputVariable": "x"},
        "a": {"outputVariable": "x"},
    }
    plan = plan_of("a:input l:loop b c d", "a>l l-body>b b>c c>l l-exit>d", configs)
    assert plan.nodes["b"].providers == {"b": ("b",), "c": ("c",), "a": ("a",), "x": ("c", "a")}
    assert plan.nodes["c"].providers == {"b": ("b",)}


def test_r6_from_outside_a_body_node_can_be_read_behind_the_loop() -> None:
    plan = plan_of("a:input l:loop b d", "a>l l-body>b b>l l-exit>d", {"d": {"v": "{{b.v}} {{l.results}}"}})
    assert plan.nodes["d"].providers == {"b": ("b",), "l": ("l",)}


def test_r6_a_body_node_read_beside_the_loop_orders_the_loop() -> None:
    plan = plan_of("a:input l:loop b d", "a>l a>d l-body>b b>l", {"d": {"v": "{{b.v}}"}})
    assert "ordering:l>d" in drawn(plan)


def test_too_many_readers_retain_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "MAX_READERS", 2)
    plan = plan_of("a:input b g:greedy h:greedy", "a>b b>g g>h")
    assert plan.settings.retain == ("a", "b", "g", "h")
    assert plan.readers == {}


def test_a_reader_lists_a_bounded_number_of_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "MAX_PROVIDERS", 2)
    same = {"outputVariable": "x"}
    plan = plan_of("a:input b c d e", "a>b b>c c>d d>e", {"b": same, "c": same, "d": same, "e": {"v": "{{x}}"}})
    assert plan.nodes["e"].providers == {"x": ("d", "c")}


def test_r6_the_condition_of_a_loop_reads_what_the_round_before_left_in_its_body() -> None:
    configs = {"L": {"loopType": "doWhile", "condition": "{{b.n}} < 3"}, "b": {"v": "{{b.n}}"}}
    plan = plan_of("a:input L:loop b c", "a>L L-loop-body>b L-loop-exit>c", configs)
    assert plan.nodes["L"].providers == {"b": ("b",)}
    assert set(plan.readers["b"]) == {"L", "b"}
