"""The compiler as a whole: what comes out, that it is stable, and that it is fast."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowray.compiler.builder import build_plan
from flowray.definition.loading import load_definition
from flowray.errors import DefinitionError, ErrorCode
from flowray.plan import ROOT, plan_from_json, plan_hash, plan_to_json
from tests.compiler.workflows import TYPES, codes, compile_text, definition_of, drawn, plan_of
from tests.timing import cpu_seconds


def test_a_diamond_compiles_to_nodes_edges_and_levels() -> None:
    plan = plan_of("a:input b c d:output", "a>b a>c b>d c>d", name="diamond")
    assert list(plan.nodes) == ["a", "b", "c", "d"]
    assert plan.levels == (("a",), ("b", "c"), ("d",))
    assert plan.start_nodes == ("a",)
    assert plan.trigger == "a"
    assert plan.output_nodes == ("d",)
    assert plan.nodes["d"].incoming == ("b->d", "c->d")
    assert plan.nodes["a"].outgoing == ("a->b", "a->c")
    assert plan.name == "diamond"


def test_every_problem_comes_at_once() -> None:
    result = compile_text("a:input b:call c", "a>b b>x y>c", {"b": {"tries": 0}}, entryPoint="nowhere")
    assert result.plan is None
    assert codes(result, "error") == [
        ("UNKNOWN_EDGE_TARGET", "x"),
        ("UNKNOWN_EDGE_SOURCE", "y"),
        ("UNKNOWN_ENTRY_POINT", "nowhere"),
    ]
    with pytest.raises(DefinitionError) as caught:
        result.require()
    assert caught.value.code is ErrorCode.INVALID_DEFINITION
    assert len(caught.value.details["diagnostics"]) == 3


def test_a_plan_survives_json_and_hashes_the_same() -> None:
    plan = plan_of("a:input l:loop b c", "a>l l-loop-body>b l-loop-exit>c b>l", {"b": {"x": "{{a.v}}"}})
    again = plan_from_json(plan_to_json(plan))
    assert again == plan
    assert plan_hash(again) == plan_hash(plan)


def test_the_hash_ignores_the_order_of_keys_within_a_node() -> None:
    document = definition_of("a:input b", "a>b", {"b": {"x": 1, "y": {"p": 1, "q": 2}}})
    turned = json.loads(json.dumps(document))
    turned["nodes"]["b"]["config"] = {"y": {"q": 2, "p": 1}, "x": 1}
    plans = [build_plan(load_definition(item).require(), TYPES).require() for item in (document, turned)]
    assert plan_hash(plans[0]) == plan_hash(plans[1])


def test_the_dialect_sets_the_semantics() -> None:
    plan = plan_of("a:input", "", dialect="flowmaestro")
    assert plan.dialect.flatten_outputs
    assert plan.dialect.outputs_default == "variables"
    assert plan_of("a:input", "").dialect.outputs_default == "terminals"


def test_settings_and_variables_reach_the_plan() -> None:
    plan = plan_of(
        "a:input",
        "",
        settings={"maxConcurrentNodes": 3, "timeoutMs": 5_000, "onFailure": "cancel_running"},
        variables={"x": {"default": [1]}},
    )
    assert (plan.settings.max_concurrent_nodes, plan.settings.timeout_ms) == (3, 5_000)
    assert plan.settings.on_failure.value == "cancel_running"
    assert plan.variables == {"x": [1]}


def test_notes_vanish_with_their_edges() -> None:
    plan = plan_of("a:input n:comment b", "a>b n>b a>n")
    assert list(plan.nodes) == ["a", "b"]
    assert drawn(plan) == ["a>b"]


def test_an_unknown_type_is_a_warning_and_strictly_an_error() -> None:
    lenient = compile_text("a:input b:alien", "a>b")
    assert codes(lenient) == [("UNKNOWN_NODE_TYPE", "b")]
    assert lenient.require().nodes["b"].known_type is False
    strict = compile_text("a:input b:alien", "a>b", strict=True)
    assert strict.plan is None
    assert strict.diagnostics[0].pointer == "/nodes/b/type"


def test_aliases_of_types_are_types() -> None:
    assert compile_text("a:input b:walk", "a>b").diagnostics == ()


def test_more_than_ten_thousand_nodes_are_refused() -> None:
    nodes = {f"n{index}": {"type": "step"} for index in range(10_001)}
    result = build_plan(load_definition({"schemaVersion": 1, "nodes": nodes}).require(), TYPES)
    assert [item.code.value for item in result.diagnostics] == ["TOO_MANY_NODES"]


def test_no_nodes_and_nothing_to_start_are_errors() -> None:
    assert codes(compile_text("", "")) == [("NO_NODES", None)]
    assert codes(compile_text("a b", "a>b b>a")) == [("MISSING_TRIGGER", None)]


def _chain(count: int) -> dict[str, Any]:
    nodes: dict[str, Any] = {"n0": {"type": "input"}}
    for i in range(1, count):
        nodes[f"n{i}"] = {"type": "step", "config": {"x": f"{{{{n{i - 1}.v}}}} of {{{{n0.x}}}}"}}
    return {"nodes": nodes, "edges": [{"source": f"n{i}", "target": f"n{i + 1}"} for i in range(count - 1)]}


def _fan_out(count: int) -> dict[str, Any]:
    return {**_chain(count), "edges": [{"source": "n0", "target": f"n{i}"} for i in range(1, count)]}


@pytest.mark.parametrize("shape", [_chain, _fan_out])
def test_ten_thousand_nodes_compile_quickly(shape: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """About a second on two busy cores; the bound leaves room for slow machines."""
    definition = load_definition({"schemaVersion": 1, **shape(10_000)}).require()
    seconds, plan = cpu_seconds(lambda: build_plan(definition, TYPES).require())
    with capsys.disabled():
        print(f"\n{shape.__name__.strip('_')} of 10,000 nodes: {seconds:.2f} s of CPU")
    assert len(plan.scopes[ROOT].nodes) == 10_000
    assert seconds < 3.0
