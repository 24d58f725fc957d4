"""What a wrong request, definition or neighbour leads to: a stable code, a status, a pointer, a hint; nothing half."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.acceptance.definitions import INPUT, get, llm, output
from tests.cluster import FlowrayServer, free_port
from tests.integration.definitions import workflow

pytestmark = [pytest.mark.ray, pytest.mark.timeout(120)]

BROKEN = {
    "name": "everything wrong",
    "entryPoint": "nowhere",
    "nodes": {
        "in": {"type": "input", "config": {"inputName": "x"}},
        "a": {"type": "transform", "config": {"operation": "passthrough", "inputData": "{{x}}"}},
        "b": {"type": "transform", "config": {"operation": "passthrough", "inputData": "{{a}}"}},
    },
    "edges": [
        {"id": "e1", "source": "in", "target": "a"},
        {"id": "e2", "source": "a", "target": "ghost"},
        {"id": "e3", "source": "phantom", "target": "b"},
    ],
}
PROBLEM_FIELDS = {"type", "title", "status", "detail", "code", "errors", "hint", "execution_id", "node_id"}


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The answer as an RFC 9457 problem with this status and code."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    body: dict[str, Any] = answer.json()
    assert (body["status"], body["code"]) == (status, code), body
    assert body.keys() >= PROBLEM_FIELDS
    assert body["detail"]
    return body


def counts(server: FlowrayServer) -> tuple[int, int]:
    """How many workflows and executions are stored."""
    return _count(server, "workflows"), _count(server, "executions")


def _count(server: FlowrayServer, kind: str) -> int:
    found, cursor = 0, None
    while True:
        page = server.http.get(f"/v1/{kind}", params={"limit": 200, **({"cursor": cursor} if cursor else {})}).json()
        found += len(page["data"])
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def simple(**more: Any) -> dict[str, Any]:
    """input → output."""
    return workflow("simple", {"in": INPUT, "out": output("{{x}}")}, [("in", "out")], **more)


def test_a_malformed_definition_lists_every_problem_and_stores_nothing(server: FlowrayServer) -> None:
    """Three findings, each with code, pointer, message and hint; no workflow, no execution."""
    before = counts(server)
    saved = problem(server.http.post("/v1/workflows", json=BROKEN), 422, "INVALID_DEFINITION")
    started = problem(server.http.post("/v1/executions", json={"definition": BROKEN}), 422, "INVALID_DEFINITION")
    for body in (saved, started):
        found = {item["code"]: item for item in body["errors"]}
        assert found.keys() == {"UNKNOWN_ENTRY_POINT", "UNKNOWN_EDGE_TARGET", "UNKNOWN_EDGE_SOURCE"}, body["errors"]
        assert found["UNKNOWN_ENTRY_POINT"]["pointer"] == "/entryPoint"
        assert found["UNKNOWN_EDGE_TARGET"]["pointer"] == "/edges/1/target"
        assert found["UNKNOWN_EDGE_SOURCE"]["pointer"] == "/edges/2/source"
        assert all(item["message"] and item["hint"] for item in found.values()), body["errors"]
    assert counts(server) == before


def test_validate_tells_the_same_without_refusing(server: FlowrayServer) -> None:
    """200 with every finding."""
    answer = server.http.post("/v1/workflows/validate", json=BROKEN)
    assert answer.status_code == 200
    assert answer.json()["valid"] is False
    errors = [item["code"] for item in answer.json()["diagnostics"] if item["severity"] == "error"]
    assert sorted(errors) == ["UNKNOWN_EDGE_SOURCE", "UNKNOWN_EDGE_TARGET", "UNKNOWN_ENTRY_POINT"]


@pytest.mark.parametrize(
    ("text", "hint_of"),
    [('{"name": "x", "nodes": {', "line"), ("", "empty"), ('{"definition": {"a": 1,}}', "line")],
)
def test_malformed_json(server: FlowrayServer, text: str, hint_of: str) -> None:
    """400 that says where reading stopped."""
    headers = {"Content-Type": "application/json"}
    path = "/v1/workflows" if "definition" not in text else "/v1/executions"
    body = problem(server.http.post(path, content=text, headers=headers), 400, "MALFORMED_BODY")
    assert hint_of in json.dumps(body)


def test_a_body_of_another_type(server: FlowrayServer) -> None:
    """415 names what is read."""
    answer = server.http.post("/v1/workflows", content=b"<a/>", headers={"Content-Type": "application/xml"})
    assert "application/json" in problem(answer, 415, "UNSUPPORTED_FORMAT")["hint"]


def test_neither_definition_nor_workflow(server: FlowrayServer) -> None:
    """422 with a pointer."""
    body = problem(server.http.post("/v1/executions", json={"inputs": {}}), 422, "INVALID_REQUEST")
    assert body["errors"][0]["pointer"] == "/definition"


def test_an_oversized_body(server: FlowrayServer) -> None:
    """413 names the limit."""
    body = b'{"definition": "' + b"x" * (server.settings.max_body_bytes + 1) + b'"}'
    answer = server.http.post("/v1/executions", content=body, headers={"Content-Type": "application/json"})
    assert f"{server.settings.max_body_bytes:,}" in problem(answer, 413, "BODY_TOO_LARGE")["detail"]


def test_an_unknown_node_type(server: FlowrayServer) -> None:
    """A warning when saved, an error when strict, a failure of the node when it is reached (never a success)."""
    nodes = {"in": INPUT, "magic": {"type": "transfrom", "config": {}}, "out": output("{{magic}}")}
    definition = workflow("unknown type", nodes, [("in", "magic"), ("magic", "out")])
    saved = server.http.post("/v1/workflows", json=definition)
    assert saved.status_code == 201
    warning = next(item for item in saved.json()["diagnostics"] if item["code"] == "UNKNOWN_NODE_TYPE")
    assert (warning["severity"], warning["node_id"], warning["pointer"]) == ("warning", "magic", "/nodes/magic/type")

    before = counts(server)
    strict = server.http.post("/v1/workflows", params={"strict": "true"}, json=definition)
    assert [item["node_id"] for item in problem(strict, 422, "INVALID_DEFINITION")["errors"]] == ["magic"]
    started = server.http.post("/v1/executions", params={"strict": "true"}, json={"definition": definition})
    assert problem(started, 422, "INVALID_DEFINITION")["errors"][0]["code"] == "UNKNOWN_NODE_TYPE"
    assert counts(server) == before

    answer = server.http.post(f"/v1/workflows/{saved.json()['id']}/execute", json={})
    done = server.finished(answer.json()["id"])
    assert (done["status"], done["outputs"]) == ("failed", {})
    error = done["error"]
    assert (error["code"], error["node_id"], error["attempt"]) == ("UNKNOWN_NODE_TYPE", "magic", 1)
    assert "'transfrom'" in error["message"]
    assert "did you mean transform" in error["message"]
    assert "flowray.nodes" in error["hint"]


def test_a_missing_required_input(server: FlowrayServer) -> None:
    """422 before a row exists, with a pointer into the request; every misfit is listed."""
    inputs = {"type": "object", "required": ["who", "n"], "properties": {"n": {"type": "integer"}}}
    before = counts(server)
    answer = server.http.post("/v1/executions", json={"definition": simple(inputs=inputs), "inputs": {"n": "seven"}})
    body = problem(answer, 422, "INVALID_INPUT")
    assert {item["pointer"] for item in body["errors"]} == {"/inputs/who", "/inputs/n"}
    assert counts(server) == before


def test_a_bad_cursor(server: FlowrayServer) -> None:
    """A Last-Event-ID that is no event's id: 400, with a hint what to send."""
    done = server.run(simple(), {"x": 1})
    for wrong in ("abc", "-1", "1.5", "9" * 40):
        answer = server.http.get(f"/v1/executions/{done['id']}/events", headers={"Last-Event-ID": wrong})
        assert "last frame" in problem(answer, 400, "INVALID_CURSOR")["hint"]


def test_unknown_ids(server: FlowrayServer) -> None:
    """404 everywhere, never an empty success."""
    for path in ("executions/nobody", "executions/nobody/events", "executions/nobody/nodes", "executions/nobody/plan",
                 "workflows/nobody", "workflows/nobody/plan"):  # fmt: skip
        assert "nobody" in problem(server.http.get(f"/v1/{path}"), 404, "NOT_FOUND")["detail"]
    problem(server.http.post("/v1/executions/nobody/cancel"), 404, "NOT_FOUND")
    problem(server.http.post("/v1/workflows/nobody/execute", json={}), 404, "NOT_FOUND")
    problem(server.http.delete("/v1/workflows/nobody"), 404, "NOT_FOUND")
    done = server.run(simple(), {"x": 1})
    answer = server.http.get(f"/v1/executions/{done['id']}/streams/llm-ghost")
    assert "llm-<node id>" in problem(answer, 404, "NOT_FOUND")["hint"]


def test_a_wrong_method_and_a_wrong_path(server: FlowrayServer) -> None:
    """405 with Allow, 404 with a hint where the calls are listed."""
    answer = server.http.put("/v1/executions", json={})
    assert "PUT" in problem(answer, 405, "METHOD_NOT_ALLOWED")["detail"]
    assert answer.headers["allow"]
    assert "openapi.json" in problem(server.http.get("/v1/nonsense"), 404, "NOT_FOUND")["hint"]


def test_wrong_parameters(server: FlowrayServer) -> None:
    """400 that names the parameter."""
    for path, params in (
        ("executions", {"limit": 0}),
        ("executions", {"status": "happy"}),
        ("workflows", {"limit": "x"}),
    ):
        body = problem(server.http.get(f"/v1/{path}", params=params), 400, "INVALID_REQUEST")
        assert next(iter(params)) in body["detail"] or str(next(iter(params.values()))) in body["detail"]
    answer = server.http.post("/v1/executions", params={"wait": 3600}, json={"definition": simple()})
    assert "60" in problem(answer, 400, "INVALID_REQUEST")["detail"]


@pytest.mark.parametrize("path", ["workflows/x/versions", "workflows/x/versions/1"])
def test_what_later_issues_bring_says_so(server: FlowrayServer, path: str) -> None:
    """501, not 404: the address is right."""
    assert "not implemented yet" in problem(server.http.get(f"/v1/{path}"), 501, "NOT_IMPLEMENTED")["detail"]


def test_cancelling_what_has_ended(server: FlowrayServer) -> None:
    """409, and the execution stays as it was."""
    done = server.run(simple(), {"x": 1})
    body = problem(server.http.post(f"/v1/executions/{done['id']}/cancel"), 409, "EXECUTION_ENDED")
    assert body["execution_id"] == done["id"]
    assert server.http.get(f"/v1/executions/{done['id']}").json() == done


def test_a_dead_language_model_server(server: FlowrayServer) -> None:
    """A coded error that names the server's URL and the model, after as many attempts as the node asks for."""
    url = f"http://127.0.0.1:{free_port()}/v1"
    say = llm("anyone there?", model="m-1", retry={"maxAttempts": 3, "initialDelayMs": 10})
    say["config"]["baseUrl"] = url
    done = server.run(workflow("dead model", {"in": INPUT, "say": say, "out": output("{{say.text}}")},
                               [("in", "say"), ("say", "out")]))  # fmt: skip
    assert done["status"] == "failed"
    error = done["error"]
    assert (error["code"], error["node_id"], error["attempt"]) == ("PROVIDER_UNREACHABLE", "say", 3)
    assert url in error["message"]
    assert "m-1" in error["message"]
    assert "base URL" in error["hint"]
    attempts = [(row["attempt"], row["status"]) for row in server.nodes(done["id"]) if row["node_id"] == "say"]
    assert sorted(attempts) == [(1, "failed"), (2, "failed"), (3, "failed")]


@pytest.mark.parametrize(
    ("model", "code", "attempts", "says"),
    [
        ("fake-500", "PROVIDER_ERROR", 2, "answered 500"),
        ("fake-401", "PROVIDER_AUTH", 1, "answered 401"),
        ("fake-cut", "STREAM_INTERRUPTED", 2, "connection broke"),
    ],
)
def test_a_language_model_in_trouble(server: FlowrayServer, model: str, code: str, attempts: int, says: str) -> None:
    """What may pass is tried again, what cannot is not; the code tells which it was."""
    say = llm("tell me a long story about nothing", model=model, retry={"maxAttempts": 2, "initialDelayMs": 10})
    done = server.run(workflow(f"model {model}", {"in": INPUT, "say": say}, [("in", "say")]))
    error = done["error"]
    assert (done["status"], error["code"], error["attempt"]) == ("failed", code, attempts)
    assert says in error["message"]


def test_an_http_node_to_a_dead_port(server: FlowrayServer) -> None:
    """Nothing answers: the URL is named; no retry unless the node asks for one."""
    url = f"http://127.0.0.1:{free_port()}/thing"
    done = server.run(workflow("dead port", {"in": INPUT, "call": get(url)}, [("in", "call")]))
    error = done["error"]
    assert (done["status"], error["code"], error["attempt"]) == ("failed", "PROVIDER_UNREACHABLE", 1)
    assert url in error["message"] or url in json.dumps(error["details"])


def test_an_http_node_with_a_wrong_method(server: FlowrayServer, world: str) -> None:
    """A literal one is refused with a pointer; one that comes as a value fails the node. Nothing is sent either way."""

    def calling(method: str) -> dict[str, Any]:
        node = {"type": "http", "config": {"method": method, "url": f"{world}/effect/wrong-method"}}
        return workflow("wrong method", {"in": INPUT, "call": node}, [("in", "call")])

    refused = problem(server.http.post("/v1/workflows", json=calling("FETCH")), 422, "INVALID_DEFINITION")
    (finding,) = refused["errors"]
    assert (finding["code"], finding["pointer"]) == ("INVALID_CONFIG", "/nodes/call/config/method")
    assert "'GET'" in finding["message"]
    assert "'http'" in finding["hint"]
    done = server.run(calling("{{x}}"), {"x": "FETCH"})
    assert (done["status"], done["error"]["code"]) == ("failed", "INVALID_NODE_CONFIG")
    assert done["error"]["details"]["errors"][0]["pointer"] == "/method"
    assert "wrong-method" not in httpx.get(f"{world}/counted").json()


def test_a_secret_is_not_repeated_in_an_error(server: FlowrayServer, world: str) -> None:
    """Credentials sent to a service that refuses them appear nowhere in what is shown."""
    node = get(f"{world}/flaky/secret?fail=9")
    node["config"]["headers"] = {"Authorization": "Bearer tok-very-secret"}
    done = server.run(workflow("secret", {"in": INPUT, "call": node}, [("in", "call")]))
    assert done["error"]["code"] == "HTTP_STATUS"
    shown = json.dumps([done, server.events(done["id"]), server.nodes(done["id"])])
    assert "tok-very-secret" not in shown
