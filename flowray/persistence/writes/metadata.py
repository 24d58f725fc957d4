"""Changes of an execution's metadata as operations, so that none is lost; applied by the stores. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from flowray.persistence.records import DEFAULT_WORKSPACE
from flowray.persistence.writes.base import Result, Write
from flowray.values import Json, encode_json

MAX_METADATA_BYTES = 256 * 1024
"""Of the UTF-8 JSON of all metadata of an execution."""

OPERATIONS = ("set", "delete", "append", "increment", "merge")


class MetadataOperation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One change of the entry ``key``.

    ``append`` makes a list of what is there; ``increment`` adds a number to a number; ``merge`` puts the members of an
    object over those of an object. What is missing counts as ``[]``, ``0`` and ``{}``.
    """

    op: str
    key: str
    value: Json = None


class ChangeMetadata(Write, tag="change_metadata", frozen=True):
    """Apply operations to an execution's metadata, all or none, in order.

    ``id`` is unique to the change within the execution: a repeat changes nothing. Result: MetadataChanged,
    Refused(NOT_FOUND), Refused(CONFLICT) for an operation that does not fit what is there, or
    Refused(BODY_TOO_LARGE).
    """

    id: str
    execution_id: str
    operations: tuple[MetadataOperation, ...]
    workspace_id: str = DEFAULT_WORKSPACE

    def touches(self) -> tuple[str, ...]:
        return (f"execution {self.execution_id}",)


class MetadataChanged(Result, tag="metadata_changed", frozen=True):
    """The metadata as it is now."""

    metadata: dict[str, Any]


def change_metadata(metadata: dict[str, Any], operations: Sequence[MetadataOperation]) -> dict[str, Any]:
    """Metadata after these operations; ``metadata`` itself stays. Raises ValueError for one that does not fit."""
    changed = dict(metadata)
    for operation in operations:
        _apply(changed, operation)
    return changed


def is_too_large(metadata: dict[str, Any]) -> bool:
    """Above the limit."""
    return len(encode_json(metadata)) > MAX_METADATA_BYTES


def too_large() -> str:
    """Why such a change is refused."""
    return f"the metadata of an execution would be larger than the limit of {MAX_METADATA_BYTES:,} bytes"


def _apply(metadata: dict[str, Any], operation: MetadataOperation) -> None:
    key, value, now = operation.key, operation.value, metadata.get(operation.key)
    match operation.op:
        case "set":
            metadata[key] = value
        case "delete":
            metadata.pop(key, None)
        case "append":
            listed = now if isinstance(now, list) else [] if now is None else [now]
            metadata[key] = [*listed, value]
        case "increment":
            metadata[key] = _number(operation, 0 if now is None else now) + _number(
                operation, 1 if value is None else value
            )
        case "merge":
            metadata[key] = {**_object(operation, {} if now is None else now), **_object(operation, value)}
        case _:
            raise ValueError(f"{operation.op!r} is no operation; there are {', '.join(OPERATIONS)}")


def _number(operation: MetadataOperation, value: Json) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"increment of {operation.key!r} needs numbers, not {type(value).__name__}")
    return value


def _object(operation: MetadataOperation, value: Json) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"merge of {operation.key!r} needs objects, not {type(value).__name__}")
    return value
