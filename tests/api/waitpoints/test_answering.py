"""Answers to waitpoints: which are kept, which are refused, and that the first one counts."""

from __future__ import annotations

from tests.api.local_server import INPUT, LocalServer, output
from tests.integration.definitions import workflow


async def test_an_answer_that_does_not_fit_keeps_it_open(server: LocalServer) -> None:
    count = {"type": "humanReview", "config": {"prompt": "How many?", "variableName": "n", "inputType": "number"}}
    nodes = {"in": INPUT, "ask": count, "out": output("{{n}}")}
    its_id = await server.start(workflow("count", nodes, [("in", "ask"), ("ask", "out")]))
    token = (await server.with_status(its_id, "paused"))["waiting_for"][0]["token"]
    refused = await server.complete(token, "abc")
    assert (refused.status_code, refused.json()["code"], refused.json()["errors"][0]["pointer"]) == (
        422, "INVALID_INPUT", "/data",
    )  # fmt: skip
    assert (await server.get(its_id))["status"] == "paused"
    assert (await server.complete(token, "42")).json()["data"] == 42
    assert (await server.with_status(its_id, "completed"))["outputs"] == {"y": 42}


async def test_nobody_answers_in_time(server: LocalServer) -> None:
    late = {"type": "pause", "config": {"timeoutMs": 30}}
    nodes = {"in": INPUT, "stop": late, "late": output("{{stop.code}}"), "out": output("in time")}
    edges = [("in", "stop"), ("stop", "late", "error"), ("stop", "out")]
    its_id = await server.start(workflow("late", nodes, edges))
    token: str | None = None
    done = await server.with_status(its_id, "completed", "failed")
    assert (done["status"], done["outputs"]) == ("completed", {"y": "WAITPOINT_TIMEOUT"})
    [row] = (await server.http.get(f"/v1/waitpoints?status=timed_out&execution_id={its_id}")).json()["data"]
    token = row["token"]
    assert token is not None
    refused = await server.complete(token, 1)
    assert (refused.status_code, refused.json()["code"]) == (409, "WAITPOINT_TIMEOUT")


async def test_r10_a_cancelled_execution_takes_no_answers(server: LocalServer) -> None:
    nodes = {"in": INPUT, "stop": {"type": "pause", "config": {}}}
    its_id = await server.start(workflow("stop", nodes, [("in", "stop")]))
    token = (await server.with_status(its_id, "paused"))["waiting_for"][0]["token"]
    await server.http.post(f"/v1/executions/{its_id}/cancel")
    await server.with_status(its_id, "cancelled")
    refused = await server.complete(token, 1)
    assert (refused.status_code, refused.json()["code"]) == (409, "EXECUTION_ENDED")
    assert (await server.complete("wp_unknown", 1)).status_code == 404
