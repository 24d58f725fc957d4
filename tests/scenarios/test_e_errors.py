"""Scenarios E58 to E66: errors take their own edges, are tried again, time out, and leave the rest alone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flowray.engine.retries import retry_delay_ms
from flowray.engine.signals import NodeError
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.handler import NodeInput
from flowray.handlers.services import HttpRequest
from flowray.plan import PlanRetry
from tests.fakes.services import ScriptedChat
from tests.scenarios.playing import STEP, Act, Played, fails, http, output, play, source, template, web

HANDLED = ("Input -> Process", "Process -> Output", "Process error-> ErrorHandler", "ErrorHandler -> ErrorOutput")


async def _handled(act: Act) -> Played:
    nodes = {
        "Input": source(), "Process": {"type": "step", "config": {"given": "{{Input.order}}"}},
        "Output": output("{{Process}}"), "ErrorHandler": template("{{Process.code}}: {{Process.message}}"),
        "ErrorOutput": output("{{ErrorHandler}}", "error"),
    }  # fmt: skip
    return await play(nodes, *HANDLED, acts={"Process": act}, inputs={"order": 7})


async def test_e58_a_failure_takes_the_error_edge() -> None:
    """Input, Process, ErrorHandler, ErrorOutput; Output is skipped; the handler reads the error; the run succeeds."""
    done = await _handled(fails("no stock"))
    assert done.ended("completed") == ["Input", "ErrorHandler", "ErrorOutput"]
    assert (done.ended("failed"), done.ended("skipped")) == (["Process"], ["Output"])
    assert (done.row.status, done.outputs) == ("completed", {"error": "NODE_FAILED: no stock"})
    assert [error["node_id"] for error in done.row.handled_errors] == ["Process"]


async def test_e59_without_a_failure_the_error_path_is_skipped() -> None:
    """The same graph: ErrorHandler and ErrorOutput are skipped."""
    done = await _handled("fine")
    assert (done.ended("skipped"), done.outputs) == (["ErrorHandler", "ErrorOutput"], {"result": "fine"})


@pytest.mark.parametrize(
    ("acts", "status", "ran", "skipped"),
    [
        ({}, "completed", ["Input", "Primary", "Merge", "Output"], ["Fallback"]),
        ({"Primary": fails()}, "completed", ["Input", "Fallback", "Merge", "Output"], []),
        ({"Primary": fails(), "Fallback": fails("too")}, "failed", ["Input"], ["Merge", "Output"]),
    ],
)
async def test_e60_primary_and_fallback(acts: dict[str, Act], status: str, ran: list[str], skipped: list[str]) -> None:
    """Primary fine: no fallback. Primary fails: the fallback's way. Both fail: the run fails, nothing merges."""
    nodes = {"Input": source(), "Primary": STEP, "Fallback": STEP, "Merge": STEP, "Output": output("{{Merge}}")}
    edges = ("Input -> Primary", "Primary -> Merge", "Primary error-> Fallback", "Fallback -> Merge", "Merge -> Output")
    done = await play(nodes, *edges, acts=acts)
    assert (done.row.status, done.ended("completed"), done.ended("skipped")) == (status, ran, skipped)


async def test_e61_an_optional_service_may_fail_a_required_one_may_not() -> None:
    """Three services into one aggregate: with an optional one down the result says so; with a required one it fails."""

    def aggregate(node: NodeInput) -> Any:
        parts = {name: node.config[name] for name in ("users", "orders", "tips")}
        fine = {name: part for name, part in parts.items() if not (isinstance(part, dict) and "code" in part)}
        return {"degraded": len(fine) < len(parts), "parts": sorted(fine)}

    reads = {name: f"{{{{{name}}}}}" for name in ("users", "orders", "tips")}
    nodes = {
        "in": source(), "users": STEP, "orders": STEP, "tips": {**STEP, "onError": {"strategy": "continue"}},
        "all": {"type": "step", "config": reads, "join": "all"}, "out": output("{{all}}"),
    }  # fmt: skip
    edges = ("in -> users", "in -> orders", "in -> tips", "users -> all", "orders -> all", "tips -> all", "all -> out")
    done = await play(nodes, *edges, acts={"all": aggregate, "tips": fails()})
    assert (done.row.status, done.outputs["result"]) == ("completed", {"degraded": True, "parts": ["orders", "users"]})
    done = await play(nodes, *edges, acts={"all": aggregate, "users": fails("users are down")})
    assert (done.row.status, done.error["message"]) == ("failed", "users are down")
    assert done.ended("skipped") == ["all", "out"]


async def test_e62_siblings_finish_when_one_fails() -> None:
    """Independent branches go on; their outputs are returned, marked as partial."""
    nodes = {
        "in": source(),
        "bad": STEP,
        "good": STEP,
        "more": STEP,
        "out": output("{{more}}"),
        "lost": output("x", "l"),
    }
    edges = ("in -> bad", "bad -> lost", "in -> good", "good -> more", "more -> out")
    done = await play(nodes, *edges, acts={"bad": fails(), "more": "kept"})
    assert (done.row.status, done.outputs, done.row.partial) == ("failed", {"result": "kept"}, True)


async def test_e63_an_error_tells_where_when_and_on_what() -> None:
    """nodeId, message, type, time and the resolved input."""
    done = await _handled(fails("no stock", ErrorCode.PROVIDER_ERROR))
    error = done.output_of("ErrorHandler"), done.row.handled_errors[0]
    assert error[0] == "PROVIDER_ERROR: no stock"
    assert (error[1]["node_id"], error[1]["attempt"]) == ("Process", 1)
    details = error[1]["details"]
    assert (details["type"], details["input"]) == ("PROVIDER_ERROR", {"given": 7})
    assert details["time"] > 1_700_000_000_000


class _Answers:
    """HTTP answers in turn, the last repeated; an exception is raised."""

    def __init__(self, *answers: int | FlowrayError) -> None:
        self.answers = list(answers)

    def __call__(self, request: HttpRequest) -> tuple[int, Any]:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, FlowrayError):
            raise answer
        return answer, {"status": answer}


UNREACHABLE = FlowrayError(ErrorCode.PROVIDER_UNREACHABLE, "connection refused", retryable=True)
TIMED_OUT = FlowrayError(ErrorCode.PROVIDER_TIMEOUT, "no answer within 30 s", retryable=True)


async def _request(*answers: int | FlowrayError, **config: Any) -> tuple[Played, int]:
    node = {**http(failOnStatus=True, **config), "retry": {"maxAttempts": 4, "initialDelayMs": 1}}
    service = web(_Answers(*answers))
    done = await play({"get": node, "out": output("{{get.status}}")}, "get -> out", services={"http": service})
    assert len(done.of_type("node.retrying")) == max(0, len(service.sent) - 1)
    return done, len(service.sent)


@pytest.mark.parametrize("answer", [429, 500, 502, 503, 504, UNREACHABLE, TIMED_OUT], ids=str)
async def test_e64_what_is_tried_again(answer: int | FlowrayError) -> None:
    """Rate limits, server, network and time-out errors: three retries are four attempts."""
    done, attempts = await _request(answer)
    assert (done.row.status, attempts, done.error["attempt"]) == ("failed", 4, 4)


@pytest.mark.parametrize("answer", [400, 401, 403, 404, 422], ids=str)
async def test_e64_what_is_not_tried_again(answer: int) -> None:
    """What the request itself is to blame for."""
    done, attempts = await _request(answer)
    assert (done.row.status, attempts) == ("failed", 1)
    invalid, sent = await _request(200, method="POST", bodyType="json", body="{{nothing}} {no json")
    assert (invalid.error["code"], sent) == ("INVALID_NODE_CONFIG", 0)


async def test_e64_success_and_final_errors_end_the_retries() -> None:
    """Success on the third attempt reports two retries; a final error after a passing one stops at once. The back-off
    is 100 ms, doubled each time, never above 10 s."""
    done, attempts = await _request(503, UNREACHABLE, 200)
    assert (done.row.status, attempts) == ("completed", 3)
    done, attempts = await _request(503, 404)
    assert (done.error["details"]["response"]["status"], attempts) == (404, 2)
    policy = PlanRetry(max_attempts=99, initial_delay_ms=100, factor=2, max_delay_ms=10_000)
    error = NodeError(message="", code="HTTP_STATUS", retryable=True)
    delays = [retry_delay_ms(policy, tries, error, "n") for tries in range(1, 10)]
    assert delays == [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]


async def test_e65_a_timeout_names_the_limit_and_stops_one_branch_only() -> None:
    """A node that hangs: its error names node and limit, and the other branch's output is there."""

    async def hang(_: NodeInput) -> Any:
        await asyncio.Event().wait()

    nodes = {
        "in": source(), "slow": {"type": "step", "config": {"url": "http://h/slow"}, "timeoutMs": 30},
        "quick": STEP, "out": output("{{quick}}"),
    }  # fmt: skip
    done = await play(nodes, "in -> slow", "in -> quick", "quick -> out", acts={"slow": hang, "quick": "done"})
    assert (done.error["code"], done.error["node_id"]) == ("NODE_TIMEOUT", "slow")
    assert "30 ms" in done.error["message"]
    assert done.error["details"]["input"] == {"url": "http://h/slow"}
    assert (done.row.status, done.outputs) == ("failed", {"result": "done"})


async def test_e66_a_provider_that_fails_five_times_is_left_alone() -> None:
    """Five failures in a row open the circuit: the sixth call is refused without asking the provider."""
    chat = ScriptedChat(error=FlowrayError(ErrorCode.PROVIDER_ERROR, "down", retryable=True))
    asks = {"type": "llm", "config": {"model": "m", "prompt": "p"}, "retry": {"maxAttempts": 6, "initialDelayMs": 1}}
    done = await play({"ask": asks}, services={"chat": chat})
    assert done.row.status == "failed"
    assert len(chat.asked) == 5
