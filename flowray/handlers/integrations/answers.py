"""What an HTTP answer of a provider means: its JSON, or an error with a code. Pure."""

from __future__ import annotations

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.retry_after import retry_after_ms
from flowray.handlers.services import HttpResponse
from flowray.values import Json, decode_json

_LATER = frozenset({408, 425, 500, 502, 503, 504, 529})
MESSAGE_CHARS = 500


def body_of(response: HttpResponse) -> Json:
    """JSON where it reads as such, else text; null for an empty body."""
    if not response.content:
        return None
    try:
        return decode_json(response.content)
    except ValueError:
        return response.content.decode("utf-8", errors="replace")


def failure(
    provider: str, operation: str, response: HttpResponse, message: str, now_ms: int, code: ErrorCode | None = None
) -> FlowrayError:
    """The error that an answer means; ``message`` is the provider's own. ``code`` where the provider has named it.

    Neither URL nor request stand in it: some providers take secrets in a path.
    """
    status = response.status
    code = code or code_of(status)
    retryable = code is ErrorCode.PROVIDER_RATE_LIMITED or status in _LATER
    said = f": {message[:MESSAGE_CHARS]}" if message else ""
    details = {"provider": provider, "operation": operation, "status": status}
    wait = retry_after_ms(response.headers.get("retry-after"), now_ms)
    if retryable and wait is not None:
        details["retry_after_ms"] = wait
    return FlowrayError(
        code, f"{provider} {operation} failed with {status}{said}", details=details, retryable=retryable
    )


def code_of(status: int) -> ErrorCode:
    """The code for an HTTP status of 400 or above."""
    if status in (401, 403):
        return ErrorCode.PROVIDER_AUTH
    if status == 429:
        return ErrorCode.PROVIDER_RATE_LIMITED
    return ErrorCode.PROVIDER_ERROR if status in _LATER or status >= 500 else ErrorCode.PROVIDER_REJECTED
