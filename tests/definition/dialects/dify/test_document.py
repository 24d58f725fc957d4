"""Whole Dify apps: start, ends, iterations, handles, policies, chat apps."""

from __future__ import annotations

from flowray.compiler.builder import build_plan
from flowray.definition.loading import load_definition
from flowray.handlers.registry import default_registry
from tests.definition.dialects.dify.drawing import app, config, edges_of, imported

TYPES = default_registry(plugins=False).node_types()


def test_inputs_of_the_start_are_a_schema() -> None:
    fields = [
        {"variable": "q", "type": "paragraph", "label": "Q", "required": True},
        {"variable": "n", "type": "number"},
        {"variable": "k", "type": "select", "options": ["a", "b"]},
    ]
    result = load_definition(app({"1": {"type": "start", "variables": fields}}))
    assert result.source_format == "dify"
    assert result.require().entry_point == "n1"
    assert result.require().model_dump(by_alias=True)["inputs"] == {
        "type": "object", "required": ["q"], "properties": {
            "q": {"type": "string", "title": "Q"}, "n": {"type": "number"},
            "k": {"type": "string", "enum": ["a", "b"]}},
    }  # fmt: skip


def test_each_variable_of_an_end_is_an_output() -> None:
    rows = [{"variable": "a", "value_selector": ["1", "x"]}, {"variable": "b", "value_selector": ["1", "y"]}]
    result = imported({"2": {"type": "end", "outputs": rows}}, ("1", "2"))
    assert config(result, "n2") == {"outputName": "a", "value": "{{n1.x}}"}
    assert config(result, "n2_2") == {"outputName": "b", "value": "{{n1.y}}"}
    assert ("n2", None, "n2_2") in edges_of(result)


def test_an_iteration_is_a_loop_whose_rounds_give_one_variable() -> None:
    result = imported(
        {
            "2": {"type": "iteration", "iterator_selector": ["1", "list"], "output_selector": ["4", "text"]},
            "3": {"type": "iteration-start", "parentId": "2"},
            "4": {"type": "llm", "parentId": "2", "model": {"name": "m", "provider": "a/b/openai"},
                  "prompt_template": [{"role": "user", "text": "{{#2.item#}}"}]},
            "5": {"type": "answer", "answer": "{{#2.output#}}"},
        },
        ("1", "2"), ("3", "4"), ("2", "5"),
    )  # fmt: skip
    assert config(result, "n2")["collection"] == "{{n1.list ?? []}}"
    assert result.require().nodes["n4"].parent_id == "n2"
    assert config(result, "n4")["messages"] == [{"role": "user", "content": "{{n2.item}}"}]
    assert {("n2", "loop-body", "n4"), ("n4", None, "n2_result"), ("n2", "loop-exit", "n5")} <= edges_of(result)
    assert not [item for item in build_plan(result.require(), TYPES).diagnostics if item.severity == "error"]


def test_branches_errors_and_retries() -> None:
    condition = {"variable_selector": ["1", "x"], "comparison_operator": "contains", "value": "y"}
    result = imported(
        {
            "2": {"type": "if-else", "cases": [{"case_id": "true", "conditions": [condition]}]},
            "3": {"type": "http-request", "method": "post", "url": "http://x", "error_strategy": "fail-branch",
                  "retry_config": {"retry_enabled": True, "max_retries": 2, "retry_interval": 50}},
            "4": {"type": "answer", "answer": "no"},
        },
        ("1", "2"), ("2", "3", "true"), ("2", "4", "false"), ("3", "4", "fail-branch"),
    )  # fmt: skip
    assert config(result, "n2")["conditions"] == [{"name": "true", "expression": "(((n1.x) ?? '').includes(\"y\"))"}]
    assert edges_of(result) >= {("n2", "true", "n3"), ("n2", "false", "n4"), ("n3", "error", "n4")}
    asked = result.require().nodes["n3"]
    assert (asked.error_port, asked.retry is not None and asked.retry.max_attempts) == (True, 3)


def test_a_chat_app_is_one_model_and_its_answer() -> None:
    settings = {"model": {"name": "gpt", "provider": "openai"}, "pre_prompt": "Be brief."}
    result = load_definition({"app": {"mode": "chat", "name": "c"}, "model_config": settings})
    assert result.require().nodes["model"].type == "llm"
    assert config(result, "model")["prompt"] == "{{inputs.query}}"
    tools = {"agent_mode": {"tools": [{"enabled": True, "provider_name": "time", "tool_name": "now"}]}}
    agent = load_definition({"app": {"mode": "agent-chat", "name": "c"}, "model_config": {**settings, **tools}})
    assert agent.require().nodes["model"].type == "agent"
    assert config(agent, "model")["tools"][0]["operation"] == "now"
