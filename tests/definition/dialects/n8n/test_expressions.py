"""n8n's expressions as templates, and as JavaScript where they are more than a path."""

from __future__ import annotations

import pytest

from flowray.definition.diagnostics import Diagnostics
from flowray.definition.dialects.n8n.document import N8nNode
from flowray.definition.dialects.n8n.expressions import Shape, Texts, read_path


def texts() -> Texts:
    node = N8nNode("n", "N", "n8n-nodes-base.set", 3.4, {}, "/nodes/0", {}, Diagnostics())
    shapes: dict[str, list[Shape]] = {"Other": ["other"], "Model": [{"output": "model.text", "": "model"}]}
    return Texts(node, ["before"], shapes.get)


@pytest.mark.parametrize(
    ("written", "template"),
    [
        ("plain {{ text }}", "plain {{ text }}"),
        ("={{ $json.a.b }}", "{{before.a.b}}"),
        ("={{$json[\"a b\"][0]?.c}}", "{{before['a b'][0].c}}"),
        ("={{ $('Other').item.json.x }}", "{{other.x}}"),
        ("={{ $('Other').first().json }}", "{{other}}"),
        ('={{ $node["Other"].json["x"] }}', "{{other.x}}"),
        ("={{ $('Model').item.json.output }}", "{{model.text}}"),
        ("={{ $('Model').item.json.usage }}", "{{model.usage}}"),
        ("={{ $env.KEY }}", "{{env.KEY}}"),
        ("={{ $now }}", "{{$now}}"),
        ("=a {{ $json.x }} b", "a {{before.x ?? ''}} b"),
        ("={{ $json.x.toUpperCase() }}", "{{n_expressions.e0}}"),
    ],
)  # fmt: skip
def test_what_a_text_becomes(written: str, template: str) -> None:
    assert texts().text(written) == template


def test_more_than_a_path_is_a_program_of_a_node_before() -> None:
    found = texts()
    assert found.value({"a": "={{ $json.x + 1 }}", "b": ["={{ $json.x + 1 }}"]}) == {
        "a": "{{n_expressions.e0}}", "b": ["{{n_expressions.e0}}"],
    }  # fmt: skip
    helper = found.helper()
    assert helper is not None
    assert "e0: __try(() => ($json.x + 1))" in helper["code"]
    assert helper["inputVariables"]["__in"] == "{{before}}"
    assert helper["outputKey"] == ""


def test_a_program_gets_the_nodes_that_it_names() -> None:
    found = texts()
    found.text("={{ $('Model').item.json.output.trim() }}")
    helper = found.helper()
    assert helper is not None
    assert helper["inputVariables"]["__nodes"] == {"Model": {"output": "{{model.text}}"}}


def test_what_the_sandbox_has_not_is_reported_once() -> None:
    found = texts()
    found.text("={{ DateTime.now() }} {{ DateTime.now().year }}")
    assert [item.message for item in found.node.diagnostics] == [
        "DateTime of n8n is not there: an expression with it fails here."
    ]


def test_a_node_that_is_not_there_reads_null_and_is_reported() -> None:
    found = texts()
    assert found.text("={{ $('Gone').item.json.x }}") == "{{null}}"
    assert [item.code.value for item in found.node.diagnostics] == ["DIALECT_UNSUPPORTED"]


def test_operands_are_expressions_literals_or_programs() -> None:
    found = texts()
    assert [found.operand(value) for value in ("={{ $json.a }}", "x", 3, True)] == ["before.a", '"x"', "3", "true"]
    assert found.operand("=/{{ $json.a }}") == "n_expressions.e0"
    assert list(found.programs.values()) == ["\"/\" + String(( $json.a ) ?? '')"]


def test_of_several_values_the_first_that_is_there_counts() -> None:
    assert read_path(["a", {"x": "b.y"}], ["x"]) == "a.x ?? b.y"
    assert read_path([{"x": "b.y"}], ["z"]) == "null"
