"""Webhooks are called: methods, rights, origins, deliveries, payloads and answers, over the local runtime."""

from __future__ import annotations

import time
from typing import Any

import pytest

from flowray.triggers.signatures import sign
from tests.api.local_server import INPUT, LocalServer, output
from tests.api.trigger_calls import created, history, outputs, saved
from tests.integration.definitions import workflow

BODY = b'{"order": {"id": 7}}'
JSON = {"Content-Type": "application/json"}


def echo(value: str = "{{body.order.id}}") -> dict[str, Any]:
    return workflow("echo", {"in": INPUT, "out": output(value)}, [("in", "out")])


async def hook(server: LocalServer, definition: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    config = {name: fields.pop(name) for name in list(fields) if name not in ("secret", "input_mapping", "enabled")}
    return await created(server, "webhook", config, workflow_id=await saved(server, definition or echo()), **fields)


async def test_a_call_starts_an_execution_with_the_request_as_its_input(server: LocalServer) -> None:
    made = await hook(server)
    url = f"{made['url']}/orders/new?x=1&y=2&y=3"
    answer = await server.http.post(url, content=BODY, headers={**JSON, "Authorization": "Bearer s3cret"})
    assert (answer.status_code, set(answer.json())) == (202, {"execution_id", "status"})
    assert await outputs(server, answer) == {"y": 7}
    inputs = (await server.get(answer.json()["execution_id"]))["inputs"]
    assert (inputs["method"], inputs["path"], inputs["query"]) == ("POST", "orders/new", {"x": "1", "y": ["2", "3"]})
    assert inputs["body"] == {"order": {"id": 7}}
    assert (inputs["headers"]["authorization"], inputs["headers"]["content-type"]) == ("***", "application/json")
    [row] = await history(server, made["id"])
    assert (row["status"], row["execution_id"]) == ("started", answer.json()["execution_id"])


async def test_forms_become_fields_and_files(server: LocalServer) -> None:
    made = await hook(server, echo("{{body.name}} sent {{body.doc.filename}}: {{body.doc.text}}"))
    answer = await server.http.post(made["url"], data={"name": "Ada"}, files={"doc": ("a.csv", b"1,2", "text/csv")})
    assert await outputs(server, answer) == {"y": "Ada sent a.csv: 1,2"}
    many = await server.http.post(made["url"], data={"a": ["1"] * 2_000})
    assert (many.status_code, many.json()["code"]) == (413, "BODY_TOO_LARGE")
    assert len(await history(server, made["id"])) == 1


async def test_only_the_methods_of_the_trigger_are_taken(server: LocalServer) -> None:
    made = await hook(server, methods=["GET", "PUT"])
    assert (await server.http.put(made["url"])).status_code == 202
    assert (await server.http.get(made["url"])).status_code == 202
    refused = await server.http.post(made["url"])
    assert (refused.status_code, refused.json()["code"]) == (405, "METHOD_NOT_ALLOWED")


async def test_nobody_learns_of_a_disabled_or_other_trigger(server: LocalServer) -> None:
    disabled = await hook(server, enabled=False)
    manual = await created(server, "manual")
    for its_id in (disabled["id"], manual["id"], "nope"):
        answer = await server.http.post(f"/v1/hooks/{its_id}")
        assert (answer.status_code, answer.json()["detail"]) == (404, f"there is no webhook {its_id!r}")


@pytest.mark.parametrize(
    ("config", "headers"),
    [
        ({"auth": "api_key"}, {"X-API-Key": "a secret"}),
        ({"auth": "api_key", "header": "X-Mine"}, {"X-Mine": "a secret"}),
        ({"auth": "bearer"}, {"Authorization": "Bearer a secret".replace(" s", "-s")}),
        ({"auth": "hmac"}, {"X-Hub-Signature-256": sign("a secret", BODY)}),
        ({"auth": "hmac", "header": "X-Sig"}, {"X-Sig": sign("a secret", BODY)}),
    ],
)
async def test_only_who_proves_it_may_call(
    server: LocalServer, config: dict[str, Any], headers: dict[str, str]
) -> None:
    secret = "a-secret" if config["auth"] == "bearer" else "a secret"
    made = await hook(server, **config, secret=secret)
    assert made["secret"] is None
    wrong = {name: value[:-1] + ("0" if value[-1] != "0" else "1") for name, value in headers.items()}
    for given, status in (({}, 401), (wrong, 401), (headers, 202)):
        answer = await server.http.post(made["url"], content=BODY, headers={**JSON, **given})
        assert answer.status_code == status, answer.text
    inputs = (await server.get(answer.json()["execution_id"]))["inputs"]
    assert {inputs["headers"][name.lower()] for name in headers} == {"***"}


async def test_an_old_request_is_not_replayed(server: LocalServer) -> None:
    made = await hook(server, auth="hmac", timestamp_header="X-Time", secret="a secret")
    now = int(time.time())
    for stamp, status in ((str(now), 202), (str(now * 1_000), 202), (str(now - 3_600), 401), ("x", 401)):
        signed = {"X-Time": stamp, "X-Signature": sign("a secret", BODY, stamp)}
        assert (await server.http.post(made["url"], content=BODY, headers=signed)).status_code == status
    moved = {"X-Time": str(now), "X-Signature": sign("a secret", BODY, str(now - 1))}
    assert (await server.http.post(made["url"], content=BODY, headers=moved)).status_code == 401


async def test_pages_of_allowed_origins_may_call(server: LocalServer) -> None:
    made = await hook(server, allowedOrigins=["https://a.example"])
    asks = {"Origin": "https://a.example", "Access-Control-Request-Headers": "content-type"}
    allowed = await server.http.options(made["url"], headers=asks)
    assert (allowed.status_code, allowed.headers["Access-Control-Allow-Origin"]) == (204, "https://a.example")
    assert allowed.headers["Access-Control-Allow-Headers"] == "content-type"
    assert (await server.http.options(made["url"], headers={"Origin": "https://b.example"})).status_code == 403
    answer = await server.http.post(made["url"], headers={"Origin": "https://a.example"})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (202, "https://a.example")
    assert (await server.http.post(made["url"], headers={"Origin": "https://b.example"})).status_code == 403
    assert (await server.http.post(made["url"])).status_code == 202  # a server, which has no origin


@pytest.mark.parametrize("name", ["Idempotency-Key", "X-GitHub-Delivery"])
async def test_a_delivery_that_comes_again_starts_nothing(server: LocalServer, name: str) -> None:
    made = await hook(server)
    answers = [await server.http.post(made["url"], content=BODY, headers={**JSON, name: "d1"}) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["execution_id"] for answer in answers}) == 1
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers] == [None, "true", "true"]
    assert len(await history(server, made["id"])) == 1
    other = await server.http.post(made["url"], content=BODY, headers={**JSON, name: "d2"})
    assert other.json()["execution_id"] != answers[0].json()["execution_id"]


async def test_the_answer_may_wait_for_the_outputs(server: LocalServer) -> None:
    made = await hook(server, respond="done", waitMs=60_000)
    answer = await server.http.post(made["url"], content=BODY, headers=JSON)
    assert (answer.status_code, answer.json()) == (200, {"y": 7})
    assert answer.headers["Location"].startswith("/v1/executions/")


async def test_a_response_node_answers(server: LocalServer) -> None:
    reply = {
        "type": "response",
        "config": {
            "status": 418,
            "data": "<b>{{body.order.id}}</b>",
            "headers": {"Content-Type": "text/html", "X-A": "b", "Content-Length": "1"},
        },
    }
    made = await hook(server, workflow("reply", {"in": INPUT, "reply": reply}, [("in", "reply")]), respond="done")
    answer = await server.http.post(made["url"], content=BODY, headers=JSON)
    assert (answer.status_code, answer.text) == (418, "<b>7</b>")
    assert (answer.headers["Content-Type"], answer.headers["X-A"]) == ("text/html", "b")


async def test_a_failed_execution_is_an_error_of_the_server(server: LocalServer) -> None:
    broken = {"type": "transform", "config": {"operation": "jsonata", "expression": "$error('no')"}}
    made = await hook(server, workflow("broken", {"in": INPUT, "broken": broken}, [("in", "broken")]), respond="done")
    answer = await server.http.post(made["url"])
    assert (answer.status_code, answer.json()["status"]) == (500, "failed")
    assert answer.json()["error"]["node_id"] == "broken"


async def test_who_waits_too_long_is_told_where_to_look(server: LocalServer) -> None:
    stop = {"type": "pause", "config": {}}
    made = await hook(server, workflow("stop", {"in": INPUT, "stop": stop}, [("in", "stop")]), respond="done", waitMs=0)
    answer = await server.http.post(made["url"])
    assert (answer.status_code, set(answer.json())) == (202, {"execution_id", "status"})


@pytest.mark.parametrize(
    ("content_type", "content", "body"),
    [
        ("application/x-www-form-urlencoded", b"a=1&b=2&b=3", {"a": "1", "b": ["2", "3"]}),
        ("text/plain; charset=latin-1", "ü".encode("latin-1"), "ü"),
        ("application/octet-stream", b"\xff\x00", {"base64": "/wA="}),
        ("application/json", b"{no json", "{no json"), ("application/json", b"", None),
    ],
)  # fmt: skip
async def test_bodies_of_all_kinds_arrive(server: LocalServer, content_type: str, content: bytes, body: Any) -> None:
    made = await hook(server, input_mapping={"body": "{{body}}"})
    answer = await server.http.post(made["url"], content=content, headers={"Content-Type": content_type})
    assert (await server.get(answer.json()["execution_id"]))["inputs"] == {"body": body}


async def test_a_body_beyond_the_limit_of_the_trigger_is_refused(server: LocalServer) -> None:
    made = await hook(server, maxBodyBytes=10)
    answer = await server.http.post(made["url"], content=b"x" * 11)
    assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")
    assert (await server.http.post(made["url"], content=b"x" * 10)).status_code == 202
