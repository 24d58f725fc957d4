"""The spellings of node configs found in FlowMaestro's files → one canonical config per type (see flowmaestro.py).

Each function takes a copy of a config whose templates are modern already, and reports what it changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

Config = dict[str, Any]

_UNIT_MS = {
    "ms": 1, "millisecond": 1, "milliseconds": 1,
    "s": 1_000, "second": 1_000, "seconds": 1_000,
    "m": 60_000, "minute": 60_000, "minutes": 60_000,
    "h": 3_600_000, "hour": 3_600_000, "hours": 3_600_000,
    "d": 86_400_000, "day": 86_400_000, "days": 86_400_000,
    "week": 604_800_000, "weeks": 604_800_000,
}  # fmt: skip

_MAX_TIMEOUT_S = 300
"""FlowMaestro's HTTP timeout is at most 300 seconds, so a larger number is in ms."""

_TRANSFORM_NAMES = {"parseJson": "parseJSON", "parseXml": "parseXML"}


class Report(Protocol):
    """What a normaliser tells about its work; implemented by flowmaestro.NodeReport."""

    def changed(self, key: str, message: str) -> None: ...
    def inferred(self, key: str, message: str) -> None: ...
    def unsupported(self, key: str, message: str, hint: str | None = None) -> None: ...


def _rename(config: Config, report: Report, target: str, *spellings: str) -> None:
    for spelling in spellings:
        if spelling in config and target not in config:
            config[target] = config.pop(spelling)
            report.changed(spelling, f"{spelling!r} is called {target!r} here.")


def _input(config: Config, report: Report) -> Config:
    _rename(config, report, "inputName", "inputVariable")
    if config.get("inputVariable") == config.get("inputName"):
        config.pop("inputVariable", None)
    return config


def _output(config: Config, report: Report) -> Config:
    _rename(config, report, "outputName", "outputVariable", "name")
    return config


def _trigger(config: Config, report: Report) -> Config:
    _rename(config, report, "provider", "webhookProvider")
    if config.get("triggerType") == "cron":
        config["triggerType"] = "schedule"
        report.changed("triggerType", "'cron' is called 'schedule' here.")
    return config


def _transform(config: Config, report: Report) -> Config:
    _rename(config, report, "operation", "transformType")
    name = config.get("operation")
    if isinstance(name, str) and name in _TRANSFORM_NAMES:
        config["operation"] = _TRANSFORM_NAMES[name]
        report.changed("operation", f"{name!r} is called {config['operation']!r} here.")
    if name == "template" and "template" not in config:
        _rename(config, report, "template", "expression")
    return config


def _conditional(config: Config, report: Report) -> Config:
    _rename(config, report, "expression", "condition")
    if config.get("conditionType") == "expression":
        del config["conditionType"]
    return config


def _pairs(config: Config, report: Report, key: str) -> None:
    value = config.get(key)
    if isinstance(value, dict):
        config[key] = [{"key": name, "value": item} for name, item in value.items()]
        report.changed(key, f"{key!r} as an object is a list of key and value here.")


def _http(config: Config, report: Report) -> Config:
    _pairs(config, report, "headers")
    _pairs(config, report, "queryParams")
    timeout = config.pop("timeout", None)
    if timeout is not None and "timeoutMs" not in config:
        seconds = _is_number(timeout) and timeout <= _MAX_TIMEOUT_S
        config["timeoutMs"] = int(timeout * 1_000) if seconds else timeout
        note = f"{timeout} is read as {'seconds' if seconds else 'milliseconds'}."
        report.inferred("timeout", note + " Up to 300 are seconds in this format, more are milliseconds.")
    _rename(config, report, "retryCount", "retries")
    return config


def _code(config: Config, report: Report) -> Config:
    """Its authors read what the code returns under the node's name, never what its engine wraps around it."""
    timeout = config.pop("timeout", None)
    if timeout is not None and "timeoutMs" not in config:
        seconds = _is_number(timeout) and timeout <= _MAX_TIMEOUT_S
        config["timeoutMs"] = int(timeout * 1_000) if seconds else timeout
        if seconds:
            report.inferred("timeout", f"{timeout} is read as seconds: no code ends in so many milliseconds.")
        else:
            report.changed("timeout", "'timeout' is called 'timeoutMs' here.")
    _rename(config, report, "memoryMb", "memory")
    config.setdefault("outputKey", "")
    return config


def _llm(config: Config, report: Report) -> Config:
    _rename(config, report, "responseFormat", "outputFormat")
    return config


def _wait(config: Config, report: Report) -> Config:
    config.pop("delayType", None)
    if config.get("triggerType") == "webhook":
        config.pop("triggerType")
        config["waitType"] = "webhook"
        report.changed("triggerType", "A wait for a webhook has waitType 'webhook' here.")
    _rename(config, report, "timestamp", "untilDate", "until")
    if "waitType" not in config:
        config["waitType"] = "until" if "timestamp" in config else "duration"
    milliseconds = _wait_ms(config, report)
    if config["waitType"] == "webhook":
        timeout = config.pop("timeout", None)
        limit = milliseconds if milliseconds is not None else timeout
        if limit is not None:
            config.setdefault("timeoutMs", limit)
            report.changed("timeout", "The longest wait for a webhook is 'timeoutMs' here.")
    elif milliseconds is not None:
        config["duration"] = milliseconds
    if config["waitType"] == "until" and not config.get("timestamp"):
        report.unsupported("timestamp", "The wait names no time to wait for.", "Set timestamp to an ISO 8601 time.")
    return config


def _wait_ms(config: Config, report: Report) -> Any:
    """Take the duration out of ``config``: in ms, or a template as written, or None."""
    unit = config.pop("durationUnit", None) or config.pop("unit", None)
    value = config.pop("durationValue", None)
    duration = config.pop("duration", None)
    if value is None:
        value = duration
    elif unit is None:
        unit = "seconds"
    if value is None or not _is_number(value):
        return value
    if unit is not None:
        if str(unit).lower() not in _UNIT_MS:
            report.unsupported("unit", f"Unknown unit of time {unit!r}: read as milliseconds.")
            return value
        report.changed("duration", f"{value} {unit} is written as milliseconds here.")
        return int(value * _UNIT_MS[str(unit).lower()])
    if value >= 3_600 and value % 3_600 == 0 and value < 1_000_000:
        # The field is in ms, but round hours below 1,000,000 (17 minutes) can only have been meant as seconds.
        report.inferred("duration", f"{value} is read as seconds ({value / 3_600:g} h), not milliseconds.")
        return int(value * 1_000)
    return value


def _loop(config: Config, report: Report) -> Config:
    _rename(config, report, "arrayPath", "collection", "items", "iterateOver")
    _rename(config, report, "itemVariable", "iterationVariable")
    if "loopType" not in config:
        by_field = (("arrayPath", "forEach"), ("condition", "while"), ("count", "count"))
        config["loopType"] = next((kind for field, kind in by_field if field in config), "forEach")
        report.inferred("loopType", f"The loop has no type: read as {config['loopType']!r}.")
    return config


def _integration(config: Config, report: Report) -> Config:
    _rename(config, report, "provider", "service")
    _rename(config, report, "operation", "action")
    _rename(config, report, "connection", "connectionId")
    return config


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


CONFIGS: dict[str, Callable[[Config, Report], Config]] = {
    "input": _input,
    "output": _output,
    "trigger": _trigger,
    "transform": _transform,
    "conditional": _conditional,
    "condition": _conditional,
    "if": _conditional,
    "http": _http,
    "llm": _llm,
    "code": _code,
    "wait": _wait,
    "delay": _wait,
    "sleep": _wait,
    "loop": _loop,
    "forEach": _loop,
    "while": _loop,
    "repeat": _loop,
    "integration": _integration,
    "action": _integration,
}
