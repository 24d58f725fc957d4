"""What is sent again, when, and what is raised otherwise."""

from __future__ import annotations

import httpx
import pytest

from flowray.client import calls
from flowray.client.retrying import RetryPolicy, error_of, unreachable
from flowray.errors import ErrorCode

POLICY = RetryPolicy(max_attempts=3, initial_s=1, max_s=3)
GET = calls.info()
CREATE = calls.create_workflow({}, False)
REQUEST = httpx.Request("GET", "http://flowray/v1/info")


def answer(status: int, **headers: str) -> httpx.Response:
    pairs = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=pairs, request=REQUEST)


def test_delays_double_up_to_a_bound_and_obey_the_server() -> None:
    assert [POLICY.delay_s(attempt) for attempt in (1, 2, 3, 4)] == [1, 2, 3, 3]
    assert POLICY.delay_s(1, answer(503, retry_after="7")) == 7
    assert POLICY.delay_s(1, answer(503, retry_after="7000")) == 30
    assert POLICY.delay_s(1, answer(503, retry_after="Wed, 21 Oct 2026 07:28:00 GMT")) == 1


@pytest.mark.parametrize(
    ("status", "repeats", "creates"),
    [
        (503, True, True),
        (429, True, True),
        (502, True, False),
        (504, True, False),
        (500, True, False),
        (404, False, False),
    ],
)
def test_only_passing_answers_are_asked_again(status: int, repeats: bool, creates: bool) -> None:
    assert (POLICY.after_answer(GET, 1, answer(status)) is not None) is repeats
    assert (POLICY.after_answer(CREATE, 1, answer(status)) is not None) is creates
    assert POLICY.after_answer(GET, 3, answer(status)) is None


def test_a_500_of_the_server_itself_is_an_answer() -> None:
    problem = answer(500, content_type="application/problem+json")
    assert POLICY.after_answer(GET, 1, problem) is None


def test_a_proxy_that_does_not_know_the_application_yet_is_asked_again() -> None:
    """Not a missing execution: after a restart of Ray its proxy listens first, and nothing has been done."""
    text = "Path '/v1/executions' not found. Ping http://.../-/routes for available routes."
    early = httpx.Response(404, text=text, request=REQUEST)
    assert POLICY.after_answer(GET, 1, early) == 1
    assert POLICY.after_answer(CREATE, 1, early) == 1
    assert (error_of(early).code, error_of(early).retryable) == (ErrorCode.RUNTIME_UNAVAILABLE, True)


def test_what_may_have_been_done_is_not_repeated_blindly() -> None:
    assert POLICY.after_failure(GET, 1, httpx.ReadTimeout("x")) == 1
    assert POLICY.after_failure(CREATE, 1, httpx.ReadTimeout("x")) is None
    assert POLICY.after_failure(CREATE, 1, httpx.ConnectError("x")) == 1
    assert POLICY.after_failure(GET, 3, httpx.ConnectError("x")) is None


def test_a_problem_becomes_the_error_that_it_describes() -> None:
    body = {
        "code": "INVALID_INPUT", "detail": "no name", "hint": "give one", "status": 422, "execution_id": None,
        "errors": [{"pointer": "/inputs/name", "message": "missing"}], "problem_instance": "urn:uuid:1",
    }  # fmt: skip
    error = error_of(httpx.Response(422, json=body, request=REQUEST))
    assert (error.code, error.message, error.hint) == (ErrorCode.INVALID_INPUT, "no name", "give one")
    assert error.details == {"status": 422, "errors": body["errors"], "problem_instance": "urn:uuid:1"}
    assert error.retryable is False


def test_a_code_of_a_newer_server_is_kept() -> None:
    error = error_of(httpx.Response(418, json={"code": "TEAPOT", "detail": "short and stout"}, request=REQUEST))
    assert (error.code, error.details["code"]) == (ErrorCode.INTERNAL, "TEAPOT")


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, ErrorCode.NOT_FOUND), (502, ErrorCode.RUNTIME_UNAVAILABLE), (401, ErrorCode.UNAUTHORIZED)],
)
def test_an_answer_of_something_else_is_told_by_its_status(status: int, code: ErrorCode) -> None:
    error = error_of(httpx.Response(status, text="<html>nginx</html>", request=REQUEST))
    assert error.code is code
    assert "<html>nginx</html>" in error.message


def test_no_answer() -> None:
    error = unreachable("http://flowray", httpx.ConnectError("refused"))
    assert (error.code, error.retryable) == (ErrorCode.RUNTIME_UNAVAILABLE, True)
    assert "http://flowray: ConnectError refused" in error.message
