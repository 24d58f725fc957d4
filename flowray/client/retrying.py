"""When the client sends a request again, and what it raises when it does not. Pure: the clients wait and send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from flowray.client.call import Call
from flowray.errors import ErrorCode, FlowrayError

_PASSING = frozenset({429, 502, 503, 504})
"""Statuses of servers and proxies that may answer otherwise in a moment."""

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

_CODES_OF_STATUS = {
    401: ErrorCode.UNAUTHORIZED,
    403: ErrorCode.FORBIDDEN,
    404: ErrorCode.NOT_FOUND,
    413: ErrorCode.BODY_TOO_LARGE,
    429: ErrorCode.RATE_LIMITED,
}


@dataclass(frozen=True)
class RetryPolicy:
    """``max_attempts`` counts the first. Delays double from ``initial_s`` up to ``max_s``; Retry-After is obeyed up to
    ``max_retry_after_s``. For streams, attempts count from the last one that brought an event."""

    max_attempts: int = 5
    initial_s: float = 0.2
    max_s: float = 5.0
    max_retry_after_s: float = 30.0

    def delay_s(self, attempt: int, response: httpx.Response | None = None) -> float:
        """How long to wait after attempt number ``attempt`` (from 1)."""
        asked = _retry_after_s(response)
        if asked is not None:
            return min(asked, self.max_retry_after_s)
        return min(self.initial_s * 2.0 ** (attempt - 1), self.max_s)

    def after_answer(self, call: Call[Any], attempt: int, response: httpx.Response) -> float | None:
        """The delay after which to repeat, or None to take the answer as it is."""
        passing = response.status_code in _PASSING or _lost_its_replica(response)
        again = _has_no_route(response) or (passing and (call.repeatable or response.status_code in (429, 503)))
        return self.delay_s(attempt, response) if again and attempt < self.max_attempts else None

    def after_failure(self, call: Call[Any], attempt: int, error: httpx.TransportError) -> float | None:
        """The delay after which to repeat, or None to give up. What may have been done is not repeated blindly."""
        again = call.repeatable or isinstance(error, _NEVER_SENT)
        return self.delay_s(attempt) if again and attempt < self.max_attempts else None


def _lost_its_replica(response: httpx.Response) -> bool:
    """A 500 that is none of flowray's problems: Ray Serve's proxy says so of a replica that died under a request."""
    kind = response.headers.get("content-type", "")
    return response.status_code == 500 and not kind.startswith("application/problem+json")


def _has_no_route(response: httpx.Response) -> bool:
    """A 404 of Ray Serve's proxy: after a restart it listens before it knows of the application. Nothing was done."""
    kind = response.headers.get("content-type", "")
    return response.status_code == 404 and kind.startswith("text/plain") and "/-/routes" in response.text


def error_of(response: httpx.Response) -> FlowrayError:
    """The error that a problem describes; for any other answer, one by its status."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or "code" not in problem:
        text = response.text.strip()[:300]
        what = f"{response.request.method} {response.request.url.path}"
        no_route = _has_no_route(response)
        code = None if no_route else _CODES_OF_STATUS.get(response.status_code)
        return FlowrayError(
            code or ErrorCode.RUNTIME_UNAVAILABLE,
            f"{what} answered {response.status_code}: {text or 'nothing'}",
            details={"status": response.status_code},
            retryable=response.status_code in _PASSING or no_route,
            hint="is this a flowray server?",
        )
    known = problem["code"] in ErrorCode.__members__
    details = {
        name: problem[name]
        for name in ("status", "errors", "execution_id", "node_id", "problem_instance")
        if problem.get(name)
    }
    return FlowrayError(
        ErrorCode(problem["code"]) if known else ErrorCode.INTERNAL,
        str(problem.get("detail") or problem.get("title") or "the server refused"),
        details=details if known else {**details, "code": problem["code"]},
        hint=problem.get("hint"),
        retryable=response.status_code in _PASSING,
    )


def unreachable(url: str, error: Exception) -> FlowrayError:
    """The server did not answer."""
    return FlowrayError(
        ErrorCode.RUNTIME_UNAVAILABLE,
        f"no answer from {url}: {type(error).__name__} {error}".strip(),
        hint="is the server running? `flowray serve` starts one",
        retryable=True,
    )


def wait_timed_out(execution_id: str, timeout_s: float) -> FlowrayError:
    """``wait`` gave up; the execution goes on."""
    return FlowrayError(
        ErrorCode.EXECUTION_TIMEOUT,
        f"execution {execution_id!r} has neither ended nor paused within {timeout_s:g} s; it goes on",
        details={"execution_id": execution_id},
        hint="wait again, or follow its events",
    )


def _retry_after_s(response: httpx.Response | None) -> float | None:
    if response is None:
        return None
    try:
        return max(float(response.headers.get("Retry-After", "")), 0.0)
    except ValueError:
        return None
