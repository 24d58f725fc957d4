"""Every error as an RFC 9457 problem: which code has which status, and how foreign errors become codes.

The table is part of the contract (R58): clients match on ``code``, proxies and dashboards on the status.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from flowray.errors import ErrorCode, FlowrayError
from flowray.runtime.identifiers import new_id
from flowray.values import encode_json

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
TYPE_BASE = "https://flowray.dev/problems/"

E = ErrorCode

STATUS: dict[ErrorCode, int] = {
    E.INVALID_DEFINITION: 422,
    E.INVALID_INPUT: 422,
    E.INVALID_REQUEST: 400,
    E.INVALID_CURSOR: 400,
    E.MALFORMED_BODY: 400,
    E.BODY_TOO_LARGE: 413,
    E.UNSUPPORTED_FORMAT: 415,
    E.NOT_FOUND: 404,
    E.METHOD_NOT_ALLOWED: 405,
    E.NOT_ACCEPTABLE: 406,
    E.CONFLICT: 409,
    E.IDEMPOTENCY_MISMATCH: 422,
    E.EXECUTION_ENDED: 409,
    E.EXECUTION_NOT_ENDED: 409,
    E.INVALID_START_POINT: 422,
    E.UNAUTHORIZED: 401,
    E.FORBIDDEN: 403,
    E.RATE_LIMITED: 429,
    E.NOT_IMPLEMENTED: 501,
    # Codes of nodes: an execution carries them in its own body, with status 200. Here for answers that are about a
    # single node or provider.
    E.UNKNOWN_NODE_TYPE: 422,
    E.INVALID_NODE_CONFIG: 422,
    E.EXPRESSION_ERROR: 422,
    E.EXPRESSION_TIMEOUT: 422,
    E.NODE_FAILED: 500,
    E.NODE_TIMEOUT: 504,
    E.NODE_LOST: 500,
    E.HTTP_ERROR: 502,
    E.HTTP_STATUS: 502,
    E.PROVIDER_UNREACHABLE: 502,
    E.PROVIDER_TIMEOUT: 504,
    E.PROVIDER_RATE_LIMITED: 503,
    E.PROVIDER_AUTH: 502,
    E.PROVIDER_REJECTED: 502,
    E.PROVIDER_ERROR: 502,
    E.PROVIDER_CIRCUIT_OPEN: 503,
    E.STREAM_INTERRUPTED: 502,
    E.WAITPOINT_TIMEOUT: 409,
    E.VARIABLE_MISMATCH: 422,
    E.SHARED_MEMORY_LIMIT_EXCEEDED: 413,
    E.UNKNOWN_OPERATION: 422,
    E.CONNECTION_NOT_FOUND: 422,
    E.SIGNAL_UNSUPPORTED: 501,
    E.OUTPUT_TOO_LARGE: 422,
    E.CONTEXT_LIMIT_EXCEEDED: 422,
    E.FILE_LIMIT_EXCEEDED: 422,
    E.ITERATION_LIMIT_EXCEEDED: 422,
    E.CALL_DEPTH_EXCEEDED: 422,
    E.DESCENDANT_LIMIT_EXCEEDED: 422,
    E.BUDGET_EXCEEDED: 422,
    E.COLLECTION_INVALID: 422,
    E.EXECUTION_TIMEOUT: 504,
    E.EXECUTION_CANCELLED: 409,
    E.EXECUTION_CRASHED: 500,
    E.FENCED: 409,
    E.PAYLOAD_MISSING: 410,
    E.UNSUPPORTED_VERSION: 422,
    E.DATABASE_UNAVAILABLE: 503,
    E.RUNTIME_UNAVAILABLE: 503,
    E.CONFIGURATION: 500,
    E.MISSING_EXTRA: 501,
    E.INTERNAL: 500,
}

_CODES_OF_STATUS = {
    400: E.INVALID_REQUEST, 401: E.UNAUTHORIZED, 403: E.FORBIDDEN, 404: E.NOT_FOUND, 405: E.METHOD_NOT_ALLOWED,
    406: E.NOT_ACCEPTABLE, 409: E.CONFLICT, 413: E.BODY_TOO_LARGE, 415: E.UNSUPPORTED_FORMAT, 429: E.RATE_LIMITED,
    501: E.NOT_IMPLEMENTED, 503: E.RUNTIME_UNAVAILABLE,
}  # fmt: skip

_REPEAT_LATER = frozenset({429, 503})

_USUAL_HINTS: dict[ErrorCode, str] = {
    E.INVALID_REQUEST: "compare with /openapi.json; errors[] names every place",
    E.MALFORMED_BODY: "correct the body at the place that the message names",
    E.BODY_TOO_LARGE: "send less, or large values by reference",
    E.NOT_FOUND: "ids are the server's own: GET the list that holds it",
    E.EXECUTION_ENDED: "nothing is left to steer: GET the execution for its outcome",
    E.UNAUTHORIZED: "take the public_token of the answer that started the execution",
    E.FORBIDDEN: "take the public_token of this execution",
    E.NOT_IMPLEMENTED: "leave it out: a later release brings it",
    E.INTERNAL: "look for problem_instance in the server's log, and report it",
}
"""For errors that bring no hint of their own."""


class BodyError(FlowrayError):
    """A body that is well-formed but not what the call takes: 422, where a wrong parameter is a 400."""


def status_of(error: FlowrayError) -> int:
    """The HTTP status of an error."""
    if isinstance(error, BodyError) and error.code is E.INVALID_REQUEST:
        return 422
    return STATUS.get(error.code, 500)


def problem(error: FlowrayError) -> dict[str, Any]:
    """The problem document: every field always present, null or empty where it says nothing."""
    details = error.details
    return {
        "type": TYPE_BASE + error.code.lower().replace("_", "-"),
        "title": error.code.replace("_", " ").capitalize(),
        "status": status_of(error),
        "detail": error.message,
        "code": error.code.value,
        "errors": _findings(details),
        "hint": error.hint or _USUAL_HINTS.get(error.code),
        "execution_id": details.get("execution_id"),
        "node_id": details.get("node_id"),
        "problem_instance": f"urn:uuid:{new_id()}",
    }


def problem_response(error: FlowrayError, headers: dict[str, str] | None = None) -> Response:
    """The answer to a request that failed with ``error``."""
    body = problem(error)
    headers = dict(headers or {})
    if body["status"] in _REPEAT_LATER:
        headers.setdefault("Retry-After", str(error.details.get("retry_after_s", 1)))
    if body["status"] == 401:
        headers.setdefault("WWW-Authenticate", "Bearer")
    if body["status"] >= 500:
        logger.warning("%s: %s", body["problem_instance"], error)
    return Response(encode_json(body), body["status"], headers, media_type=CONTENT_TYPE)


def install_error_responses(app: FastAPI) -> None:
    """Make every error of the app a problem, FastAPI's own and unexpected ones too."""
    app.add_exception_handler(FlowrayError, _on_flowray_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid_parameters)
    app.add_exception_handler(Exception, _on_unexpected)


def _findings(details: dict[str, Any]) -> list[dict[str, Any]]:
    if "diagnostics" in details:
        return [item for item in details["diagnostics"] if item.get("severity", "error") == "error"]
    return list(details.get("errors", ()))


async def _on_flowray_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, FlowrayError)
    return problem_response(error)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES_OF_STATUS.get(error.status_code, E.INVALID_REQUEST if error.status_code < 500 else E.INTERNAL)
    messages = {
        404: f"there is nothing at {request.url.path[:200]}",
        405: f"{request.method} is not possible at {request.url.path[:200]}",
    }
    phrase = HTTPStatus(error.status_code).phrase
    detail = messages.get(error.status_code) if error.detail == phrase else None
    hint = "GET /openapi.json lists every call" if error.status_code in (404, 405) else None
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = _allowed(request)
    return problem_response(FlowrayError(code, detail or str(error.detail), hint=hint), headers)


def _allowed(request: Request) -> str:
    """Every method that the path takes; the router names only those of the first route that it found."""
    taken = [
        method
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    ]
    return ", ".join(taken)


async def _on_invalid_parameters(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    findings = [
        {
            "pointer": "",
            "parameter": str(item["loc"][-1]),
            "message": f"{item['loc'][0]} parameter {str(item['loc'][-1])!r}: {item['msg']}",
        }
        for item in error.errors()
    ]
    return problem_response(FlowrayError(E.INVALID_REQUEST, str(findings[0]["message"]), details={"errors": findings}))


async def _on_unexpected(request: Request, error: Exception) -> Response:
    # What went wrong may hold secrets and is of no use to the caller: it goes to the log under the problem's name.
    response = problem_response(FlowrayError(E.INTERNAL, "an unexpected error in the server; its log has the details"))
    logger.error("%s %s failed unexpectedly", request.method, request.url.path, exc_info=error)
    return response
