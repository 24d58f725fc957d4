"""One Dify node at a time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.definition.dialects.dify.drawing import config, imported

MODEL = {"name": "gpt", "provider": "openai", "completion_params": {"temperature": 0.1, "presence_penalty": 1}}


def typed(data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    result = imported({"2": data}, ("1", "2"))
    return result.require().nodes["n2"].type, config(result, "n2")


@pytest.mark.parametrize(
    ("data", "kind", "part"),
    [
        ({"type": "code", "code_language": "python3", "code": "def main(a):\n    return {}",
          "variables": [{"variable": "a", "value_selector": ["1", "x"]}]}, "code",
         {"inputVariables": {"arg_a": "{{n1.x}}"}, "outputKey": "", "language": "python"}),
        ({"type": "template-transform", "template": "{{ a }}", "variables": [
            {"variable": "a", "value_selector": ["1", "x"]}]}, "transform", {"template": "{{n1.x ?? ''}}"}),
        ({"type": "tool", "provider_name": "x/y/tavily", "tool_name": "search",
          "tool_parameters": {"q": {"type": "mixed", "value": "{{#1.x#}}"}}}, "integration",
         {"provider": "tavily", "operation": "search", "parameters": {"q": "{{n1.x}}"}}),
        ({"type": "question-classifier", "model": MODEL, "query_variable_selector": ["1", "x"],
          "classes": [{"id": "7", "name": "A"}]}, "router", {"routes": [{"value": "7", "label": "A"}]}),
        ({"type": "knowledge-retrieval", "dataset_ids": ["d"], "query_variable_selector": ["1", "x"]},
         "knowledgeBaseQuery", {"knowledgeBaseId": "d", "query": "{{n1.x}}", "topK": 4}),
        ({"type": "variable-aggregator", "variables": [["1", "a"], ["1", "b"]]}, "transform",
         {"template": "{{n1.a ?? n1.b}}"}),
        ({"type": "assigner", "assigned_variable_selector": ["conversation", "v"], "write_mode": "append",
          "input_variable_selector": ["1", "x"]}, "variable",
         {"variableName": "v", "operation": "append", "value": "{{n1.x}}"}),
        ({"type": "document-extractor", "variable_selector": ["1", "f"]}, "parseDocument", {"file": "{{n1.f}}"}),
        ({"type": "llm", "model": MODEL, "prompt_template": [{"role": "system", "text": "s"}]}, "llm",
         {"model": "gpt", "temperature": 0.1, "extra": {"presence_penalty": 1},
          "messages": [{"role": "system", "content": "s"}]}),
        ({"type": "http-request", "method": "get", "url": "{{#1.u#}}", "headers": "A: b\nC:d"}, "http",
         {"method": "GET", "url": "{{n1.u}}", "headers": [{"key": "A", "value": "b"}, {"key": "C", "value": "d"}]}),
    ],
)  # fmt: skip
def test_types_and_parameters(data: dict[str, Any], kind: str, part: dict[str, Any]) -> None:
    found_kind, found = typed(data)
    assert found_kind == kind
    assert {key: found.get(key) for key in part} == part


def test_a_parameter_extractor_asks_for_a_schema() -> None:
    parameters = [
        {"name": "t", "type": "string", "required": True, "description": "d"},
        {"name": "l", "type": "array[number]"},
    ]
    kind, found = typed({"type": "parameter-extractor", "model": MODEL, "query": ["1", "x"], "parameters": parameters})
    assert (kind, found["prompt"]) == ("llm", "{{n1.x}}")
    assert found["outputSchema"] == {
        "type": "object", "required": ["t"], "properties": {
            "t": {"type": "string", "description": "d"}, "l": {"type": "array", "items": {"type": "number"}}},
    }  # fmt: skip


def test_python_with_modules_of_its_own_is_reported() -> None:
    result = imported(
        {"2": {"type": "code", "code_language": "python3", "code": "import requests, json\n"}}, ("1", "2")
    )
    assert config(result, "n2")["engine"] == "cpython"
    assert "requests" in result.diagnostics[0].message


def test_an_unknown_type_keeps_its_name() -> None:
    result = imported({"2": {"type": "datasource"}}, ("1", "2"))
    assert result.require().nodes["n2"].type == "datasource"
    assert result.diagnostics[0].message == "Dify's node type 'datasource' has no counterpart."
    assert result.diagnostics[0].pointer == "/workflow/graph/nodes/1/data/type"
