"""The agent's loop, step by step, with a scripted model: what is called when, what the model reads, and how it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import Field

from flowray.definition.node_type import Effects, NodeType
from flowray.engine.signals import Answer, NodeError, Signals, Usage, VariableOperation
from flowray.engine.stimuli import TokensProduced
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.builtin import builtin_handlers
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.mcp import McpAnswer, McpTool
from flowray.handlers.node_config import NodeConfig
from flowray.handlers.registry import NodeRegistry
from flowray.handlers.services import HttpResponse
from tests.fakes.mcp import ScriptedMcp
from tests.fakes.services import NOW_MS, ScriptedHttp, fake_services
from tests.handlers.agents.playing import Play, ScriptedModel, calls, play


class LookUpConfig(NodeConfig):
    """What to look up."""

    city: str = Field(description="Name of the city.")
    unit: str = "C"


class Town:
    """Node types of the test's own: ``lookup`` reads, ``save`` writes, ``broken`` fails."""

    def __init__(self) -> None:
        self.did: list[tuple[str, Any, str]] = []
        self.at_once = self.most_at_once = 0

    async def run(self, node: NodeInput) -> NodeResult:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        self.did.append((node.node_type, node.config, node.idempotency_key))
        if node.node_type == "broken":
            return NodeResult.failure(ErrorCode.HTTP_ERROR, "no line")
        if node.node_type == "save":
            return NodeResult(data={"saved": True}, variables=(VariableOperation("set", "saved", node.config),))
        return NodeResult(data={"temperature": len(node.config["city"])}, usage=Usage(input_tokens=100))

    def registry(self) -> NodeRegistry:
        registry = NodeRegistry(builtin_handlers())
        for name, effects in (("lookup", Effects.READ), ("save", Effects.WRITE), ("broken", Effects.READ)):
            model = LookUpConfig if name == "lookup" else NodeConfig
            registry.register(_Type(name, effects, model, self.run))
        return registry


class _Type:
    def __init__(self, name: str, effects: Effects, model: Any, run: Any) -> None:
        self.node_type = NodeType(name=name, summary=f"Does {name}.", config_model=model, effects=effects)
        self.execute = run

    def can_handle(self, type_name: str) -> bool:
        return type_name == self.node_type.name


async def ran(turns: list[Any], config: dict[str, Any], town: Town | None = None, **more: Any) -> tuple[Play, Any]:
    model = ScriptedModel(turns)
    services = more.pop("services", None) or fake_services(chat=model, **more.pop("given", {}))
    registry = (town or Town()).registry()
    return await play({"prompt": "Go.", **config}, services=services, registry=registry, **more), model


async def test_without_tools_it_answers_like_a_model() -> None:
    done, model = await ran(["Hello!"], {"systemPrompt": "Be kind.", "model": "m", "temperature": 0})
    assert done.steps == []
    assert (done.output["content"], done.output["stopReason"], done.output["iterations"]) == ("Hello!", "answer", 1)
    assert done.output["tokens"] == {"input": 10, "output": 5, "prompt": 10, "completion": 5, "total": 15}
    assert done.output["toolCalls"] == {"list": [], "count": 0}
    assert model.asked[0].messages == [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Go."}]
    assert model.asked[0].tools is None
    assert [event.text for event in done.emitted if isinstance(event, TokensProduced)] == ["Hello!"]


async def test_each_call_of_the_model_and_of_a_tool_is_a_step() -> None:
    town = Town()
    done, model = await ran([calls(("lookup", {"city": "Rome"}), text="Let me see."), "4 degrees"],
                            {"tools": ["lookup"]}, town)  # fmt: skip
    assert done.names == ["model → lookup", "lookup"]
    assert done.steps[0].output == {
        "text": "Let me see.", "toolCalls": [{"name": "lookup", "arguments": {"city": "Rome"}}],
    }  # fmt: skip
    [record] = done.output["toolCalls"]["list"]
    assert (record["name"], record["arguments"], record["result"]) == ("lookup", {"city": "Rome"}, {"temperature": 4})
    assert {"startTime", "endTime", "duration"} <= record.keys()
    assert model.asked[1].messages[1:] == [
        {"role": "assistant", "content": "Let me see.", "tool_calls": list(calls(("lookup", {"city": "Rome"}))[1])},
        {"role": "tool", "tool_call_id": "c0_lookup", "content": '{"temperature":4}'},
    ]
    assert (done.output["content"], done.output["tokens"]["input"]) == ("4 degrees", 120)
    assert [step.usage.input_tokens for step in done.steps if step.usage] == [10, 100]


async def test_the_schema_of_a_tool_is_that_of_the_config_without_what_is_fixed() -> None:
    tool = {"nodeType": "lookup", "name": "weather now!", "description": "The weather.", "config": {"unit": "F"}}
    town = Town()
    _, model = await ran([calls(("weather_now", {"city": "Rome", "unit": "K"})), "done"], {"tools": [tool]}, town)
    function = model.asked[0].tools[0]["function"]
    assert (function["name"], function["description"]) == ("weather_now", "The weather.")
    assert (set(function["parameters"]["properties"]), function["parameters"]["required"]) == ({"city"}, ["city"])
    assert town.did[0][1] == {"city": "Rome", "unit": "F"}


async def test_calls_that_only_read_run_together_and_one_that_writes_has_a_step_of_its_own() -> None:
    """R31: with an idempotency key of its own."""
    town = Town()
    turn = calls(("lookup", {"city": "A"}), ("save", {"x": 1}), ("lookup", {"city": "BB"}), ("save", {"x": 2}))
    done, _ = await ran([turn, "done"], {"tools": ["lookup", "save"]}, town)
    assert done.names == ["model → lookup, save, lookup, save", "lookup, lookup", "save", "save"]
    assert town.most_at_once == 2
    saves = [key for name, _, key in town.did if name == "save"]
    assert len(set(saves)) == 2
    changed = [change.value for step in done.steps for change in step.variables]
    assert changed == [{"x": 1}, {"x": 2}]
    assert [record["name"] for record in done.output["toolCalls"]["list"]] == ["lookup", "lookup", "save", "save"]


async def test_what_a_model_writes_is_no_template_and_sees_no_secret() -> None:
    town = Town()
    given = {"secrets": {"pw": "hunter2"}, "env": {"HOME": "/root"}}
    await ran([calls(("lookup", {"city": "{{secret.pw}}"})), "x"], {"tools": ["lookup"]}, town, given=given)
    assert town.did[0][1]["city"] == "{{secret.pw}}"


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (("nope", {}), "there is no tool 'nope'; there are: lookup, broken"),
        (("lookup", "{not json"), "the arguments are not JSON"),
        (("lookup", "[1]"), "must be a JSON object"),
        (("lookup", {}), "city"),
        (("broken", {}), "no line"),
    ],
)
async def test_errors_of_tools_go_back_to_the_model(call: tuple[str, Any], told: str) -> None:
    done, model = await ran([calls(call), "I see."], {"tools": ["lookup", "broken"]})
    assert told in model.asked[1].messages[-1]["content"]
    assert told in done.output["toolCalls"]["list"][0]["error"]
    assert done.output["content"] == "I see."


async def test_too_many_errors_in_a_row_fail_the_node() -> None:
    done, model = await ran([calls(("broken", {}))] * 9, {"tools": ["broken"], "maxToolErrors": 2})
    assert done.error is not None
    assert (done.error.code, len(model.asked)) == (ErrorCode.NODE_FAILED, 3)
    assert "3 calls of tools in a row have failed" in done.error.message


async def test_a_tool_that_takes_too_long_is_an_error_of_its_own() -> None:
    class Slow(Town):
        async def run(self, node: NodeInput) -> NodeResult:
            await asyncio.Event().wait()
            return NodeResult()

    tools = [{"nodeType": "lookup", "timeoutMs": 5}]
    done, _ = await ran([calls(("lookup", {"city": "A"})), "ok"], {"tools": tools}, Slow())
    assert done.output["toolCalls"]["list"][0]["error"] == "no answer within 5 ms"


async def test_in_its_last_iteration_it_must_answer() -> None:
    done, model = await ran(
        [calls(("lookup", {"city": "A"})), calls(("lookup", {"city": "A"})), "enough"],
        {"tools": ["lookup"], "maxIterations": 3},
    )
    assert [request.tool_choice for request in model.asked] == [None, None, "none"]
    assert (done.output["content"], done.output["stopReason"]) == ("enough", "answer")
    stubborn, _ = await ran([calls(("lookup", {"city": "A"}), text="more")], {"tools": ["lookup"], "maxIterations": 2})
    assert (stubborn.output["content"], stubborn.output["stopReason"]) == ("more", "max_iterations")


async def test_a_token_budget_ends_it_before_the_next_call() -> None:
    turns = [calls(("save", {}), text="working"), "never said"]
    done, model = await ran(turns, {"tools": ["save"], "tokenBudget": 15})
    assert (done.output["stopReason"], done.output["content"], len(model.asked)) == ("token_budget", "working", 1)


async def test_no_step_begins_after_its_time() -> None:
    clock = iter(range(NOW_MS, NOW_MS + 10**9, 400))
    done, model = await ran(
        [calls(("save", {}))], {"tools": ["save"], "maxDurationMs": 1_000}, now_ms=lambda: next(clock)
    )
    assert (done.output["stopReason"], len(model.asked) < 3) == ("max_duration", True)


async def test_a_stop_tool_and_a_stop_phrase_end_it() -> None:
    done, model = await ran([calls(("save", {"x": 1}))], {"tools": ["save"], "stopTools": ["save"]})
    assert (done.output["stopReason"], done.output["content"], len(model.asked)) == ("stop_tool", '{"saved":true}', 1)
    done, _ = await ran([calls(("save", {}), text="All DONE")], {"tools": ["save"], "stopPhrases": ["DONE"]})
    assert (done.output["stopReason"], done.output["toolCalls"]["count"]) == ("stop_phrase", 0)


async def test_usage_control_forces_a_tool_once_or_takes_it_away() -> None:
    tools = [{"nodeType": "lookup", "usageControl": "force"}, {"nodeType": "save", "usageControl": "none"}]
    _, model = await ran([calls(("lookup", {"city": "A"})), "ok"], {"tools": tools})
    assert [tool["function"]["name"] for tool in model.asked[0].tools] == ["lookup"]
    forced = {"type": "function", "function": {"name": "lookup"}}
    assert [request.tool_choice for request in model.asked] == [forced, None]


# -- structured output and memory ------------------------------------------------------------------------------------

SCHEMA = {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}


async def test_structured_answers_are_fields_of_the_output_and_wrong_ones_are_asked_for_again() -> None:
    done, model = await ran(["Rome, I think", '{"town": 1}', '{"city": "Rome"}'], {"outputSchema": SCHEMA})
    assert (done.output["city"], done.output["data"]) == ("Rome", {"city": "Rome"})
    assert done.names == ["model → corrected", "model → corrected"]
    assert "must be JSON" in model.asked[1].messages[-1]["content"]
    assert "city" in model.asked[2].messages[-1]["content"]
    assert model.asked[0].response_format["json_schema"]["schema"] == SCHEMA


async def test_an_answer_that_never_fits_its_schema_fails() -> None:
    done, _ = await ran(["no"], {"outputSchema": SCHEMA, "maxIterations": 2})
    assert done.error is not None
    assert (done.error.code, "schema" in done.error.message) == (ErrorCode.NODE_FAILED, True)


async def test_the_window_keeps_a_call_with_its_results() -> None:
    turns = [calls(("lookup", {"city": c})) for c in "ABC"]
    config = {"tools": ["lookup"], "systemPrompt": "S", "memoryType": "sliding_window", "slidingWindowSize": 2}
    _, model = await ran([*turns, "ok"], config)
    roles = [message["role"] for message in model.asked[-1].messages]
    assert roles == ["system", "system", "assistant", "tool"]


# -- waiting ---------------------------------------------------------------------------------------------------------

GUARDED = {"tools": [{"nodeType": "save", "requireApproval": True}]}


async def test_a_person_approves_a_call_and_may_change_its_arguments() -> None:
    town, asked = Town(), []

    def approve(signals: Signals) -> Answer:
        asked.append(signals.pause)
        return Answer({"approved": True, "arguments": {"x": 2}})

    done, _ = await ran([calls(("save", {"x": 1})), "saved"], GUARDED, town, answers=approve)
    assert done.names == ["model → save", "approve save", "save"]
    [pause] = asked
    assert pause is not None
    assert (pause.kind, '{"x":1}' in (pause.prompt or "")) == ("person", True)
    assert (pause.expected_input or {})["required"] == ["approved"]
    assert [config for _, config, _ in town.did] == [{"x": 2}]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer({"approved": False, "reason": "too dear"}), "A person refused this call: too dear"),
        (Answer("no"), "A person refused this call."),
        (Answer(None), "A person refused this call."),
        (Answer(error=NodeError(message="Nobody answered", code="WAITPOINT_TIMEOUT")), "Nobody approved this call"),
    ],
)
async def test_a_refusal_is_told_to_the_model_and_nothing_is_called(answer: Answer, told: str) -> None:
    town = Town()
    done, model = await ran([calls(("save", {"x": 1})), "Then not."], GUARDED, town, answers=lambda _: answer)
    assert (town.did, done.output["content"]) == ([], "Then not.")
    assert told in model.asked[1].messages[-1]["content"]


@pytest.mark.parametrize("answer", [Answer(True), Answer("yes"), Answer({"approved": True})])
async def test_a_plain_yes_is_enough(answer: Answer) -> None:
    town = Town()
    await ran([calls(("save", {"x": 1})), "ok"], GUARDED, town, answers=lambda _: answer)
    assert len(town.did) == 1


async def test_a_workflow_as_a_tool_is_called_and_awaited() -> None:
    tool = {"workflowId": "w1", "name": "research", "config": {"depth": 2}, "parameters": {"type": "object"}}
    seen = []

    def ended(signals: Signals) -> Answer:
        seen.append(signals.child)
        return Answer({"found": "it"})

    done, model = await ran([calls(("research", {"topic": "x"})), "done"], {"tools": [tool]}, answers=ended)
    assert [(call.workflow_id, call.inputs) for call in seen if call] == [("w1", {"topic": "x", "depth": 2})]
    assert model.asked[1].messages[-1]["content"] == '{"found":"it"}'
    assert done.output["toolCalls"]["list"][0]["result"] == {"found": "it"}


FAILED = '{"error":"it failed","code":"BAD"}'


async def test_two_workflows_of_one_turn_are_called_one_after_the_other() -> None:
    tools = [{"workflowId": "a"}, {"workflowId": "b"}]
    failed = Answer(error=NodeError(message="it failed", code="BAD"))
    seen: list[str] = []

    def ended(signals: Signals) -> Answer:
        assert signals.child is not None
        seen.append(str(signals.child.workflow_id))
        return failed if seen[-1] == "a" else Answer("B")

    done, model = await ran([calls(("a", {}), ("b", {})), "done"], {"tools": tools}, answers=ended)
    assert seen == ["a", "b"]
    assert [message["content"] for message in model.asked[1].messages[-2:]] == [FAILED, "B"]
    assert done.error is None


async def test_a_workflow_that_is_written_in_the_tool_keeps_its_own_references() -> None:
    inline = {"nodes": {"a": {"type": "output", "config": {"outputName": "x", "value": "{{x}}"}}}}
    seen = []

    def ended(signals: Signals) -> Answer:
        seen.append(signals.child)
        return Answer(1)

    await ran([calls(("inner", {"x": 1})), "ok"], {"tools": [{"name": "inner", "definition": inline}]}, answers=ended)
    assert [call.definition for call in seen if call] == [inline]


async def test_a_node_that_asks_a_person_can_be_a_tool() -> None:
    tools = [{"nodeType": "humanReview", "name": "ask_user"}]
    done, _ = await ran(
        [calls(("ask_user", {"prompt": "Which?"})), "ok"],
        {"tools": tools},
        answers=lambda signals: Answer("the left one"),
    )
    assert done.output["toolCalls"]["list"][0]["result"] == "the left one"


# -- other kinds of tools --------------------------------------------------------------------------------------------


async def test_an_http_operation_fills_its_url_safely_and_sends_the_rest() -> None:
    http = ScriptedHttp(
        lambda request: HttpResponse(200, "OK", {"content-type": "application/json"}, b'{"a":1}', "", 1)
    )
    tools = [
        {"name": "read", "url": "http://api/users/{user}", "headers": {"X-Key": "k"}},
        {"name": "write", "url": "http://api/users/{user}", "method": "POST"},
    ]
    turn = calls(("read", {"user": "a/../b", "full": True}), ("write", {"user": "1", "body": {"n": 2}}))
    done, model = await ran([turn, "ok"], {"tools": tools}, given={"http": http})
    read, write = http.sent
    assert (read.url, ("full", "true") in list(read.params)) == ("http://api/users/a%2F..%2Fb", True)
    assert (write.method, write.content) == ("POST", b'{"n":2}')
    assert model.asked[0].tools[0]["function"]["parameters"]["required"] == ["user"]
    assert done.names == ["model → read, write", "read", "write"]


async def test_tools_of_an_mcp_server_are_listed_once_and_called() -> None:

    box = [
        McpTool(
            "add", "Adds.", {"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a", "b"]}, None, True
        ),
        McpTool("wipe", "Wipes."),
    ]
    mcp = ScriptedMcp(
        {"box": box}, {"add": McpAnswer(structured={"result": 3}), "wipe": McpAnswer(text="no", is_error=True)}
    )
    tools = [{"mcpServer": "box", "config": {"b": 2}}]
    done, model = await ran([calls(("add", {"a": 1}), ("wipe", {})), "ok"], {"tools": tools}, given={"mcp": mcp})
    assert mcp.calls == [("box", "add", {"a": 1, "b": 2}), ("box", "wipe", {"b": 2})]
    assert done.names == ["model → add, wipe", "add", "wipe"]
    assert model.asked[0].tools[0]["function"]["parameters"]["required"] == ["a"]
    assert [record.get("error") for record in done.output["toolCalls"]["list"]] == [None, "no"]


@pytest.mark.parametrize(
    ("tools", "code", "said"),
    [
        (["nonsense"], ErrorCode.UNKNOWN_NODE_TYPE, "nonsense"),
        (["loop"], ErrorCode.INVALID_NODE_CONFIG, "cannot be a tool"),
        (["save", {"nodeType": "lookup", "name": "save"}], ErrorCode.INVALID_NODE_CONFIG, "several tools"),
        ([{"name": "x"}], ErrorCode.INVALID_NODE_CONFIG, "a tool is one of"),
        ([{"nodeType": "save", "url": "http://x"}], ErrorCode.INVALID_NODE_CONFIG, "a tool is one of"),
    ],
)
async def test_tools_that_cannot_be_are_errors_before_anything_is_asked(tools: Any, code: str, said: str) -> None:
    done, model = await ran(["never"], {"tools": tools})
    assert done.error is not None
    assert (done.error.code, said in done.error.message, model.asked) == (code, True, [])


async def test_an_error_of_the_provider_is_the_node_s_and_may_be_tried_again() -> None:
    busy = FlowrayError(ErrorCode.PROVIDER_RATE_LIMITED, "busy", retryable=True)
    done, _ = await ran([calls(("lookup", {"city": "A"})), busy], {"tools": ["lookup"]})
    assert done.error is not None
    assert (done.error.code, done.error.retryable, len(done.steps)) == (ErrorCode.PROVIDER_RATE_LIMITED, True, 2)


async def test_a_long_result_is_cut_for_the_model_and_whole_in_the_output() -> None:
    class Long(Town):
        async def run(self, node: NodeInput) -> NodeResult:
            return NodeResult(data="x" * 100)

    done, model = await ran([calls(("save", {})), "ok"], {"tools": ["save"], "maxResultChars": 10}, Long())
    assert model.asked[1].messages[-1]["content"] == "x" * 10 + "… (90 more characters are left out)"
    assert len(done.output["toolCalls"]["list"][0]["result"]) == 100
