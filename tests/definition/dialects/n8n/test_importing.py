"""Whole n8n workflows: handles, loops, helpers, cycles, policies, entry point."""

from __future__ import annotations

from flowray.compiler.builder import build_plan
from flowray.handlers.registry import default_registry
from tests.definition.dialects.n8n.drawing import config, edges, imported, messages, node

TYPES = default_registry(plugins=False).node_types()


def test_branches_leave_by_their_handles() -> None:
    condition = {"boolean": [{"value1": "={{ $json.x }}", "value2": True}]}
    result = imported(
        node("start", "manualTrigger"), node("if1", "if", conditions=condition),
        node("yes", "noOp"), node("no", "noOp"), start=[["if1"]], if1=[["yes"], ["no"]],
    )  # fmt: skip
    assert result.source_format == "n8n"
    assert result.require().entry_point == "start"
    assert edges(result) == {("start", None, "if1"), ("if1", "true", "yes"), ("if1", "false", "no")}
    assert config(result, "yes")["inputData"] == "{{start}}", "a branch hands on what came in"


def test_loop_over_items_is_a_loop_whose_body_leads_back() -> None:
    result = imported(
        node("start", "manualTrigger"), node("each", "splitInBatches", 3), node("work", "httpRequest", 4, url="http://x"),
        node("end", "noOp"), start=[["each"]], each=[["end"], ["work"]], work=[["each"]],
    )  # fmt: skip
    assert result.require().nodes["work"].parent_id == "each"
    assert ("each", "loop-body", "work") in edges(result)
    assert ("each", "loop-exit", "end") in edges(result)
    assert ("work", None, "each_result") in edges(result)
    assert config(result, "each_result")["template"] == "{{work.data}}"
    assert not build_plan(result.require(), TYPES).diagnostics or build_plan(result.require(), TYPES).require()


def test_what_comes_behind_several_items_is_the_body_of_a_loop() -> None:
    result = imported(
        node("start", "manualTrigger"), node("split", "splitOut", fieldToSplitOut="rows"),
        node("ask", "httpRequest", 4, url="={{ $json.url }}"), node("all", "aggregate"),
        start=[["split"]], split=[["ask"]], ask=[["all"]],
    )  # fmt: skip
    assert result.require().nodes["ask"].parent_id == "split_each"
    assert config(result, "ask")["url"] == "{{split_each.item.url}}"
    assert config(result, "all")["inputVariables"]["all"] == "{{split_each}}"
    assert ("split_each", "loop-exit", "all") in edges(result)


def test_helpers_become_the_config_of_the_agent() -> None:
    model = node("model", "/lmChatOpenAi", model={"__rl": True, "value": "gpt-4o"}, options={"temperature": 0.2})
    tool = node("tool", "/toolWorkflow", name="look up", workflowId="w1", description="Looks up.")
    result = imported(
        node("start", "/chatTrigger"), model, tool, node("memory", "/memoryBufferWindow", contextWindowLength=4),
        node("agent", "/agent", options={"systemMessage": "Help."}),
        start=[["agent"]], model=("ai_languageModel", "agent"), tool=("ai_tool", "agent"),
        memory=("ai_memory", "agent"),
    )  # fmt: skip
    assert set(result.require().nodes) == {"start", "agent"}
    assert config(result, "agent") == {
        "provider": "openai", "model": "gpt-4o", "temperature": 0.2, "prompt": "{{start.chatInput}}",
        "systemPrompt": "Help.", "memoryType": "sliding_window", "slidingWindowSize": 8,
        "tools": [{"name": "look_up", "description": "Looks up.", "workflowId": "w1"}],
    }  # fmt: skip


def test_a_cycle_is_closed_by_a_goto_and_compiles() -> None:
    condition = {"boolean": [{"value1": "={{ $json.done }}", "value2": True}]}
    result = imported(
        node("start", "manualTrigger"), node("get", "httpRequest", 4, url="http://x"),
        node("if1", "if", conditions=condition), node("end", "noOp"),
        start=[["get"]], get=[["if1"]], if1=[["end"], ["get"]],
    )  # fmt: skip
    assert {("if1", "false", "get_again"), ("get_again", "goto", "get")} <= edges(result)
    assert "IMPLICIT_LOOP" in {item.code.value for item in build_plan(result.require(), TYPES).diagnostics}


def test_policies_errors_and_disabled_nodes() -> None:
    failing = {**node("ask", "httpRequest", 4, url="http://x"), "retryOnFail": True, "onError": "continueErrorOutput"}
    off = {**node("off", "httpRequest", 4, url="http://y"), "disabled": True}
    result = imported(node("start", "manualTrigger"), failing, off, start=[["ask"]], ask=[[], ["off"]])
    asked = result.require().nodes["ask"]
    assert (asked.error_port, asked.retry is not None and asked.retry.max_attempts) == (True, 3)
    assert ("ask", "error", "off") in edges(result)
    assert result.require().nodes["off"].type == "transform"


def test_a_type_without_a_counterpart_keeps_its_name_and_is_reported() -> None:
    result = imported(node("start", "manualTrigger"), node("s", "ssh", command="ls"), start=[["s"]])
    assert result.require().nodes["s"].type == "n8n-nodes-base.ssh"
    assert "n8n's node type 'ssh' has no counterpart." in messages(result)
    finding = next(item for item in result.diagnostics if "'ssh'" in item.message)
    assert (finding.node_id, finding.pointer, finding.hint is not None) == ("s", "/nodes/1", True)
