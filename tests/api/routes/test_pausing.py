"""Pause and resume over the in-process runtime: the table of R56."""

from __future__ import annotations

import pytest

from tests.api.local_server import INPUT, LocalServer, output
from tests.integration.definitions import workflow


async def test_resume_answers_the_only_waitpoint(server: LocalServer) -> None:
    nodes = {"in": INPUT, "stop": {"type": "pause", "config": {"reason": "audit"}}, "out": output("{{stop}}-{{var.a}}")}
    definition = workflow("stop", nodes, [("in", "stop"), ("stop", "out")])
    its_id = await server.start(definition)
    await server.with_status(its_id, "paused")
    answer = await server.http.post(f"/v1/executions/{its_id}/resume", json={"data": "ok", "context_updates": {"a": 1}})
    assert answer.status_code == 202
    assert (await server.with_status(its_id, "completed"))["outputs"] == {"y": "ok-1"}
    its_id = await server.start(definition)
    waiting = (await server.with_status(its_id, "paused"))["waiting_for"][0]
    wrong = await server.http.post(f"/v1/executions/{its_id}/resume", json={"waitpoint_id": "nothing"})
    assert (wrong.status_code, wrong.json()["code"]) == (404, "NOT_FOUND")
    answer = await server.http.post(
        f"/v1/executions/{its_id}/resume", json={"waitpoint_id": waiting["waitpoint_id"], "data": 5}
    )
    assert answer.status_code == 202
    assert (await server.with_status(its_id, "completed"))["outputs"] == {"y": "5-{{var.a}}"}


async def test_resume_without_anything_lets_a_pause_node_go_on(server: LocalServer) -> None:
    nodes = {"in": INPUT, "stop": {"type": "pauseNode", "config": {}}, "out": output("{{x}}")}
    its_id = await server.start(workflow("stop", nodes, [("in", "stop"), ("stop", "out")]), {"x": 7})
    await server.with_status(its_id, "paused")
    assert (await server.http.post(f"/v1/executions/{its_id}/resume")).status_code == 202
    assert (await server.with_status(its_id, "completed"))["outputs"] == {"y": 7}


async def test_pause_on_request_and_resume_with_changed_variables(server: LocalServer) -> None:
    """What is answered meanwhile counts; what follows from it waits for the resume (R20)."""
    hook = {"type": "wait", "config": {"waitType": "webhook"}}
    nodes = {"in": INPUT, "hook": hook, "out": output("{{var.given}}-{{hook}}")}
    its_id = await server.start(workflow("pause", nodes, [("in", "hook"), ("hook", "out")]))
    token = (await server.until(its_id, lambda now: now["waiting_for"]))["waiting_for"][0]["token"]
    answer = await server.http.post(f"/v1/executions/{its_id}/pause", json={"reason": "coffee"})
    assert answer.status_code == 202, answer.text
    paused = await server.with_status(its_id, "paused")
    assert paused["pause"]["reason"] == "coffee"
    assert (await server.http.post(f"/v1/executions/{its_id}/pause")).status_code == 200
    await server.complete(token, "called")
    assert (await server.until(its_id, lambda now: not now["waiting_for"]))["status"] == "paused"
    answer = await server.http.post(f"/v1/executions/{its_id}/resume", json={"context_updates": {"given": "milk"}})
    assert answer.status_code == 202
    done = await server.with_status(its_id, "completed")
    assert (done["outputs"], done["pause"]) == ({"y": "milk-called"}, None)


async def test_a_resume_right_after_the_pause_is_not_lost(server: LocalServer) -> None:
    """Both may still be in the inbox."""
    nodes = {"in": INPUT, "hook": {"type": "wait", "config": {"waitType": "webhook"}}, "out": output("1")}
    its_id = await server.start(workflow("pause", nodes, [("in", "hook"), ("hook", "out")]))
    token = (await server.until(its_id, lambda now: now["waiting_for"]))["waiting_for"][0]["token"]
    for action in ("pause", "resume", "pause", "resume"):
        assert (await server.http.post(f"/v1/executions/{its_id}/{action}")).status_code == 202
    await server.complete(token, None)
    assert (await server.with_status(its_id, "completed"))["outputs"] == {"y": 1}


async def test_a_pause_that_is_folded_while_a_resume_looks_is_not_overlooked(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The resume looks at the execution, then the pause is folded, then the resume finds nothing in the inbox."""
    nodes = {"in": INPUT, "hook": {"type": "wait", "config": {"waitType": "webhook"}}, "out": output("1")}
    its_id = await server.start(workflow("pause", nodes, [("in", "hook"), ("hook", "out")]))
    await server.until(its_id, lambda now: now["waiting_for"])
    reader = server.runtime.reader
    looks = [reader.execution(its_id)]
    assert (await server.http.post(f"/v1/executions/{its_id}/pause")).status_code == 202
    await server.with_status(its_id, "paused")
    now = reader.execution
    monkeypatch.setattr(reader, "execution", lambda *asked: looks.pop() if looks else now(*asked))
    assert (await server.http.post(f"/v1/executions/{its_id}/resume")).status_code == 202
    await server.with_status(its_id, "waiting")


async def test_r56_what_cannot_be_done_in_which_state(server: LocalServer) -> None:
    nodes = {"in": INPUT, "out": output("1")}
    its_id = await server.start(workflow("short", nodes, [("in", "out")]))
    await server.with_status(its_id, "completed")
    for action in ("pause", "resume"):
        refused = await server.http.post(f"/v1/executions/{its_id}/{action}")
        assert (refused.status_code, refused.json()["code"]) == (409, "EXECUTION_ENDED")
        assert (await server.http.post(f"/v1/executions/nowhere/{action}")).status_code == 404
    nap = {"in": INPUT, "nap": {"type": "wait", "config": {"duration": 600_000}}}
    its_id = await server.start(workflow("nap", nap, [("in", "nap")]))
    await server.with_status(its_id, "waiting")
    resume = f"/v1/executions/{its_id}/resume"
    assert (await server.http.post(resume)).status_code == 200
    for body in ({"context_updates": {"a": 1}}, {"data": 1}):
        assert (await server.http.post(resume, json=body)).json()["code"] == "CONFLICT"


async def test_r30_a_named_one_may_be_answered_before_it_is_reached(server: LocalServer) -> None:
    nodes = {
        "in": INPUT,
        "first": {"type": "pause", "config": {}},
        "go": {"type": "pause", "config": {"waitpoint": "go"}},
        "out": output("{{go}}"),
    }  # fmt: skip
    its_id = await server.start(workflow("early", nodes, [("in", "first"), ("first", "go"), ("go", "out")]))
    waiting = (await server.with_status(its_id, "paused"))["waiting_for"][0]
    resume = f"/v1/executions/{its_id}/resume"
    assert (await server.http.post(resume, json={"waitpoint_id": "go", "data": "early"})).status_code == 202
    assert (await server.http.post(resume, json={"waitpoint_id": "stop", "data": 1})).status_code == 404
    assert (await server.complete(waiting["token"], None)).status_code == 200
    assert (await server.with_status(its_id, "completed"))["outputs"] == {"y": "early"}
