"""Scenarios J88 to J92: the node types against the world: HTTP, transform, code, wait and output."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from flowray.engine.stimuli import AttemptSucceeded
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.services import HttpRequest
from tests.fakes.services import NOW_MS
from tests.handlers.running import attempt, fail
from tests.handlers.running import output as output_of
from tests.scenarios.playing import Played, http, output, play, source, web


async def _sent(answer: tuple[int, Any] = (200, {}), **config: Any) -> tuple[Played, HttpRequest]:
    service = web(lambda request: answer)
    nodes = {"in": source(), "call": http("http://h/{{path}}", **config), "out": output("{{call}}")}
    done = await play(
        nodes, "in -> call", "call -> out", services={"http": service}, inputs={"path": "users", "token": "T0k"}
    )
    return done, service.sent[0]


async def test_j88_http_sends_what_the_author_wrote() -> None:
    """Query parameters, repeated ones too, headers and credentials are filled in; an empty body is fine."""
    query = [{"key": "tag", "value": "a"}, {"key": "tag", "value": "{{path}}"}]
    _, sent = await _sent(queryParams=query, headers=[{"key": "X-Trace", "value": "{{token}}"}])
    assert (sent.url, list(sent.params)) == ("http://h/users", [("tag", "a"), ("tag", "users")])
    assert dict(sent.headers)["X-Trace"] == "T0k"
    _, sent = await _sent(method="POST", body="")
    assert sent.content is None


@pytest.mark.parametrize(
    ("auth", "credentials", "header"),
    [
        ("basic", "ann:{{token}}", ("Authorization", "Basic " + base64.b64encode(b"ann:T0k").decode())),
        ("bearer", "{{token}}", ("Authorization", "Bearer T0k")),
        ("apiKey", "{{token}}", ("X-API-Key", "T0k")),
    ],
)
async def test_j88_http_authenticates(auth: str, credentials: str, header: tuple[str, str]) -> None:
    """basic, bearer and X-API-Key."""
    _, sent = await _sent(authType=auth, authCredentials=credentials)
    assert header in list(sent.headers)


@pytest.mark.parametrize(
    ("status", "body", "data"),
    [
        (200, {"a": 1}, {"a": 1}),
        (200, b"plain", "plain"),
        (404, {"e": 1}, {"e": 1}),
        (500, b"", None),
        (429, b"x", "x"),
    ],
)
async def test_j88_http_statuses_are_results(status: int, body: Any, data: Any) -> None:
    """JSON and text are read; 404, 429 and 500 are results, no errors, unless failOnStatus is set."""
    done, _ = await _sent((status, body))
    assert (done.row.status, done.output_of("call")["status"]) == ("completed", status)
    assert done.output_of("call")["data"] == data


async def test_j88_http_retries_network_errors_and_refuses_nonsense() -> None:
    """Two retries are three calls; a time-out above 300 s and a body that is no JSON are refused before sending."""

    def refuse(_: HttpRequest) -> tuple[int, Any]:
        raise FlowrayError(ErrorCode.PROVIDER_UNREACHABLE, "connection refused", retryable=True)

    service = web(refuse)
    call = http(retryCount=2) | {"retry": {"maxAttempts": 3, "initialDelayMs": 1}}
    done = await play({"call": call}, services={"http": service})
    assert (done.error["code"], len(service.sent)) == ("PROVIDER_UNREACHABLE", 3)
    assert "timeoutMs" in (await fail("http", {"url": "http://h/", "timeout": 301_000})).message
    body = await fail("http", {"url": "http://h/", "method": "POST", "bodyType": "json", "body": "{broken"})
    assert (body.code, body.message) == ("INVALID_NODE_CONFIG", "Invalid JSON in request body")


ROWS = [{"n": 3, "on": True}, {"n": 1, "on": False}, {"n": 2, "on": True}]


@pytest.mark.parametrize(
    ("config", "result"),
    [
        ({"operation": "map", "inputData": "${rows}", "expression": "r => r.n * 2"}, [6, 2, 4]),
        ({"operation": "filter", "inputData": "${rows}", "expression": "on"}, [ROWS[0], ROWS[2]]),
        ({"operation": "reduce", "inputData": "${rows}", "expression": "$sum(items.n)"}, 6),
        ({"operation": "sort", "inputData": "${rows}", "expression": "n"}, [ROWS[1], ROWS[2], ROWS[0]]),
        ({"operation": "merge", "inputData": "${a}", "expression": "${b}"}, {"x": 1, "y": 2}),
        ({"operation": "extract", "inputData": "${rows}", "expression": "[0].n"}, 3),
        ({"operation": "extract", "inputData": "${a}", "expression": "no.where"}, None),
        ({"operation": "parseJSON", "inputData": "text"}, {"k": [1]}),
        ({"operation": "parseXML", "inputData": "xml"}, {"r": {"v": ["1", "2"]}}),
        ({"operation": "custom", "inputData": "${rows}", "expression": "$count($data)"}, 3),
        ({"operation": "passthrough", "inputData": "${a}"}, {"x": 1}),
    ],
)
async def test_j89_transform_operations(config: dict[str, Any], result: Any) -> None:
    """One of each; the 35 recorded vectors run in tests/conformance/test_handler_records.py."""
    given = {"rows": ROWS, "a": {"x": 1}, "b": {"y": 2}, "text": '{"k": [1]}', "xml": "<r><v>1</v><v>2</v></r>"}
    assert await output_of("transform", config, inputs=given, dollar=True) == result


async def test_j89_transform_errors() -> None:
    """The operation says what it needed."""
    error = await fail("transform", {"operation": "map", "inputData": "a", "expression": "x"}, inputs={"a": {"x": 1}})
    assert "array" in error.message
    error = await fail("transform", {"operation": "parseJSON", "inputData": "a"}, inputs={"a": "{broken"})
    assert error.code == "NODE_FAILED"


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("return {a: [1, true, null]}", {"a": [1, True, None]}), ("result = inputs.n + 1", 8),
        ("return n * 2", 14), ("return Object.keys(inputs).sort()", ["m", "n"]),
    ],
)  # fmt: skip
async def test_j90_code_runs_on_its_inputs(code: str, value: Any) -> None:
    """Any JSON comes back; inputs are names and ``inputs.x``; a bare return and ``result`` both count."""
    found = await output_of("code", {"language": "javascript", "code": code}, inputs={"n": 7, "m": 1})
    assert found == value or found["output"] == value


async def _waited(config: dict[str, Any]) -> AttemptSucceeded:
    result = await attempt("wait", config)
    assert isinstance(result, AttemptSucceeded)
    return result


@pytest.mark.parametrize(
    ("config", "ms"),
    [
        ({"duration": 250}, 250), ({"durationValue": 2, "durationUnit": "ms"}, 2),
        ({"durationValue": 2, "durationUnit": "seconds"}, 2_000), ({"durationValue": 2}, 2_000),
        ({"durationValue": 3, "durationUnit": "minutes"}, 180_000),
        ({"durationValue": 1, "durationUnit": "hours"}, 3_600_000),
        ({"durationValue": 1, "durationUnit": "days"}, 86_400_000),
        ({"waitType": "until", "timestamp": NOW_MS + 5}, 5),
    ],
)  # fmt: skip
async def test_j91_wait_asks_to_go_on_later(config: dict[str, Any], ms: int) -> None:
    """Every unit, and a time. The engine wakes it; no process sleeps."""
    result = await _waited(config)
    assert result.signals.wait is not None
    assert result.signals.wait.until_ms == NOW_MS + ms


async def test_j91_wait_skips_what_is_over_and_refuses_nonsense() -> None:
    """0 ms and a time that has passed are skipped with their reason; an invalid time is an error."""
    zero, past = (
        await _waited({"duration": 0}),
        await _waited({"waitType": "until", "timestamp": "2001-01-01T00:00:00Z"}),
    )
    assert (zero.output["skipped"], zero.output["reason"]) == (True, "Duration is zero or negative")
    assert (past.output["skipped"], past.output["reason"]) == (True, "Target time already passed")
    error = await fail("wait", {"waitType": "until", "timestamp": "soon"})
    assert error.message.startswith("Invalid timestamp: 'soon'")


@pytest.mark.parametrize(
    ("value", "wanted", "result"),
    [
        ('{"a": {{n}}}', "json", {"a": 5}), ("{{n}}", "number", 5), ("{{n}}", "string", "5"),
        ("{{n}}", "boolean", True),
        ({"deep": "{{o.x}}"}, "json", {"deep": 1}), ("{{o}}", "json", {"x": 1}), ("n is {{n}}", "string", "n is 5"),
    ],
)  # fmt: skip
async def test_j92_output_formats(value: Any, wanted: str, result: Any) -> None:
    """JSON text is parsed; numbers, truth and text are made; objects stay objects."""
    done = await play({"in": source(), "out": output(value, "r", format=wanted)}, "in -> out",
                      inputs={"n": 5, "o": {"x": 1}})  # fmt: skip
    assert done.outputs == {"r": result}


async def test_j92_a_missing_variable_stays_as_written_in_text() -> None:
    """``{{x}}`` in text is kept, with a warning in the log."""
    done = await play({"in": source(), "out": output("see {{x}}")}, "in -> out")
    assert done.outputs == {"result": "see {{x}}"}
    (warning,) = done.of_type("node.log")
    assert (warning["level"], warning["message"]) == ("warning", "nothing provides 'x'")
