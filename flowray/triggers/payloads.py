"""What a firing hands to its execution: the payload of each kind, and the inputs made of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowray.errors import ErrorCode, FlowrayError
from flowray.eventlog.sse import iso_time
from flowray.expressions.names import Names
from flowray.expressions.template import fill
from flowray.triggers.configs import ScheduleConfig
from flowray.triggers.forms import MULTIPART, URL_ENCODED, is_json, multipart, text_or_bytes, url_encoded
from flowray.triggers.ticks import last_tick, next_tick
from flowray.values import Json, decode_json


def inputs_of(mapping: Mapping[str, Any] | None, payload: dict[str, Any], now_ms: int) -> dict[str, Any]:
    """The inputs: templates over the payload's fields, or without a mapping the payload itself.

    Raises FlowrayError EXPRESSION_ERROR if a limit of the language is reached.
    """
    if mapping is None:
        return payload
    return {name: fill(value, Names(inputs=payload, now_ms=now_ms)) for name, value in mapping.items()}


def tick_payload(config: ScheduleConfig, tick: int) -> dict[str, Any]:
    """``{timestamp, last_timestamp, next_timestamp, timezone}`` of a tick; times are ISO 8601, UTC."""
    before, after = last_tick(config, tick), next_tick(config, tick)
    return {
        "timestamp": iso_time(tick),
        "last_timestamp": None if before is None else iso_time(before),
        "next_timestamp": None if after is None else iso_time(after),
        "timezone": config.timezone,
    }


def event_payload(name: str, data: Json, key: str) -> dict[str, Any]:
    """``{name, data, key}``."""
    return {"name": name, "data": data, "key": key}


def parse_body(content_type: str, body: bytes) -> Json:
    """A request's body by its media type: JSON, the fields of a form, text, or bytes as ``{base64}``. Empty is null.

    What calls itself JSON or a form of several parts and is none is kept as text or bytes: refusing a delivery would
    lose it. Raises BODY_TOO_LARGE for a form of too many fields.
    """
    if not body:
        return None
    media, _, parameters = content_type.partition(";")
    kind = media.strip().lower()
    if kind == URL_ENCODED:
        return url_encoded(body.decode("utf-8", "replace"))
    try:
        if kind == MULTIPART:
            return multipart(content_type, body)
        if not kind or is_json(kind):
            return decode_json(body)
    except (ValueError, RecursionError):  # msgspec's DecodeError is a ValueError; so is a wrong UTF-8
        pass
    except FlowrayError as error:
        if error.code != ErrorCode.MALFORMED_BODY:
            raise
    return text_or_bytes(kind, _charset(parameters), body)


def _charset(parameters: str) -> str:
    for part in parameters.split(";"):
        name, _, value = part.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"') or "utf-8"
    return "utf-8"
