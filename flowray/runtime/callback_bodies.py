"""What a callback says and how it is signed: pure functions of rows, key and clock. Sends nothing.

Body and headers follow the Standard Webhooks specification, whose libraries verify them in most languages.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any

from flowray.eventlog.sse import iso_time
from flowray.persistence.callbacks.records import CallbackRecord
from flowray.persistence.records import ExecutionRecord
from flowray.values import decode_json, encode_json

MAX_OUTPUT_BYTES = 256 * 1024
"""Longest JSON of outputs that a callback carries; longer ones are fetched. Receivers bound what they read."""

SECRET_PREFIX = "whsec_"


def body_of(callback: CallbackRecord, execution: ExecutionRecord) -> bytes:
    """The JSON text. What was true of the execution when it happened; the same at every delivery.

    Outputs that are too long are null, and ``outputs_bytes`` says how long; large values among them are references.
    An execution that has gone on since (a crashed one that is driven again) shows none.
    """
    body: dict[str, Any] = {
        "event_id": callback.id,
        "type": callback.event,
        "timestamp": iso_time(callback.data["at"]),
        "seq": callback.seq,
        "execution_id": execution.id,
        "execution_url": f"/v1/executions/{execution.id}",
        "workflow_id": execution.workflow_id,
        "workflow_version": execution.workflow_version,
        "workflow_name": execution.workflow_name,
        "batch_id": execution.batch_id,
        "labels": execution.labels,
        "metadata": execution.metadata,
        "outputs": None,
        "error": None,
        "partial": False,
        **{name: value for name, value in callback.data.items() if name != "at"},
    }
    if execution.last_seq == callback.seq and execution.status == callback.data["status"]:
        encoded = encode_json(execution.outputs)
        if len(encoded) <= MAX_OUTPUT_BYTES:
            body["outputs"] = decode_json(encoded)
        else:
            body["outputs_bytes"] = len(encoded)
        body["usage"] = execution.usage
        body["started_at"] = None if execution.started_at is None else iso_time(execution.started_at)
        body["ended_at"] = None if execution.ended_at is None else iso_time(execution.ended_at)
    return encode_json(body)


def headers_of(callback: CallbackRecord, body: bytes, secret: str, now_ms: int, attempt: int) -> list[tuple[str, str]]:
    """Headers of one delivery. The time is that of the delivery: receivers refuse what is too old to be ours."""
    timestamp = str(now_ms // 1_000)
    return [
        ("Content-Type", "application/json"),
        ("webhook-id", callback.id),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", signature(callback.id, timestamp, body, secret)),
        ("flowray-attempt", str(attempt)),
    ]


def signature(callback_id: str, timestamp: str, body: bytes, secret: str) -> str:
    """``v1,<base64 HMAC-SHA256>`` of id, time and body, as Standard Webhooks says."""
    signed = f"{callback_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()


def derived_secret(signing_key: str) -> str:
    """The secret of callbacks that have none of their own. Not the server's key, with which tokens could be forged."""
    derived = hmac.new(signing_key.encode(), b"flowray callbacks", hashlib.sha256).digest()
    return SECRET_PREFIX + base64.b64encode(derived).decode()


def _key(secret: str) -> bytes:
    """A secret as libraries of the specification read it: base64 behind its prefix. Other text is taken as it is."""
    if secret.startswith(SECRET_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            return secret.encode()
    return secret.encode()
