"""The scenarios of the planning document by name. All of them pass."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.acceptance.definitions import INPUT, Frame, frames, get, jsonata, llm, output, talk
from tests.cluster import TERMINAL, FlowrayServer, eventually
from tests.integration.definitions import workflow

pytestmark = [pytest.mark.ray, pytest.mark.timeout(180)]


def _nodes(server: FlowrayServer, execution_id: str, ending: str) -> list[str]:
    """Node ids in the order in which they ended so."""
    return [event["node_id"] for event in server.events(execution_id) if event["type"] == f"node.{ending}"]


def _add(source: str, number: int) -> dict[str, Any]:
    return jsonata(f"$data + {number}", inputData=f"{{{{{source}}}}}")


def test_linear(server: FlowrayServer) -> None:
    """One node after another, each on what the one before gave."""
    nodes = {"in": INPUT, "a": _add("x", 1), "b": _add("a", 2), "c": _add("b", 3), "out": output("{{c}}")}
    done = server.run(workflow("linear", nodes, [("in", "a"), ("a", "b"), ("b", "c"), ("c", "out")]), {"x": 10})
    assert (done["status"], done["outputs"]) == ("completed", {"y": 16})
    assert _nodes(server, done["id"], "completed") == ["in", "a", "b", "c", "out"]
    assert done["progress"]["percent"] == 100


@pytest.mark.parametrize(("x", "taken", "skipped"), [(7, "big", "small"), (3, "small", "big")])
def test_conditional(server: FlowrayServer, x: int, taken: str, skipped: str) -> None:
    """One branch runs, the other is skipped, the join runs once either way (R1, R3)."""
    nodes = {
        "in": INPUT,
        "test": {"type": "conditional", "config": {"expression": "x > 5"}},
        "big": jsonata('"big"'),
        "small": jsonata('"small"'),
        "out": output("{{big || small}}"),
    }
    edges = [("in", "test"), ("test", "big", "true"), ("test", "small", "false"), ("big", "out"), ("small", "out")]
    done = server.run(workflow("conditional", nodes, edges), {"x": x})
    assert (done["status"], done["outputs"]) == ("completed", {"y": taken})
    assert _nodes(server, done["id"], "skipped") == [skipped]
    assert sorted(_nodes(server, done["id"], "completed")) == sorted(["in", "test", taken, "out"])


def _looped(items: Any, kind: str = "loop") -> dict[str, Any]:
    nodes = {
        "in": INPUT,
        "each": {"type": kind, "config": {"collection": "{{x}}", "itemVariable": "item", "outputVariable": "all"}},
        "square": jsonata("$data * $data", inputData="{{item}}"),
        "out": output("{{all}}"),
    }
    edges = [("in", "each"), ("each", "square", "loop-body"), ("square", "each"), ("each", "out", "loop-exit")]
    return {"definition": workflow(f"squares by {kind}", nodes, edges), "inputs": {"x": items}}


@pytest.mark.parametrize(("items", "squares"), [([1, 2, 3], [1, 4, 9]), ([5], [25]), ([], [])])
def test_loop(server: FlowrayServer, items: list[int], squares: list[int]) -> None:
    """One iteration after another; results in order; none at all is an empty list (R12)."""
    done = server.run(**_looped(items))
    assert (done["status"], done["outputs"]) == ("completed", {"y": squares}), done["error"]
    assert len([one for one in _nodes(server, done["id"], "completed") if one == "square"]) == len(items)


def test_loop_while(server: FlowrayServer) -> None:
    """A condition over a variable that the body changes."""
    nodes = {
        "in": INPUT,
        "set": {"type": "variable", "config": {"operation": "set", "variableName": "n", "value": 0}},
        "again": {"type": "loop", "config": {"loopType": "while", "condition": "var.n < 3", "maxIterations": 10}},
        "more": {"type": "variable", "config": {"operation": "increment", "variableName": "n", "value": 1}},
        "out": output("{{var.n}}"),
    }
    edges = [("in", "set"), ("set", "again"), ("again", "more", "loop-body"), ("more", "again"),
             ("again", "out", "loop-exit")]  # fmt: skip
    done = server.run(workflow("while", nodes, edges))
    assert (done["status"], done["outputs"]) == ("completed", {"y": 3}), done["error"]


def test_parallel(server: FlowrayServer) -> None:
    """Branches by collection; their results in order."""
    done = server.run(**_looped([4, 3, 2, 1], "parallel"))
    assert (done["status"], done["outputs"]) == ("completed", {"y": [16, 9, 4, 1]}), done["error"]


def test_parallel_branches_run_at_the_same_time(server: FlowrayServer, world: str) -> None:
    """Four branches of a second each are under way together."""
    nodes = {
        "in": INPUT,
        "fan": {"type": "parallel", "config": {"count": 4, "outputVariable": "all"}},
        "nap": get(f"{world}/slow?ms=1000"),
        "out": output("{{all}}"),
    }
    edges = [("in", "fan"), ("fan", "nap", "parallel-body"), ("nap", "fan"), ("fan", "out", "parallel-exit")]
    httpx.get(f"{world}/most")
    done = server.run(workflow("naps", nodes, edges))
    assert done["status"] == "completed", done["error"]
    assert [one["data"]["slept"] for one in done["outputs"]["y"]] == ["1000"] * 4
    assert httpx.get(f"{world}/most").json()["most"] == 4


def test_error_routing(server: FlowrayServer, world: str) -> None:
    """A failure takes the error edge after its retries: code, attempt and node are the error branch's to read."""
    nodes = {
        "in": INPUT,
        "call": get(f"{world}/flaky/scenario-error?fail=99", retry={"maxAttempts": 2, "initialDelayMs": 10}),
        "fine": output("fine", "fine"),
        "rescue": output({"code": "{{call.code}}", "attempt": "{{call.attempt}}", "node": "{{call.node_id}}"}, "error"),
    }
    edges = [("in", "call"), ("call", "fine"), ("call", "rescue", "error")]
    done = server.run(workflow("error routing", nodes, edges))
    assert (done["status"], done["error"]) == ("completed", None)
    assert done["outputs"] == {"error": {"code": "HTTP_STATUS", "attempt": 2, "node": "call"}}
    assert _nodes(server, done["id"], "skipped") == ["fine"]
    assert _nodes(server, done["id"], "retrying") == ["call"]
    assert len(httpx.get(f"{world}/counted").json()["scenario-error"]) == 2


def test_error_routing_without_an_error(server: FlowrayServer) -> None:
    """What works leaves its error edge dead."""
    nodes = {"in": INPUT, "add": _add("x", 1), "out": output("{{add}}"), "rescue": output("never", "error")}
    edges = [("in", "add"), ("add", "out"), ("add", "rescue", "error")]
    done = server.run(workflow("no error", nodes, edges), {"x": 1})
    assert (done["status"], done["outputs"]) == ("completed", {"y": 2})
    assert _nodes(server, done["id"], "skipped") == ["rescue"]


def test_an_unhandled_error_leaves_independent_branches_alone(server: FlowrayServer, world: str) -> None:
    """``run_independent``: only what depends on the failure dies; partial outputs are reported as such."""
    nodes = {
        "in": INPUT, "bad": get(f"{world}/flaky/scenario-partial?fail=9"), "after": output("{{bad}}", "after"),
        "good": _add("x", 1), "out": output("{{good}}"),
    }  # fmt: skip
    edges = [("in", "bad"), ("bad", "after"), ("in", "good"), ("good", "out")]
    done = server.run(workflow("partial", nodes, edges), {"x": 1})
    assert (done["status"], done["outputs"], done["error"]["node_id"]) == ("failed", {"y": 2}, "bad")
    assert [error["code"] for error in done["errors"]] == ["HTTP_STATUS"]


def test_parallel_speed_up(server: FlowrayServer, world: str) -> None:
    """Eight slow HTTP nodes: at least twice as fast by default as with ``maxConcurrentNodes: 1``, in the same run."""
    names = [f"n{number}" for number in range(8)]

    def seconds(**settings: Any) -> float:
        nodes = {"in": INPUT, **{name: get(f"{world}/slow?ms=300&n={name}") for name in names}}
        nodes["out"] = output({name: f"{{{{{name}.data.n}}}}" for name in names})
        edges = [("in", name) for name in names] + [(name, "out") for name in names]
        done = server.run(workflow("speed-up", nodes, edges, settings=settings))
        assert (done["status"], done["outputs"]) == ("completed", {"y": {name: name for name in names}}), done["error"]
        events = {event["type"]: event["ts"] for event in server.events(done["id"])}
        return _since(events["execution.started"], events["execution.completed"])

    seconds()  # warm
    one_by_one, together = seconds(maxConcurrentNodes=1), seconds()
    assert one_by_one >= 8 * 0.3
    assert one_by_one / together >= 2, (one_by_one, together)


def test_more_than_a_hundred_nodes(server: FlowrayServer) -> None:
    """120 nodes in 12 chains of ten, joined at the end: each runs once."""
    nodes: dict[str, Any] = {"in": INPUT}
    edges: list[tuple[str, ...]] = []
    for chain in range(12):
        before = "in"
        for step in range(10):
            name = f"c{chain:02d}s{step}"
            nodes[name] = _add("x" if step == 0 else before, 1)
            edges.append((before, name))
            before = name
        edges.append((before, "out"))
    nodes["out"] = output([f"{{{{c{chain:02d}s9}}}}" for chain in range(12)])
    done = server.run(workflow("more than a hundred nodes", nodes, edges), {"x": 0})
    assert (done["status"], done["outputs"]) == ("completed", {"y": [10] * 12}), done["error"]
    completed = _nodes(server, done["id"], "completed")
    assert len(completed) == 122
    assert set(completed) == set(nodes)
    assert (done["progress"]["total"], done["progress"]["completed"]) == (122, 122)


def test_streaming_throughput(server: FlowrayServer, script: httpx.Client) -> None:
    """Tokens reach the reader while the model still writes, in order, without gap, at more than 500 words a second."""
    words = 3_000
    text = " ".join(f"w{number}" for number in range(words))
    script.post("/script", json={"replies": {"Write very much": text}}).raise_for_status()
    body = {"definition": talk("Write very much"), "inputs": {}}
    arrived: list[tuple[float, Frame]] = []
    with server.http.stream("POST", "/v1/executions", json=body, headers={"Accept": "text/event-stream"}) as answer:
        arrived.extend((time.monotonic(), one) for one in frames(answer.iter_lines()) if isinstance(one, Frame))
    tokens = [(at, frame.data) for at, frame in arrived if frame.event == "node.token"]
    assert "".join(data["text"] for _, data in tokens) == text
    offset = 0
    for _, data in tokens:
        assert data["offset"] == offset
        offset += len(data["text"])
    ended = next(at for at, frame in arrived if frame.event == "node.completed" and frame.data["node_id"] == "say")
    assert len(tokens) >= 3
    assert tokens[0][0] < ended
    rate = words / (ended - tokens[0][0])
    print(f"streaming throughput: {rate:,.0f} words/s in {len(tokens)} batches")
    assert rate > 500


def test_the_first_token_comes_long_before_the_last(server: FlowrayServer, script: httpx.Client) -> None:
    """A model that takes 50 ms a word: the reader sees the first words while the rest is unwritten."""
    script.post("/script", json={"replies": {"Count slowly": " ".join("abcdefghijklmnop")}}).raise_for_status()
    started = server.start(talk("Count slowly", model="fake-slow"))
    times: list[float] = []
    with server.http.stream("GET", started["events_url"], headers={"Accept": "text/event-stream"}) as answer:
        for frame in frames(answer.iter_lines()):
            if isinstance(frame, Frame) and frame.event == "node.token":
                times.append(time.monotonic())
    assert len(times) >= 4
    assert times[-1] - times[0] >= 0.4


def test_fifty_concurrent_executions(server: FlowrayServer, world: str) -> None:
    """Fifty at once, each with an HTTP call: all complete, none sees another's inputs."""
    nodes = {"in": INPUT, "call": get(f"{world}/slow?ms=100&n={{{{x}}}}"), "out": output("{{call.data.n}}")}
    definition = workflow("one of fifty", nodes, [("in", "call"), ("call", "out")])
    with ThreadPoolExecutor(10) as pool:
        started = list(pool.map(lambda number: server.start(definition, {"x": number}), range(50)))
    done = [server.finished(one["id"], 90) for one in started]
    assert {one["status"] for one in done} == {"completed"}
    assert [one["outputs"] for one in done] == [{"y": str(number)} for number in range(50)]
    assert len({one["id"] for one in done}) == 50


def test_wait(server: FlowrayServer) -> None:
    """A node that waits holds nobody up and lasts as long as it says."""
    nap = {"type": "wait", "config": {"waitType": "duration", "duration": 400}}
    nodes = {"in": INPUT, "nap": nap, "out": output("{{nap.actualWaitDuration}}")}
    done = server.run(workflow("wait", nodes, [("in", "nap"), ("nap", "out")]))
    assert (done["status"], done["outputs"]) == ("completed", {"y": 400})
    assert _since(done["started_at"], done["ended_at"]) >= 0.4


def test_cancel(server: FlowrayServer, world: str) -> None:
    """Cancelled in the middle: what runs is stopped, what has not begun never does, and it stays cancelled."""
    nodes = {"in": INPUT, "long": get(f"{world}/slow?ms=20000"), "out": output("{{long}}")}
    started = server.start(workflow("cancel", nodes, [("in", "long"), ("long", "out")]))
    answer = server.http.post(f"/v1/executions/{started['id']}/cancel", json={"reason": "enough"})
    assert answer.status_code == 202
    done = server.finished(started["id"], 15)
    assert done["status"] == "cancelled"
    assert server.events(started["id"])[-1]["reason"] == "enough"
    assert server.http.post(f"/v1/executions/{started['id']}/cancel").status_code == 200


def test_pause_and_resume(server: FlowrayServer) -> None:
    """Paused between two nodes; goes on after resume, with the context updates given."""
    hook = {"type": "wait", "config": {"waitType": "webhook"}}
    nodes = {"in": INPUT, "hook": hook, "out": output("{{var.given}}")}
    its_id = server.start(workflow("pause", nodes, [("in", "hook"), ("hook", "out")]))["id"]
    token = eventually(lambda: server.http.get(f"/v1/executions/{its_id}").json()["waiting_for"])[0]["token"]
    paused = server.http.post(f"/v1/executions/{its_id}/pause", json={"reason": "coffee"})
    assert paused.status_code == 202, paused.text
    eventually(lambda: server.http.get(f"/v1/executions/{its_id}").json()["status"] == "paused")
    assert server.http.post(f"/v1/waitpoints/{token}/complete", json={"data": "called"}).status_code == 200
    body = {"context_updates": {"given": "milk"}}
    assert server.http.post(f"/v1/executions/{its_id}/resume", json=body).status_code == 202
    done = server.finished(its_id)
    assert (done["status"], done["outputs"]) == ("completed", {"y": "milk"})


def test_human_review(server: FlowrayServer) -> None:
    """A node that waits for a person: the execution is paused and says what it waits for."""
    review = {"type": "humanReview", "config": {"prompt": "Good?", "variableName": "verdict", "inputType": "text"}}
    nodes = {"in": INPUT, "review": review, "out": output("{{var.verdict}}")}
    started = server.start(workflow("review", nodes, [("in", "review"), ("review", "out")]))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        now = server.http.get(f"/v1/executions/{started['id']}").json()
        if now["status"] in TERMINAL | {"paused"}:
            break
        time.sleep(0.1)
    assert now["status"] == "paused"
    token = now["waiting_for"][0]["token"]
    assert server.http.post(f"/v1/waitpoints/{token}/complete", json={"data": "yes"}).status_code == 200
    assert server.finished(started["id"])["outputs"] == {"y": "yes"}


def test_rerun(server: FlowrayServer) -> None:
    """Run again with other inputs, linked to its parent."""
    nodes = {"in": INPUT, "out": output("{{x}}")}
    done = server.run(workflow("rerun", nodes, [("in", "out")]), {"x": 1})
    again = server.http.post(f"/v1/executions/{done['id']}/rerun", json={"inputs": {"x": 2}})
    assert again.status_code == 202, again.text
    second = server.finished(again.json()["id"])
    assert (second["outputs"], second["rerun_of"]) == ({"y": 2}, done["id"])


def test_delayed_start(server: FlowrayServer) -> None:
    """``delay_ms``: kept now, started later."""
    body = {"definition": workflow("later", {"in": INPUT}, []), "options": {"delay_ms": 100}}
    answer = server.http.post("/v1/executions", json=body)
    assert answer.status_code == 202, answer.text
    done = server.finished(answer.json()["id"])
    assert (done["status"], _since(done["created_at"], done["started_at"]) >= 0.1) == ("completed", True)


def test_a_model_and_a_service_side_by_side(server: FlowrayServer, world: str, script: httpx.Client) -> None:
    """Two lanes of I/O at once, joined: a prompt and an HTTP call that do not wait for each other."""
    script.post("/script", json={"replies": {"side by side": "a b c"}}).raise_for_status()
    nodes = {
        "in": INPUT, "say": llm("side by side"), "call": get(f"{world}/slow?ms=50&n=7"),
        "both": {**jsonata('say.text & "-" & call.data.n'), "join": "all"}, "out": output("{{both}}"),
    }  # fmt: skip
    edges = [("in", "say"), ("in", "call"), ("say", "both"), ("call", "both"), ("both", "out")]
    done = server.run(workflow("side by side", nodes, edges))
    assert (done["status"], done["outputs"]) == ("completed", {"y": "a b c-7"}), done["error"]
    assert done["usage"]["output_tokens"] > 0


def _since(start: str, end: str) -> float:
    """Seconds between two ISO 8601 times."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
