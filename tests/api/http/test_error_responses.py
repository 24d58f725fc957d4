"""R58: every code has its status, and every error is a problem (RFC 9457)."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from flowray.api.http.error_responses import STATUS, BodyError, problem, problem_response, status_of
from flowray.errors import DefinitionError, ErrorCode, FlowrayError, InputError

FIELDS = {
    "type", "title", "status", "detail", "code", "errors", "hint", "execution_id", "node_id", "problem_instance",
}  # fmt: skip


def test_every_code_has_a_status() -> None:
    assert set(STATUS) == set(ErrorCode)
    assert all(400 <= status < 600 for status in STATUS.values())


def test_codes_of_the_contract_have_the_statuses_of_the_contract() -> None:
    wanted = {
        "INVALID_DEFINITION": 422, "INVALID_INPUT": 422, "IDEMPOTENCY_MISMATCH": 422, "MALFORMED_BODY": 400,
        "INVALID_CURSOR": 400, "BODY_TOO_LARGE": 413, "NOT_FOUND": 404, "EXECUTION_ENDED": 409,
        "NOT_IMPLEMENTED": 501, "RATE_LIMITED": 429, "DATABASE_UNAVAILABLE": 503,
    }  # fmt: skip
    assert {code: STATUS[ErrorCode(code)] for code in wanted} == wanted


def test_a_problem_always_has_all_fields() -> None:
    body = problem(FlowrayError(ErrorCode.NOT_FOUND, "no such thing", details={"execution_id": "e1"}, hint="look"))
    assert set(body) == FIELDS
    assert body["type"] == "https://flowray.dev/problems/not-found"
    assert (body["title"], body["status"], body["detail"], body["code"]) == (
        "Not found",
        404,
        "no such thing",
        "NOT_FOUND",
    )
    assert (body["execution_id"], body["node_id"], body["hint"], body["errors"]) == ("e1", None, "look", [])
    assert body["problem_instance"].startswith("urn:uuid:")
    assert "instance" not in body  # R52


def test_diagnostics_become_errors_without_warnings() -> None:
    findings = [
        {"code": "CYCLE", "severity": "error", "node_id": "a", "pointer": "/nodes/a", "message": "m", "hint": None},
        {"code": "UNKNOWN_FIELD", "severity": "warning", "node_id": None, "pointer": "", "message": "w", "hint": None},
    ]
    error = DefinitionError(ErrorCode.INVALID_DEFINITION, "bad", details={"diagnostics": findings})
    assert problem(error)["errors"] == findings[:1]


def test_findings_about_inputs_become_errors() -> None:
    error = InputError(ErrorCode.INVALID_INPUT, "bad", details={"errors": [{"pointer": "/x", "message": "m"}]})
    assert problem(error)["errors"] == [{"pointer": "/x", "message": "m"}]


def test_a_body_that_does_not_fit_is_422_where_a_parameter_is_400() -> None:
    assert status_of(BodyError(ErrorCode.INVALID_REQUEST, "x")) == 422
    assert status_of(FlowrayError(ErrorCode.INVALID_REQUEST, "x")) == 400


@pytest.mark.parametrize(
    ("code", "header", "value"),
    [
        (ErrorCode.DATABASE_UNAVAILABLE, "retry-after", "1"), (ErrorCode.RATE_LIMITED, "retry-after", "1"),
        (ErrorCode.UNAUTHORIZED, "www-authenticate", "Bearer"),
    ],
)  # fmt: skip
def test_headers_that_go_with_a_status(code: ErrorCode, header: str, value: str) -> None:
    response = problem_response(FlowrayError(code, "x"))
    assert response.headers[header] == value
    assert response.headers["content-type"] == "application/problem+json"


def test_a_retry_after_that_is_known_is_told() -> None:
    response = problem_response(FlowrayError(ErrorCode.RATE_LIMITED, "x", details={"retry_after_s": 7}))
    assert response.headers["retry-after"] == "7"


async def test_an_unexpected_error_tells_nothing_but_where_to_look(
    app: FastAPI, http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    async def explode() -> None:
        raise ValueError("the password is hunter2")

    app.add_api_route("/explode", explode)
    answer = await http.get("/explode")
    body: dict[str, Any] = json.loads(answer.content)
    assert (answer.status_code, body["code"]) == (500, "INTERNAL")
    assert "hunter2" not in answer.text
    assert body["problem_instance"] in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "NOT_FOUND"), ("POST", "/nowhere", 404, "NOT_FOUND"),
        ("GET", "/v1/nowhere", 404, "NOT_FOUND"), ("PUT", "/v1/executions", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/v1/executions?limit=many", 400, "INVALID_REQUEST"),
        ("GET", "/v1/executions?created_after=yesterday", 400, "INVALID_REQUEST"),
        ("GET", "/v1/executions?status=happy", 400, "INVALID_REQUEST"),
        ("GET", "/v1/executions?cursor=%21%21", 400, "INVALID_CURSOR"),
        ("GET", "/v1/executions/none", 404, "NOT_FOUND"), ("GET", "/v1/workflows/none", 404, "NOT_FOUND"),
    ],
)  # fmt: skip
async def test_every_error_of_the_app_is_a_problem(
    http: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await http.request(method, path)
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
    assert set(body) == FIELDS


async def test_a_wrong_parameter_is_named(http: httpx.AsyncClient) -> None:
    (finding,) = (await http.get("/v1/executions?limit=0")).json()["errors"]
    assert finding["parameter"] == "limit"
    assert "greater than or equal to 1" in finding["message"]


async def test_a_wrong_method_is_told_the_right_ones(http: httpx.AsyncClient) -> None:
    assert (await http.put("/v1/executions")).headers["allow"] == "GET, POST"
    assert (await http.post("/healthz")).headers["allow"] == "GET"


def test_errors_of_a_call_have_a_hint_even_where_they_bring_none() -> None:
    calls = "INVALID_REQUEST MALFORMED_BODY BODY_TOO_LARGE NOT_FOUND EXECUTION_ENDED UNAUTHORIZED FORBIDDEN"
    for code in f"{calls} NOT_IMPLEMENTED INTERNAL".split():
        assert problem(FlowrayError(ErrorCode(code), "no"))["hint"], code
    assert problem(FlowrayError(ErrorCode.NOT_FOUND, "no", hint="look"))["hint"] == "look"
