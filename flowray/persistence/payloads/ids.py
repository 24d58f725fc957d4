"""Ids of large values, which follow from their content."""

from __future__ import annotations

import hashlib
import re

from flowray.errors import ErrorCode, FlowrayError

SAFE_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
HASH = re.compile(r"[0-9a-f]{64}")
PAYLOAD_ID = re.compile(r"([A-Za-z0-9_-]{1,100})\.([0-9a-f]{64})")


def payload_id(execution_id: str, data: bytes) -> str:
    """``<owner>.<sha-256 of the bytes>``: usable as a file name; equal bytes of an execution are kept once."""
    return f"{owner_name(execution_id)}.{hashlib.sha256(data).hexdigest()}"


def owner_name(execution_id: str) -> str:
    """What an execution's payloads are kept under: its id, or its hash if the id is no file name."""
    return execution_id if SAFE_NAME.fullmatch(execution_id) else hashlib.sha256(execution_id.encode()).hexdigest()


def owner_of(payload_id: str) -> str:
    """Under whose id a payload is kept; of an unusual id its hash. Empty for what is no payload id."""
    match = PAYLOAD_ID.fullmatch(payload_id)
    return match[1] if match is not None else ""


def may_be_collected(owner: str) -> bool:
    """Whether the owner can be looked up: what may be the hash of an unusual id is left alone."""
    return not HASH.fullmatch(owner)


def missing_payload(wanted: str) -> FlowrayError:
    """What is raised where there is no such payload."""
    return FlowrayError(
        ErrorCode.PAYLOAD_MISSING,
        f"there is no payload {wanted[:200]!r}",
        hint="it was removed by retention, or lies in the directory of another machine",
    )
