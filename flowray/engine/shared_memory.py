"""Shared memory of an execution: entries by key, changed by operations as variables are (R17), within limits. Pure.

The mapping of entries is never changed in place: a branch begins with the very one around it and costs no copy.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from flowray.engine.signals import VariableOperation
from flowray.engine.variables import OPERATIONS, combined, misfit
from flowray.plan import PlanSettings
from flowray.values import Json, encode_json


class SharedEntry(msgspec.Struct, frozen=True):
    """One entry. ``bytes``: its value as UTF-8 JSON."""

    value: Json
    bytes: int


Entries = dict[str, SharedEntry]

DELETE = "delete"
SHARED_OPERATIONS = OPERATIONS | {DELETE}
"""The names an operation on an entry may have; a result with any other fails its node."""


def changed(entries: Entries, operation: VariableOperation) -> Entries:
    """The entries after an operation. One that does not fit its entry replaces it: what is recorded has happened."""
    if operation.op == DELETE:
        return {key: entry for key, entry in entries.items() if key != operation.name}
    value = value_after(entries.get(operation.name), operation)
    return {**entries, operation.name: SharedEntry(value, len(encode_json(value)))}


def contents(entries: Mapping[str, SharedEntry]) -> dict[str, Json]:
    """Values by key, as templates read them under ``shared``."""
    return {key: entry.value for key, entry in entries.items()}


def unfit(entries: Entries, operation: VariableOperation) -> str | None:
    """Why an operation cannot be applied to its entry as it is; None if it can. ``append`` needs a list or text."""
    entry = entries.get(operation.name)
    if operation.op == DELETE or entry is None:
        return None
    if operation.op == "append" and entry.value is not None and not isinstance(entry.value, list | str):
        return "append needs a list or text"
    return misfit(entry.value, operation)


def over_limit(entries: Entries, settings: PlanSettings) -> str | None:
    """The limit that these entries exceed, as a sentence with both figures; None if they are within all."""
    if len(entries) > settings.memory_entries:
        return f"shared memory would have {len(entries)} entries; the limit is {settings.memory_entries}"
    total = 0
    for key, entry in entries.items():
        if entry.bytes > settings.memory_value_bytes:
            return f"the entry {key[:100]!r} would have {entry.bytes} bytes; the limit is {settings.memory_value_bytes}"
        total += entry.bytes
    if total > settings.memory_total_bytes:
        return f"shared memory would have {total} bytes; the limit is {settings.memory_total_bytes}"
    return None


def value_after(entry: SharedEntry | None, operation: VariableOperation) -> Json:
    """What an operation other than ``DELETE`` makes of an entry, None being one that is not there."""
    if entry is None and operation.op == "append" and isinstance(operation.value, str):
        return operation.value  # As in FlowMaestro: text appended to nothing stays text.
    return combined(None if entry is None else entry.value, operation)
