"""``--filter KEY=VALUE``: which executions of a server a command is about. See ``wire.ExecutionFilter``."""

from __future__ import annotations

from typing import Any

from flowray.errors import ErrorCode, FlowrayError

KEYS = "status, workflow_id, batch_id, parent_id, label.NAME, created_after, created_before, id"
"""What can be asked for."""

_SINGLE = ("workflow_id", "batch_id", "parent_id", "created_after", "created_before")


def parse_filter(pairs: list[str]) -> dict[str, Any]:
    """``wire.ExecutionFilter`` from KEY=VALUE; status and id may hold commas. Raises INVALID_REQUEST."""
    wanted: dict[str, Any] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not value:
            raise FlowrayError(ErrorCode.INVALID_REQUEST, f"--filter {pair!r} is not KEY=VALUE")
        if key == "status":
            wanted.setdefault("status", []).extend(value.split(","))
        elif key == "id":
            wanted.setdefault("ids", []).extend(value.split(","))
        elif key.startswith("label."):
            wanted.setdefault("labels", {})[key.removeprefix("label.")] = value
        elif key in _SINGLE:
            wanted[key] = value
        else:
            raise FlowrayError(ErrorCode.INVALID_REQUEST, f"--filter cannot ask for {key!r}", hint=KEYS)
    return wanted
