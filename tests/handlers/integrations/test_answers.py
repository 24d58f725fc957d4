"""What HTTP answers mean."""

from __future__ import annotations

import pytest

from flowray.errors import ErrorCode
from flowray.handlers.integrations.answers import MESSAGE_CHARS, body_of, code_of, failure
from flowray.handlers.services import HttpResponse
from flowray.values import Json
from tests.fakes.services import NOW_MS


def response(content: bytes = b"", status: int = 200, **headers: str) -> HttpResponse:
    return HttpResponse(status, "", headers, content, "https://x/secret-in-path", 1)


@pytest.mark.parametrize(("content", "expected"), [(b"", None), (b'{"a": 1}', {"a": 1}), (b"text", "text")])
def test_bodies(content: bytes, expected: Json) -> None:
    assert body_of(response(content)) == expected


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "PROVIDER_REJECTED"), (403, "PROVIDER_AUTH"), (408, "PROVIDER_ERROR"), (429, "PROVIDER_RATE_LIMITED"),
     (500, "PROVIDER_ERROR"), (599, "PROVIDER_ERROR")],
)  # fmt: skip
def test_codes(status: int, code: str) -> None:
    assert code_of(status) == code


def test_a_failure_says_when_to_come_back_and_shows_no_address() -> None:
    error = failure("p", "op", response(status=429, **{"retry-after": "3"}), "x" * 2_000, NOW_MS)
    assert (error.retryable, error.details["retry_after_ms"]) == (True, 3_000)
    assert len(error.message) < MESSAGE_CHARS + 100
    assert "secret-in-path" not in str(error) + str(error.details)
    named = failure("p", "op", response(status=200), "no", NOW_MS, ErrorCode.PROVIDER_RATE_LIMITED)
    assert (named.code, named.retryable, named.message) == (
        ErrorCode.PROVIDER_RATE_LIMITED, True, "p op failed with 200: no",
    )  # fmt: skip
