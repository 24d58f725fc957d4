"""Who may call a webhook: secrets compared whole, signatures of the very bytes, and not for long."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest

from flowray.triggers.configs import WebhookConfig
from flowray.triggers.signatures import allowed_origin, refusal, sign

BODY = b'{"a":1}'
NOW = 1_700_000_000_000
DIGEST = hmac.new(b"secret", BODY, hashlib.sha256).digest()


def refused(config: dict[str, Any], headers: dict[str, str], secret: str | None = "secret") -> str | None:
    return refusal(WebhookConfig(**config), secret, headers, BODY, NOW)


def test_nothing_is_asked_of_an_open_one() -> None:
    assert refused({"auth": "none"}, {}, None) is None


@pytest.mark.parametrize("auth", ["api_key", "bearer", "hmac"])
def test_without_a_secret_nobody_may(auth: str) -> None:
    headers = {"x-api-key": "", "authorization": "Bearer ", "x-signature": sign("", BODY)}
    assert refused({"auth": auth}, headers, None) == "the trigger has no secret yet"
    assert refused({"auth": auth}, headers, "") == "the trigger has no secret yet"


def test_keys_and_tokens() -> None:
    assert refused({"auth": "api_key"}, {"x-api-key": "secret"}) is None
    assert refused({"auth": "api_key"}, {"x-api-key": "Secret"}) == "the API key is wrong"
    assert refused({"auth": "api_key"}, {}) == "the API key is missing"
    assert refused({"auth": "bearer"}, {"authorization": "bearer secret"}) is None
    assert refused({"auth": "bearer"}, {"authorization": "Basic secret"}) == "the bearer token is missing"
    assert refused({"auth": "bearer"}, {"authorization": "Bearer sécret"}) == "the bearer token is wrong"


@pytest.mark.parametrize(
    "text",
    [
        DIGEST.hex(), "sha256=" + DIGEST.hex(), "SHA256=" + DIGEST.hex().upper(), base64.b64encode(DIGEST).decode(),
        "v1," + base64.b64encode(DIGEST).decode(), "v1," + base64.b64encode(b"0" * 32).decode() + " v1=" + DIGEST.hex(),
    ],
)  # fmt: skip
def test_signatures_in_the_spellings_of_senders(text: str) -> None:
    for name in ("x-signature", "x-hub-signature-256", "x-webhook-signature"):
        assert refused({"auth": "hmac"}, {name: text}) is None


@pytest.mark.parametrize(
    "text", ["", "sha256=", DIGEST.hex()[:-1], "00" * 32, "sha1=" + DIGEST.hex(), "é" * 64,
     base64.b64encode(DIGEST[:-1]).decode()]
)  # fmt: skip
def test_wrong_signatures(text: str) -> None:
    assert refused({"auth": "hmac"}, {"x-signature": text}) == "the signature is wrong"


def test_a_signature_is_of_the_body_as_it_was_sent() -> None:
    headers = {"x-signature": sign("secret", b'{"a": 1}')}
    assert refused({"auth": "hmac"}, headers) == "the signature is wrong"


@pytest.mark.parametrize(
    ("stamp", "reason"),
    [
        (str(NOW // 1_000), None), (str(NOW), None), (str(NOW - 300_000), None), (str(NOW + 300_000), None),
        (str(NOW - 300_001), "the timestamp is too far from now"),
        (str(NOW + 300_001), "the timestamp is too far from now"),
        ("yesterday", "the timestamp is missing"), ("", "the timestamp is missing"),
    ],
)  # fmt: skip
def test_a_timestamp_bounds_for_how_long_a_request_can_be_replayed(stamp: str, reason: str | None) -> None:
    config = {"auth": "hmac", "timestamp_header": "X-Time"}
    assert refused(config, {"x-time": stamp, "x-signature": sign("secret", BODY, stamp)}) == reason


def test_origins() -> None:
    closed, some, every = (
        WebhookConfig(),
        WebhookConfig(allowed_origins=("https://a",)),
        WebhookConfig(allowed_origins=("*",)),
    )
    assert [allowed_origin(config, "https://a") for config in (closed, some, every)] == [None, "https://a", "*"]
    assert [allowed_origin(config, "https://b") for config in (closed, some, every)] == [None, None, "*"]
    assert allowed_origin(every, None) is None
