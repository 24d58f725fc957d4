"""One attempt from task to result: order of reports, limits, failures, masking, large values."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel

from flowray.definition.node_type import FieldKind, NodeType, Role
from flowray.engine.manifests import item_at
from flowray.engine.signals import Answer, Signals, Step, VariableOperation
from flowray.engine.stimuli import AttemptFailed, AttemptStarted, AttemptSucceeded, NodeLogged, Stimulus, TokensProduced
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers import attempt as attempt_module
from flowray.handlers.chunks import store_list
from flowray.handlers.handler import Cancellation, NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig
from flowray.handlers.registry import NodeRegistry
from flowray.values import INLINE_LIMIT_BYTES, StoredValue, as_value, decode_json, encode_json, to_wire
from tests.fakes.services import NOW_MS, MemoryPayloads, fake_services
from tests.handlers.running import attempt, fail, output, succeed


class Scripted:
    """A node type made of one function."""

    def __init__(self, run: Any, model: type[BaseModel] = NodeConfig, **more: Any) -> None:
        self.node_type = NodeType(name="scripted", summary="", config_model=model, **more)
        self.execute = run

    def can_handle(self, type_name: str) -> bool:
        return type_name == "scripted"


def types(run: Any, **more: Any) -> NodeRegistry:
    return NodeRegistry([Scripted(run, **more)])


async def test_reports_start_tokens_and_logs_before_the_result() -> None:
    async def run(node: NodeInput) -> NodeResult:
        node.emit_token("Hel")
        node.emit_token("lo")
        node.log("half way", percent=50)
        return NodeResult(data={"ok": True}, variables=(VariableOperation("set", "x", 1),))

    emitted: list[Stimulus] = []
    result = await succeed(
        "scripted", {}, registry=types(run), emitted=emitted, stream_id="llm-n1", attempt=3, idempotency_key="k"
    )
    assert [type(event) for event in emitted] == [AttemptStarted, NodeLogged, TokensProduced]
    assert emitted[0] == AttemptStarted(ts=NOW_MS, instance="n1", attempt=3)
    assert isinstance(emitted[1], NodeLogged)
    assert (emitted[1].message, emitted[1].fields) == ("half way", {"percent": 50})
    tokens = emitted[2]
    assert isinstance(tokens, TokensProduced)
    assert (tokens.text, tokens.tokens, tokens.offset, tokens.stream_id) == ("Hello", 2, 0, "llm-n1")
    assert (result.output, result.stream_id, result.attempt) == ({"ok": True}, "llm-n1", 3)
    assert result.variables[0].name == "x"


async def test_sync_handlers_run_in_a_thread_and_may_stream() -> None:
    def run(node: NodeInput) -> NodeResult:
        node.emit_token("a")
        node.log("from a thread")
        return NodeResult(data=1)

    emitted: list[Stimulus] = []
    result = await succeed("scripted", {}, registry=types(run), emitted=emitted, stream_id="s")
    assert result.output == 1
    assert {type(event) for event in emitted} == {AttemptStarted, TokensProduced, NodeLogged}


async def test_config_is_filled_by_field_kinds_and_unresolved_references_are_warnings() -> None:
    """R6, R7."""
    seen: dict[str, Any] = {}

    async def run(node: NodeInput) -> NodeResult:
        seen.update(node.config)
        return NodeResult()

    kinds = {"p": FieldKind.PATH, "e": FieldKind.EXPRESSION, "l": FieldKind.LITERAL}
    emitted: list[Stimulus] = []
    config = {
        "t": "{{a.x}}",
        "text": "x={{a.x}} {{gone}}",
        "p": "a.x",
        "e": "a.x > 1",
        "l": "{{a.x}}",
        "skipped": "{{b.y}}",
    }
    await succeed(
        "scripted", config, registry=types(run, fields=kinds), emitted=emitted, outputs={"a": {"x": 5}}, known=("b",)
    )
    assert seen == {"t": 5, "text": "x=5 {{gone}}", "p": 5, "e": "a.x > 1", "l": "{{a.x}}", "skipped": None}
    warnings = [event for event in emitted if isinstance(event, NodeLogged)]
    assert [event.level for event in warnings] == ["warning"]
    assert warnings[0].fields == {"pointer": "/text", "placeholder": "{{gone}}"}


async def test_a_config_that_its_model_refuses_is_a_coded_failure_with_pointers() -> None:
    error = await fail("wait", {"waitType": "sometimes"})
    assert error.code == "INVALID_NODE_CONFIG"
    assert error.details["errors"][0]["pointer"] == "/waitType"
    assert (error.node_id, error.attempt, error.instance) == ("n1", 1, "n1")
    assert error.details["time"] == NOW_MS


async def test_a_timeout_names_the_limit_and_whose_it_is() -> None:
    """R14."""
    closed = []

    async def run(node: NodeInput) -> NodeResult:
        try:
            await asyncio.sleep(30)
        finally:
            closed.append(True)
        return NodeResult()

    error = await fail("scripted", {}, registry=types(run), timeout_ms=20)
    assert (error.code, error.retryable) == ("NODE_TIMEOUT", True)
    assert error.message == "stopped by the lane after 20 ms, which is the node's timeoutMs"
    assert closed == [True]
    error = await fail("scripted", {}, registry=types(run), timeout_ms=5_000, deadline_ms=NOW_MS + 10)
    assert error.message == "stopped by the lane after 10 ms, which is the execution's deadline"
    error = await fail("scripted", {}, registry=types(run, timeout_ms=15))
    assert error.message == "stopped by the lane after 15 ms, which is the node type's limit"
    error = await fail("scripted", {}, registry=types(run), deadline_ms=NOW_MS - 1)
    assert error.code == "NODE_TIMEOUT"


async def test_a_timeout_error_of_the_handlers_own_is_no_node_timeout() -> None:
    async def run(node: NodeInput) -> NodeResult:
        raise TimeoutError("of a socket")

    error = await fail("scripted", {}, registry=types(run), timeout_ms=5_000)
    assert error.code == "NODE_FAILED"


async def test_cancelling_stops_the_handler() -> None:
    cancellation, closed = Cancellation(), []

    async def run(node: NodeInput) -> NodeResult:
        asyncio.get_running_loop().call_soon(cancellation.cancel)
        try:
            await asyncio.sleep(30)
        finally:
            closed.append(node.cancellation.is_cancelled)
        return NodeResult()

    error = await fail("scripted", {}, registry=types(run), cancellation=cancellation)
    assert (error.code, closed) == ("EXECUTION_CANCELLED", [True])


async def test_unexpected_exceptions_show_type_and_place_but_no_traceback() -> None:
    async def run(node: NodeInput) -> NodeResult:
        raise KeyError("token sk-1234567890abcdef")

    error = await fail("scripted", {}, registry=types(run))
    assert error.code == "NODE_FAILED"
    assert error.message == "KeyError: 'token sk-***'"
    assert error.details["type"] == "KeyError"
    assert error.details["at"].startswith("test_attempt.py:")
    assert error.details["at"].endswith("in run")
    assert "Traceback" not in str(error)


async def test_secrets_are_masked_in_input_error_and_log() -> None:
    async def run(node: NodeInput) -> NodeResult:
        node.log("using hunter2-secret", url="https://u:p4ssw0rd@h/")
        raise FlowrayError(
            ErrorCode.HTTP_ERROR, "sent hunter2-secret", details={"headers": {"Authorization": "Bearer abc"}}
        )

    emitted: list[Stimulus] = []
    services = fake_services(secrets={"KEY": "hunter2-secret"}, env={"API_TOKEN": "envtoken9"})
    config = {
        "apiKey": "{{secret.KEY}}",
        "url": "https://x/?q={{secret.KEY}}",
        "note": "{{env.API_TOKEN}}",
        "maxTokens": 5,
    }
    result = await attempt("scripted", config, registry=types(run), services=services, emitted=emitted)
    assert isinstance(result, AttemptFailed)
    assert result.input == {"apiKey": "***", "url": "https://x/?q=***", "note": "***", "maxTokens": 5}
    assert result.error.details["input"] == result.input
    assert result.error.details["headers"] == {"Authorization": "***"}
    assert result.error.message == "sent ***"
    everything = repr(emitted) + repr(result)
    assert "hunter2" not in everything
    assert "envtoken9" not in everything
    assert "p4ssw0rd" not in everything


async def test_a_long_input_is_shortened_in_the_log_only() -> None:
    seen: list[int] = []

    async def run(node: NodeInput) -> NodeResult:
        seen.append(len(node.config["text"]))
        return NodeResult(data=None)

    result = await succeed("scripted", {"text": "x" * 20_000}, registry=types(run))
    assert seen == [20_000]
    assert result.input["__truncated"] is True
    assert result.input["__originalSize"] > 20_000
    assert len(result.input["__preview"]) == 1_000


async def test_large_outputs_are_stored_and_large_inputs_loaded() -> None:
    """R36."""
    payloads = MemoryPayloads()
    services = fake_services(payloads=payloads)

    async def run(node: NodeInput) -> NodeResult:
        return NodeResult(data={"rows": list(range(10_000))})

    result = await succeed("scripted", {}, registry=types(run), services=services)
    stored = result.output
    assert isinstance(stored, StoredValue)
    assert decode_json(payloads.blobs[stored.payload_id])["rows"][-1] == 9_999
    assert stored.length == 1

    extract = {"operation": "extract", "inputData": "a", "path": "rows[9999]"}
    assert await output("transform", extract, services=services, outputs={"a": stored}) == 9_999
    wire = {"$flowray": "stored", "payload_id": stored.payload_id, "bytes": stored.bytes}
    assert await output("transform", extract, services=services, outputs={"a": wire}) == 9_999
    missing = StoredValue(payload_id="e1.gone", bytes=1)
    assert (await fail("transform", extract, services=services, outputs={"a": missing})).code == "PAYLOAD_MISSING"


async def test_outputs_over_the_limit_and_outputs_that_are_no_json_fail(monkeypatch: Any) -> None:
    monkeypatch.setattr(attempt_module, "OUTPUT_LIMIT_BYTES", 100_000)

    async def big(node: NodeInput) -> NodeResult:
        return NodeResult(data="x" * 100_000)

    async def odd(node: NodeInput) -> NodeResult:
        return NodeResult(data={"thing": object()})

    async def nothing(node: NodeInput) -> Any:
        return {"data": 1}

    error = await fail("scripted", {}, registry=types(big))
    assert (error.code, error.details["bytes"]) == ("OUTPUT_TOO_LARGE", 100_002)
    error = await fail("scripted", {}, registry=types(odd))
    assert error.code == "NODE_FAILED"
    assert "dict that is not JSON" in error.message
    error = await fail("scripted", {}, registry=types(nothing))
    assert error.message == "the handler of 'scripted' returned a dict, not a NodeResult"


async def test_a_failed_result_keeps_code_retry_hint_and_delay() -> None:
    async def run(node: NodeInput) -> NodeResult:
        details = {"a": 1, "password": "x", "body": "y" * 20_000}
        return NodeResult.failure("MY_CODE", "no", retryable=True, retry_after_ms=1_500, hint="try", details=details)

    error = await fail("scripted", {}, registry=types(run))
    assert (error.code, error.retryable, error.retry_after_ms, error.hint) == ("MY_CODE", True, 1_500, "try")
    assert (error.details["a"], error.details["password"]) == (1, "***")
    assert error.details["body"]["__truncated"] is True

    async def raising(node: NodeInput) -> NodeResult:
        raise FlowrayError(
            ErrorCode.PROVIDER_RATE_LIMITED, "slow down", details={"retry_after_ms": 7_000}, retryable=True
        )

    assert (await fail("scripted", {}, registry=types(raising))).retry_after_ms == 7_000


async def test_tokens_are_handed_over_while_the_handler_runs() -> None:
    """R33: a batch is at most 20 ms old."""
    emitted: list[Stimulus] = []

    async def run(node: NodeInput) -> NodeResult:
        node.emit_token("early ")
        started = time.monotonic()
        while not any(isinstance(event, TokensProduced) for event in emitted):
            assert time.monotonic() - started < 20
            await asyncio.sleep(0.001)
        node.emit_token("late")
        return NodeResult(data=1)

    result = await succeed("scripted", {}, registry=types(run), emitted=emitted, stream_id="s")
    batches = [(event.offset, event.text) for event in emitted if isinstance(event, TokensProduced)]
    assert batches == [(0, "early "), (6, "late")]
    assert isinstance(result, AttemptSucceeded)


async def test_r16_a_large_collection_travels_as_chunks() -> None:
    """The engine reads it by index without loading anything; a lane reads one chunk for its item."""
    payloads = MemoryPayloads()
    items = [{"n": number, "text": "x" * 100} for number in range(3_000)]
    config = {"loopType": "forEach", "arrayPath": "{{rows}}"}
    services = fake_services(payloads=payloads)
    answer = (await succeed("loop", config, services=services, inputs={"rows": items}, sentinel="open")).output
    manifest = as_value(answer["items"])
    assert (manifest.length, set(answer)) == (3_000, {"items"})
    assert len(manifest.parts) == len(payloads.blobs) > 2
    assert [item for chunk in manifest.parts for item in decode_json(payloads.blobs[chunk.payload_id])] == items
    inside = {"item": item_at(manifest, 2_500), "index": 2_500, "items": manifest}
    variable = {"operation": "set", "variableName": "v", "value": "{{loop.item.n}} of {{loop.items.length}}"}
    result = await succeed("variable", variable, services=services, loop=inside)
    assert result.variables[0].value == "2500 of 3000"
    assert payloads.loads == [manifest.entry(2_500).payload_id]


async def big_results(payloads: MemoryPayloads, count: int = 40, size: int = 50_000) -> StoredValue:
    """A manifest of ``count`` results of ``size`` bytes, two in each chunk."""
    return await store_list([{"n": number, "text": "x" * size} for number in range(count)], "e1", "k", payloads)


@pytest.mark.parametrize(
    ("template", "value", "loads"),
    [
        ("{{out[3].n}}", 3, 1), ("{{out[k].n}}", 7, 1), ("{{out.length}}", 40, 0), ("{{out | length}}", 40, 0),
        ("{{out | first}}", 0, 1), ("{{(out | last).n}}", 39, 1), ("{{out.at(-1).n}}", 39, 1), ("{{out[40]}}", None, 0),
        ("{{out[3].n + out[2].n}}", 5, 1), ("{{out[0].n}}-{{out[39].n}}", "0-39", 2), ("{{out.3.n}}", 3, 1),
        ("{{out.map(r => r.n).length}}", 40, 20), ("{{alias[5].n}}", 5, 1), ("{{wrapped.results[6].n}}", 6, 1),
    ],
)  # fmt: skip
async def test_r16_reading_by_index_loads_the_chunk_that_is_read(template: str, value: Any, loads: int) -> None:
    payloads = MemoryPayloads()
    manifest = await big_results(payloads)
    config = {"operation": "set", "variableName": "v", "value": template}
    result = await succeed(
        "variable", config, services=fake_services(payloads=payloads), inputs={"k": 7},
        outputs={"out": manifest, "wrapped": {"results": to_wire(manifest)}}, aliases={"alias": "out"},
    )  # fmt: skip
    found = result.variables[0].value
    assert (found["n"] if isinstance(found, dict) else found) == value
    assert len(payloads.loads) == loads


@pytest.mark.parametrize("template", ["{{out}}", "{{wrapped.results}}", "{{out | json}}"])
async def test_r16_a_reference_reads_the_full_value(template: str) -> None:
    payloads = MemoryPayloads()
    manifest = await big_results(payloads, count=5)
    config = {"operation": "set", "variableName": "v", "value": template}
    outputs = {"out": manifest, "wrapped": {"results": to_wire(manifest)}}
    result = await succeed("variable", config, services=fake_services(payloads=payloads), outputs=outputs)
    found = result.variables[0].value
    found = decode_json(found) if isinstance(found, str) else found
    assert found == [{"n": number, "text": "x" * 50_000} for number in range(5)]


@pytest.mark.parametrize(
    ("config", "output"),
    [
        ({"operation": "custom", "expression": "$count(out) + out[3].n"}, 43),
        ({"operation": "merge"}, 40),
        ({"operation": "passthrough", "inputData": "{{out}}"}, 40),
    ],
)
async def test_r16_scripts_and_nodes_that_read_everything_get_it_whole(config: Any, output: int) -> None:
    payloads = MemoryPayloads()
    services = fake_services(payloads=payloads)
    result = await succeed("transform", config, services=services, outputs={"out": await big_results(payloads)})
    found = result.output
    found = decode_json(payloads.blobs[found.payload_id]) if isinstance(found, StoredValue) else found
    assert (len(found["out"] if isinstance(found, dict) else found) if not isinstance(found, int) else found) == output


async def test_r16_a_list_above_the_limit_cannot_be_read_whole_and_the_error_names_the_limit() -> None:
    payloads = MemoryPayloads()
    manifest = msgspec.structs.replace(await big_results(payloads), bytes=64 * 1024 * 1024 + 1)
    services = fake_services(payloads=payloads)
    config = {"operation": "set", "variableName": "v", "value": "{{out}}"}
    error = await fail("variable", config, services=services, outputs={"out": manifest})
    assert (error.code, payloads.loads) == ("CONTEXT_LIMIT_EXCEEDED", [])
    assert "a list of 40 entries has 67108865 bytes; read whole it may have 67108864 bytes (64 MiB)" in error.message
    by_index = config | {"value": "{{out[3].n}}"}
    assert (await succeed("variable", by_index, services=services, outputs={"out": manifest})).variables[0].value == 3


@pytest.mark.parametrize("written", ["out", "{{out}}", "{{wrapped.results}}"])
async def test_r16_a_loop_over_such_a_list_loads_nothing_of_it(written: str) -> None:
    payloads = MemoryPayloads()
    manifest = await big_results(payloads)
    result = await succeed(
        "loop", {"loopType": "forEach", "arrayPath": written}, services=fake_services(payloads=payloads),
        sentinel="open", outputs={"out": manifest, "wrapped": {"results": to_wire(manifest)}},
    )  # fmt: skip
    assert (result.output, payloads.loads) == ({"items": to_wire(manifest)}, [])
    assert result.input["arrayPath"] == {
        "__truncated": True, "__originalSize": manifest.bytes, "__preview": manifest.preview,
    }  # fmt: skip


async def test_r16_a_condition_reads_the_results_so_far_by_index() -> None:
    payloads = MemoryPayloads()
    manifest = await big_results(payloads)
    around = {"n1": {"index": 40, "results": manifest}}
    config = {"loopType": "while", "condition": "loop.results[loop.index - 1].n < 39 || loop.results.length < 41"}
    result = await succeed(
        "loop", config, services=fake_services(payloads=payloads), sentinel="condition", round=40,
        containers=around, loop=around["n1"],
    )  # fmt: skip
    assert result.output == {"continue": True}
    assert payloads.loads == [manifest.parts[-1].payload_id]


async def test_r16_a_result_that_is_in_no_chunk_yet_is_read_alone() -> None:
    payloads = MemoryPayloads()
    text = encode_json({"n": 8, "text": "y" * 90_000})
    stored = StoredValue(await payloads.store("e1", "k", text), len(text))
    config = {"operation": "set", "variableName": "v", "value": "{{loop.results[1].n}} {{loop.results[0]}}"}
    inside = {"index": 2, "results": ["first", to_wire(stored), to_wire(StoredValue("e1.unread", 90_000))]}
    result = await succeed("variable", config, services=fake_services(payloads=payloads), loop=inside)
    assert (result.variables[0].value, payloads.loads) == ("8 first", [stored.payload_id])


async def test_large_values_of_an_output_node_are_stored_one_by_one() -> None:
    """R8, R36: the engine merges the keys of output nodes, so the object itself must stay."""
    payloads = MemoryPayloads()
    services = fake_services(payloads=payloads)
    config = {"outputName": "report", "value": "{{text}}"}
    result = await succeed("output", config, services=services, inputs={"text": "x" * 40_000})
    assert set(result.output) == {"report"}
    stored = as_value(result.output["report"])
    assert isinstance(stored, StoredValue)
    assert (stored.bytes, stored.preview[:4]) == (40_002, '"xxx')
    assert decode_json(payloads.blobs[stored.payload_id]) == "x" * 40_000

    small = await succeed("output", config, services=services, inputs={"text": "x" * 30_000})
    assert small.output == {"report": "x" * 30_000}
    # Whoever reads the output node gets the value.
    again = {"outputName": "again", "value": "{{out.report}}"}
    repeated = await output("output", again, services=services, outputs={"out": result.output})
    assert as_value(repeated["again"]).payload_id == stored.payload_id
    assert payloads.loads == [stored.payload_id]


async def test_several_values_of_an_output_node_stay_within_the_inline_limit_together() -> None:
    payloads = MemoryPayloads()

    async def run(node: NodeInput) -> NodeResult:
        return NodeResult(data={f"k{number}": "x" * 9_000 for number in range(5)} | {"small": 1})

    registry = types(run, role=Role.OUTPUT)
    result = await succeed("scripted", {}, registry=registry, services=fake_services(payloads=payloads))
    assert result.output["small"] == 1
    assert len(encode_json(result.output)) <= INLINE_LIMIT_BYTES
    assert all(isinstance(as_value(result.output[f"k{number}"]), StoredValue) for number in range(5))


async def test_an_output_above_the_limit_fails_for_output_nodes_and_sentinels_too(monkeypatch: Any) -> None:
    monkeypatch.setattr(attempt_module, "OUTPUT_LIMIT_BYTES", 50_000)
    inputs = {"text": "x" * 60_000, "rows": ["x" * 60_000]}
    error = await fail("output", {"outputName": "o", "value": "{{text}}"}, inputs=inputs)
    assert error.code == "OUTPUT_TOO_LARGE"
    error = await fail("loop", {"arrayPath": "{{rows}}"}, inputs=inputs, sentinel="open")
    assert error.code == "OUTPUT_TOO_LARGE"


async def test_changes_of_variables_are_json_of_their_own() -> None:
    mine: list[Any] = [1]

    async def odd(node: NodeInput) -> NodeResult:
        return NodeResult(variables=(VariableOperation("set", "v", object()),))

    async def lists(node: NodeInput) -> NodeResult:
        return NodeResult(variables=(VariableOperation("set", "v", mine),))

    error = await fail("scripted", {}, registry=types(odd))
    assert (error.code, "object that is not JSON" in error.message) == ("NODE_FAILED", True)
    (change,) = (await succeed("scripted", {}, registry=types(lists))).variables
    mine.append(2)
    assert change.value == [1]


# -- steps -----------------------------------------------------------------------------------------------------------


def _stepping(state: Any, **more: Any) -> NodeRegistry:
    async def run(node: NodeInput) -> NodeResult:
        step = Step(name="think", state=state, input={"asked": "hunter2"})
        return NodeResult(data={"said": "yes"}, signals=Signals(step=step, **more))

    return types(run)


async def test_a_step_travels_with_its_state_and_what_of_it_may_be_shown() -> None:
    services = fake_services(secrets={"pw": "hunter2"})
    result = await succeed("scripted", {}, registry=_stepping({"n": 1}), services=services)
    step = result.signals.step
    assert step is not None
    assert (step.name, step.state, result.output) == ("think", {"n": 1}, {"said": "yes"})
    assert "hunter2" not in str(step.input)


async def test_a_large_state_is_stored_and_the_next_step_reads_it() -> None:
    payloads = MemoryPayloads()
    services = fake_services(payloads=payloads)
    state = {"messages": ["x" * INLINE_LIMIT_BYTES]}
    result = await succeed("scripted", {}, registry=_stepping(state), services=services)
    stored = as_value(result.signals.step.state)  # type: ignore[union-attr]
    assert isinstance(stored, StoredValue)
    seen: list[NodeInput] = []

    async def run(node: NodeInput) -> NodeResult:
        seen.append(node)
        return NodeResult()

    answer = Answer(output=stored, by="ann")
    await succeed("scripted", {}, registry=types(run), services=services, step=1, journal=stored, answer=answer)
    [node] = seen
    assert (node.step, node.journal, node.answer) == (1, state, Answer(output=state, by="ann"))


async def test_the_state_of_a_step_has_the_limits_of_an_output() -> None:
    error = await fail("scripted", {}, registry=_stepping({"x": object()}))
    assert "not JSON" in error.message
    error = await fail("scripted", {}, registry=_stepping({"$flowray": "stored"}))
    assert (error.code, "reserved" in error.message) == (ErrorCode.NODE_FAILED, True)


async def test_the_text_of_a_step_goes_on_where_the_last_one_ended() -> None:
    async def run(node: NodeInput) -> NodeResult:
        node.emit_token("more")
        return NodeResult()

    emitted: list[Stimulus] = []
    task = {"stream_id": "llm-n1", "stream_offset": 7, "step": 1}
    await succeed("scripted", {}, registry=types(run), emitted=emitted, **task)
    assert [event.offset for event in emitted if isinstance(event, TokensProduced)] == [7]
