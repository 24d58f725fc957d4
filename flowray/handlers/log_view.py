"""How a value stands in the log: masked, and shortened above a limit. Never what other nodes read (R16)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from flowray.handlers.masking import MASK, mask
from flowray.values import Json, decode_json, encode_json

LOG_LIMIT_BYTES = 10 * 1024
"""Longest input of a node log, in bytes of JSON. As FlowMaestro's node log has it."""

PREVIEW_CHARS = 1_000

_CUT_CHARS = 4 * PREVIEW_CHARS
"""Strings are cut here before masking: far behind the preview's end, so that no half of a secret is left to show."""

_CUT_MEMBERS = 200


def shortened(value: Json, limit_bytes: int = LOG_LIMIT_BYTES) -> Json:
    """``value``, or ``{__truncated, __originalSize, __preview}`` if its JSON is longer. Size in bytes."""
    encoded = encode_json(value)
    return decode_json(encoded) if len(encoded) <= limit_bytes else _envelope(encoded, len(encoded))


def log_view(value: Json, secrets: Iterable[str] = (), limit_bytes: int = LOG_LIMIT_BYTES) -> Json:
    """``value`` masked and shortened, so that no secret survives in a preview.

    Of a value above the limit only the beginning is masked: searching 64 MiB for secrets to show 1,000 characters
    would cost more than the node did. Raises TypeError for what is not JSON.
    """
    encoded = encode_json(value)
    if len(encoded) > limit_bytes:
        return _envelope(encode_json(mask(_beginning(value), secrets)), len(encoded))
    masked = mask(decode_json(encoded), secrets)
    # A mask may be longer than what it hides, by as much as a digit is shorter than it.
    return masked if len(encoded) * len(encode_json(MASK)) <= limit_bytes else shortened(masked, limit_bytes)


def _envelope(encoded: bytes, size: int) -> dict[str, Json]:
    preview = encoded[: PREVIEW_CHARS * 4].decode("utf-8", errors="ignore")[:PREVIEW_CHARS]
    return {"__truncated": True, "__originalSize": size, "__preview": preview}


def _beginning(value: Any) -> Any:
    """``value`` with long strings cut and only the first members of lists and objects, at every level."""
    if isinstance(value, str):
        return value[:_CUT_CHARS]
    if isinstance(value, dict):
        return {key: _beginning(item) for key, item in islice(value.items(), _CUT_MEMBERS)}
    if isinstance(value, list | tuple):
        return [_beginning(item) for item in value[:_CUT_MEMBERS]]
    return value
