"""What waits is listed, and answered by its token, over the in-process runtime."""

from __future__ import annotations

from tests.api.local_server import INPUT, LocalServer, output
from tests.integration.definitions import workflow

REVIEW = {"type": "humanReview", "config": {"prompt": "Good?", "variableName": "verdict", "inputType": "text"}}


async def test_a_person_answers_by_token(server: LocalServer) -> None:
    nodes = {"in": INPUT, "review": REVIEW, "out": output("{{verdict}}/{{var.verdict}}/{{review}}")}
    its_id = await server.start(workflow("review", nodes, [("in", "review"), ("review", "out")]))
    paused = await server.with_status(its_id, "paused", "failed")
    [waiting] = paused["waiting_for"]
    assert (waiting["waitpoint_id"], waiting["kind"], waiting["node_id"]) == (f"{its_id}:review#1", "person", "review")
    assert (waiting["prompt"], waiting["expected_input"]) == ("Good?", {"type": "string", "minLength": 1})
    assert waiting["reason"] == "Waiting for human review: Good?"
    assert len(waiting["token"]) == 35
    [listed] = (await server.http.get("/v1/waitpoints")).json()["data"]
    assert {key: listed.get(key) for key in waiting} == waiting
    assert (listed["status"], listed["execution_id"]) == ("open", its_id)

    kept = await server.complete(waiting["token"], "yes")
    assert (kept.status_code, kept.json()) == (200, {"status": "completed", "already_completed": False, "data": "yes"})
    again = await server.complete(waiting["token"], "no")
    assert again.json() == {"status": "completed", "already_completed": True, "data": "yes"}
    done = await server.with_status(its_id, "completed", "failed")
    assert (done["outputs"], done["waiting_for"]) == ({"y": "yes/yes/yes"}, [])
    again = await server.complete(waiting["token"], "no")
    assert again.json() == {"status": "completed", "already_completed": True, "data": "yes"}
    [closed] = (await server.http.get(f"/v1/waitpoints?status=all&execution_id={its_id}")).json()["data"]
    assert (closed["status"], closed["data"]) == ("completed", "yes")
    assert (await server.http.get("/v1/waitpoints")).json()["data"] == []


async def test_several_wait_at_once_in_a_parallel(server: LocalServer) -> None:
    nodes = {
        "in": INPUT,
        "P": {"type": "parallel", "config": {"collection": "{{xs}}", "itemVariable": "x"}},
        "ask": {"type": "pause", "config": {"prompt": "{{x}}?"}},
        "out": output("{{P}}"),
    }  # fmt: skip
    edges = [("in", "P"), ("P", "ask", "loop-body"), ("ask", "P"), ("P", "out", "loop-exit")]
    its_id = await server.start(workflow("many", nodes, edges), {"xs": ["a", "b", "c"]})
    found = await server.until(its_id, lambda now: len(now["waiting_for"]) == 3 or now["status"] == "failed")
    tokens = {waiting["prompt"]: waiting["token"] for waiting in found["waiting_for"]}
    assert set(tokens) == {"a?", "b?", "c?"}
    several = await server.http.post(f"/v1/executions/{its_id}/resume", json={"data": 1})
    assert (several.status_code, several.json()["code"]) == (409, "CONFLICT")
    for prompt in ("c?", "a?", "b?"):
        assert (await server.complete(tokens[prompt], prompt.upper())).status_code == 200
    done = await server.with_status(its_id, "completed", "failed")
    assert done["outputs"] == {"y": ["A?", "B?", "C?"]}, done["error"]


async def test_a_system_calls_back(server: LocalServer) -> None:
    hook = {"type": "wait", "config": {"waitType": "webhook", "reason": "payment"}}
    nodes = {"in": INPUT, "paid": hook, "out": output("{{paid.amount}}")}
    its_id = await server.start(workflow("pay", nodes, [("in", "paid"), ("paid", "out")]))
    waiting = (await server.until(its_id, lambda now: now["waiting_for"]))["waiting_for"][0]
    assert (await server.get(its_id))["status"] == "waiting"
    url = f"/v1/waitpoints/{waiting['token']}"
    assert (await server.http.get(url)).json()["reason"] == "payment"
    assert (await server.http.post(f"{url}/callback", json={"amount": 12})).json()["data"] == {"amount": 12}
    assert (await server.with_status(its_id, "completed"))["outputs"] == {"y": 12}


async def test_who_may_only_read_gets_no_tokens(server: LocalServer) -> None:
    nodes = {"in": INPUT, "stop": {"type": "pause", "config": {}}}
    definition = workflow("stop", nodes, [("in", "stop")])
    answer = await server.http.post("/v1/executions", json={"definition": definition})
    its_id, public = answer.json()["id"], answer.json()["public_token"]
    token = (await server.with_status(its_id, "paused"))["waiting_for"][0]["token"]
    seen = await server.http.get(f"/v1/executions/{its_id}?token={public}")
    assert seen.json()["waiting_for"][0]["token"] is None
    events = await server.http.get(f"/v1/executions/{its_id}/events", headers={"Accept": "application/json"})
    assert token not in events.text
    assert "node.waiting" in events.text


async def test_inputs_that_hold_the_answer_need_no_person(server: LocalServer) -> None:
    nodes = {"in": INPUT, "review": REVIEW, "out": output("{{verdict}}")}
    its_id = await server.start(workflow("given", nodes, [("in", "review"), ("review", "out")]), {"verdict": "fine"})
    done = await server.with_status(its_id, "completed", "paused", "failed")
    assert (done["status"], done["outputs"]) == ("completed", {"y": "fine"})


async def test_two_reviews_one_after_the_other(server: LocalServer) -> None:
    first = {"type": "humanReview", "config": {"prompt": "1", "variableName": "a"}}
    second = {"type": "humanReview", "config": {"prompt": "2", "variableName": "b"}}
    nodes = {"in": INPUT, "one": first, "two": second, "out": output("{{a}}{{b}}")}
    its_id = await server.start(workflow("two", nodes, [("in", "one"), ("one", "two"), ("two", "out")]))
    for prompt in ("1", "2"):
        now = await server.until(its_id, lambda n, p=prompt: [w["prompt"] for w in n["waiting_for"]] == [p])
        assert (await server.complete(now["waiting_for"][0]["token"], prompt)).status_code == 200
    assert (await server.with_status(its_id, "completed"))["outputs"] == {"y": 12}
