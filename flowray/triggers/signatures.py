"""Whether a request may fire a webhook: API key, bearer token or signature, and the origins of browsers. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping

from flowray.triggers.configs import WebhookConfig

DEFAULT_KEY_HEADER = "x-api-key"
SIGNATURE_HEADERS = ("x-signature", "x-hub-signature-256", "x-webhook-signature")
"""Where a signature stands unless the trigger names a header: as FlowMaestro looks for it, GitHub's among them."""

_BEARER = re.compile(r"bearer +(\S+)", re.IGNORECASE)
_PREFIX = re.compile(r"(?:sha256=|v1[=,])", re.IGNORECASE)
_SECONDS_BELOW = 100_000_000_000
"""A timestamp below this is in seconds (until the year 5138), above it in ms."""


def refusal(
    config: WebhookConfig, secret: str | None, headers: Mapping[str, str], body: bytes, now_ms: int
) -> str | None:
    """Why the request may not fire, None if it may. ``headers`` by lower-case name; ``body`` as it was sent.

    Compares in constant time. Never says how far a wrong secret was right.
    """
    if config.auth == "none":
        return None
    if not secret:
        return "the trigger has no secret yet"
    if config.auth == "api_key":
        return _key_refusal(headers.get((config.header or DEFAULT_KEY_HEADER).lower()), secret, "API key")
    if config.auth == "bearer":
        found = _BEARER.fullmatch(headers.get("authorization", "").strip())
        return _key_refusal(found.group(1) if found else None, secret, "bearer token")
    return _signature_refusal(config, secret, headers, body, now_ms)


def _key_refusal(given: str | None, secret: str, what: str) -> str | None:
    if given is None:
        return f"the {what} is missing"
    return None if hmac.compare_digest(given.encode(), secret.encode()) else f"the {what} is wrong"


def _signature_refusal(
    config: WebhookConfig, secret: str, headers: Mapping[str, str], body: bytes, now_ms: int
) -> str | None:
    names = (config.header.lower(),) if config.header else SIGNATURE_HEADERS
    given = next((headers[name] for name in names if name in headers), None)
    if given is None:
        return "the signature is missing"
    signed = body
    if config.timestamp_header is not None:
        stamp = headers.get(config.timestamp_header.lower(), "").strip()
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 16):
            return "the timestamp is missing"
        sent_at = int(stamp) * (1_000 if int(stamp) < _SECONDS_BELOW else 1)
        if abs(now_ms - sent_at) > config.tolerance_ms:
            return "the timestamp is too far from now"
        signed = stamp.encode() + b"." + body
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    # Several signatures may stand side by side while a secret is changed.
    right = [hmac.compare_digest(digest, expected) for part in re.split(r"[ ]+", given) if (digest := _digest(part))]
    return None if any(right) else "the signature is wrong"


def _digest(text: str) -> bytes | None:
    """The 32 bytes of a signature in hex or base64, ``sha256=`` or ``v1=`` before it or not."""
    bare = _PREFIX.sub("", text.strip(), count=1)
    try:
        found = bytes.fromhex(bare) if len(bare) == 64 else base64.b64decode(bare, validate=True)
    except (ValueError, binascii.Error):
        return None
    return found if len(found) == 32 else None


def sign(secret: str, body: bytes, timestamp: str | None = None) -> str:
    """The signature that ``refusal`` accepts: ``sha256=<hex>``."""
    signed = body if timestamp is None else timestamp.encode() + b"." + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def allowed_origin(config: WebhookConfig, origin: str | None) -> str | None:
    """What ``Access-Control-Allow-Origin`` answers; None where this origin may not, or nobody asked."""
    if origin is None or config.allowed_origins is None:
        return None
    if "*" in config.allowed_origins:
        return "*"
    return origin if origin in config.allowed_origins else None
