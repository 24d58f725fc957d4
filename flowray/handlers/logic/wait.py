"""The ``wait`` node: asks the engine to go on later. It never sleeps and holds no process while it waits."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.definition.policies import Lane
from flowray.engine.signals import Pause, Signals, Wait
from flowray.engine.waitpoint_sources import of_event, of_name, of_token
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import config_of, number_of, rename
from flowray.handlers.waitpoint_config import LITERAL_FIELDS, WaitpointConfig, pause_of
from flowray.values import Json

UNITS_MS = {
    "ms": 1, "millisecond": 1, "milliseconds": 1,
    "s": 1_000, "sec": 1_000, "second": 1_000, "seconds": 1_000,
    "m": 60_000, "min": 60_000, "minute": 60_000, "minutes": 60_000,
    "h": 3_600_000, "hour": 3_600_000, "hours": 3_600_000,
    "d": 86_400_000, "day": 86_400_000, "days": 86_400_000, "w": 604_800_000, "week": 604_800_000, "weeks": 604_800_000,
}  # fmt: skip

MAX_WAIT_MS = 366 * 86_400_000
"""A year: anything longer is a mistake in a unit."""

_SPELLED = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]+)")


class WaitConfig(WaitpointConfig):
    """How long: ``duration`` in ms, or ``durationValue`` with ``durationUnit``, or ``timestamp`` to wait until.

    With waitType webhook: until somebody calls the waitpoint's callback, at most ``timeoutMs``. With event: until an
    event of that name comes whose data fits ``filter``. With waitpoint: until the shared waitpoint is answered that
    has the token or the name.
    """

    wait_type: Literal["duration", "until", "webhook", "event", "waitpoint"] = "duration"
    duration: Any = Field(None, description="Milliseconds, or text with units such as 1h30m.")
    duration_value: Any = Field(None, description="A number of durationUnit.")
    duration_unit: str = Field("seconds", description="ms, seconds, minutes, hours, days or weeks.")
    timestamp: Any = Field(None, description="ISO 8601 time, or ms since the epoch, for waitType until.")
    timezone: str | None = Field(None, description="IANA name for a timestamp without an offset; UTC otherwise.")
    event: str | None = Field(None, description="The name of the event, for waitType event.")
    filter: dict[str, Any] | None = Field(
        None, description="What the event's data must have: values by dotted path, or lists of which one must be there."
    )
    token: str | None = Field(None, description="The token of a shared waitpoint, for waitType waitpoint.")
    shared_name: str | None = Field(
        None, max_length=200, description="The name of a shared waitpoint, for waitType waitpoint."
    )
    reason: str | None = Field(None, description="What it waits for, for people.")
    expected_input: dict[str, Any] | None = Field(None, description="JSON Schema of what the callback brings.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, durationUnit=("unit",), timestamp=("untilDate", "until", "targetTime"), event=("eventName",)
        )
        if not isinstance(given, dict):
            return given
        if (
            given.get("durationUnit")
            and given.get("durationValue") is None
            and number_of(given.get("duration")) is not None
        ):
            given["durationValue"] = given.pop("duration")  # {duration: 1, unit: "hours"} in real files
        if "waitType" not in given and "wait_type" not in given:
            if given.get("triggerType") in ("webhook", "event"):
                given["waitType"] = given["triggerType"]
            elif given.get("timestamp") is not None:
                given["waitType"] = "until"
        return given


def duration_ms(config: WaitConfig) -> int:
    """How long to wait; may be zero or negative. Raises INVALID_NODE_CONFIG for what is no duration."""
    if config.duration_value is not None:
        value, unit = number_of(config.duration_value), UNITS_MS.get(config.duration_unit.lower())
        if value is None or unit is None:
            raise _wrong(f"{config.duration_value!r} {config.duration_unit!r} is no duration")
        return round(value * unit)
    number = number_of(config.duration)
    if number is not None:
        return round(number)
    parts = _SPELLED.findall(config.duration) if isinstance(config.duration, str) else []
    if not parts or any(unit.lower() not in UNITS_MS for _, unit in parts):
        raise _wrong(f"{config.duration!r} is no duration" if config.duration is not None else "duration is required")
    return round(sum(float(value) * UNITS_MS[unit.lower()] for value, unit in parts))


def target_ms(config: WaitConfig) -> int:
    """The time to wait until, ms since the epoch. Raises INVALID_NODE_CONFIG for what is no time."""
    number = number_of(config.timestamp)
    if number is not None:
        return round(number)
    try:
        moment = datetime.fromisoformat(str(config.timestamp).strip())
        zone = ZoneInfo(config.timezone) if config.timezone else UTC
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise _wrong(f"Invalid timestamp: {config.timestamp!r} {config.timezone or ''}".strip()) from error
    return round((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() * 1000)


def _wrong(message: str) -> FlowrayError:
    return FlowrayError(ErrorCode.INVALID_NODE_CONFIG, message, hint="see the config schema of 'wait'")


def _pause(node: NodeInput, config: WaitConfig) -> Pause:
    """A wait for somebody else's word. Raises INVALID_NODE_CONFIG where nobody is named who could give it."""
    kind, what, source = "callback", "a webhook", ""
    if config.wait_type == "event" and config.event:
        kind, what, source = "event", f"the event {config.event!r}", of_event(config.event)
    elif config.wait_type == "event":
        what = "an event"
    elif config.wait_type == "waitpoint":
        if (config.token is None) == (config.shared_name is None):
            raise _wrong("waitType waitpoint needs a token or a sharedName, and not both")
        kind, what = "waitpoint", f"the waitpoint {config.shared_name!r}" if config.shared_name else "a waitpoint"
        source = of_name(config.shared_name) if config.shared_name else of_token(config.token or "")
    return pause_of(
        node, config, reason=config.reason or f"Waiting for {what}", expected_input=config.expected_input, kind=kind,
        source=source, fits=config.filter,
    )  # fmt: skip


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _output(wait_type: str, start: int, end: int, **more: Json) -> dict[str, Json]:
    return {
        "waitType": wait_type,
        "startTime": _iso(start),
        "endTime": _iso(end),
        "actualWaitDuration": end - start,
        **more,
    }


class WaitHandler:
    """Output: ``{waitType, startTime, endTime, actualWaitDuration}``, ``skipped`` and ``reason`` if it did not wait.

    Of a wait for a webhook or event: what the call brought.
    """

    node_type = NodeType(
        name="wait",
        summary="Goes on after a duration, at a time, or when an event, a call or a shared waitpoint says so.",
        config_model=WaitConfig,
        aliases=("delay", "sleep"),
        lane=Lane.INLINE,
        computes=True,
        effects=Effects.NONE,
        fields={**LITERAL_FIELDS, "waitType": FieldKind.LITERAL, "delayType": FieldKind.LITERAL},
    )

    def can_handle(self, type_name: str) -> bool:
        """``wait`` and its aliases."""
        return type_name == self.node_type.name or type_name in self.node_type.aliases

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises INVALID_NODE_CONFIG for what is no duration or time."""
        config = config_of(node, WaitConfig)
        if config.wait_type in ("webhook", "event", "waitpoint"):
            return NodeResult(signals=Signals(pause=_pause(node, config)))
        now = node.now_ms()
        if config.wait_type == "until":
            end, reason = target_ms(config), "Target time already passed"
        else:
            end, reason = now + duration_ms(config), "Duration is zero or negative"
        if end <= now:
            return NodeResult(data=_output(config.wait_type, now, now, skipped=True, reason=reason))
        if end - now > MAX_WAIT_MS:
            raise _wrong(f"a wait of {end - now} ms is longer than the limit of {MAX_WAIT_MS} ms (366 days)")
        output = _output(config.wait_type, now, end)
        return NodeResult(data=output, signals=Signals(wait=Wait(until_ms=end, output=output)))
