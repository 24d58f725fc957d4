"""What configs read, and the expressions in them that do not parse."""

from __future__ import annotations

from tests.compiler.workflows import codes, compile_text, one, plan_of


def test_r7_each_field_is_read_by_its_kind() -> None:
    configs = {
        "l": {"arrayPath": "a.items", "condition": "b.go == true", "itemVariable": "a"},
        "c": {"x": ["{{a.v}}", {"deep": "{{b.v}}"}]},
    }
    plan = plan_of("a:input b l:loop c d", "a>b b>l l-body>c c>l l-exit>d", configs)
    assert plan.nodes["l"].providers == {"a": ("a",), "b": ("b",)}
    assert plan.nodes["c"].providers == {"a": ("a",), "b": ("b",)}


def test_names_of_rules_are_no_expressions() -> None:
    configs = {"s": {"cases": [{"value": "b", "condition": "a.n > 1"}, {"value": "c", "condition": "a.n < 1"}]}}
    result = compile_text("a:input s:switch b c", "a>s s-b>b s-c>c", configs)
    assert codes(result) == []
    assert result.require().nodes["s"].providers == {"a": ("a",)}


def test_what_does_not_parse_is_reported_with_its_place() -> None:
    result = compile_text("a:input b", "a>b", {"b": {"x": {"y": "hi {{ a.( }} there"}}})
    finding = one(result, "EXPRESSION_SYNTAX")
    assert (finding.node_id, finding.pointer, finding.severity.value) == ("b", "/nodes/b/config/x/y", "warning")
    assert compile_text("a:input b", "a>b", {"b": {"x": "{{ a.( }}"}}, strict=True).plan is None


def test_literal_fields_are_not_read() -> None:
    assert plan_of("a:input o:output", "a>o", {"o": {"outputName": "{{a.v}}"}}).nodes["o"].providers == {}


def test_reads_all_comes_from_the_type() -> None:
    plan = plan_of("a:input b g:greedy", "a>b b>g")
    assert plan.nodes["g"].reads_all
    assert plan.readers == {"a": ("g",), "b": ("g",)}


def test_r7_a_script_reads_what_it_names_among_its_inputs() -> None:
    configs = {"c": {"code": "const a = 1; return inputs.b.rows.map(row => row.id); // inputs.d"}}
    plan = plan_of("a:input b d c:code", "a>b b>d d>c", configs)
    assert plan.nodes["c"].providers["b"] == ("b",)
    assert "d" not in plan.nodes["c"].providers
    assert not plan.nodes["c"].reads_all
