"""Filters of executions, as the parameters of a query or as a body; their fields are those of ``wire.ExecutionFilter``.

One text stands for a list of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

_LISTS = ("status", "ids")


def query(filters: Mapping[str, Any], **others: Any) -> dict[str, Any]:
    """Parameters of a list: labels as ``name=value``, moments as ISO 8601, lists repeated; empty ones left out."""
    return {
        name: _parameter(name, value)
        for name, value in {**filters, **others}.items()
        if value is not None and value not in ([], (), {})
    }


def body(filters: Mapping[str, Any]) -> dict[str, Any]:
    """The filter as JSON."""
    return {
        name: value.split(",") if name in _LISTS and isinstance(value, str) else value
        for name, value in filters.items()
    }


def _parameter(name: str, value: Any) -> Any:
    if name == "labels" and isinstance(value, Mapping):
        return [f"{label}={text}" for label, text in value.items()]
    return value.isoformat() if isinstance(value, datetime) else value
