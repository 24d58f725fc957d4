"""Records ↔ rows: which fields are columns, and what changes on the way. No queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from sqlalchemy import RowMapping

from flowray.persistence.records import ExecutionRecord, NodeLogRecord, Record
from flowray.values import as_value

R = TypeVar("R", bound=Record)

EXECUTION_FIELDS = frozenset(ExecutionRecord.__struct_fields__)

FENCED_FIELDS = frozenset({"id", "epoch", "last_seq", "owner_id", "workspace_id"})
"""Not for ``AppendEvents.changes``: they are set by the compare-and-set itself, by a claim or a release, or never."""

_TUPLES = frozenset({"errors", "handled_errors", "waiting_for", "diagnostics", "tags"})
_TEXTS = frozenset({"token", "token_hash"})
"""NULL where there is none, for they are unique."""
_VALUES: dict[type[Record], frozenset[str]] = {
    ExecutionRecord: frozenset({"outputs"}),
    NodeLogRecord: frozenset({"input", "output"}),
}


def to_row(record: Record) -> dict[str, Any]:
    """Column values of a record. JSON columns encode themselves."""
    return msgspec.structs.asdict(record)


def from_row(kind: type[R], row: RowMapping | Mapping[str, Any]) -> R:
    """A record from the columns of its name; further columns are left out."""
    fields = {name: row[name] for name in kind.__struct_fields__ if name in row}
    for name in _TUPLES.intersection(fields):
        fields[name] = tuple(fields[name] or ())
    for name in _TEXTS.intersection(fields):
        fields[name] = fields[name] or ""
    for name in _VALUES.get(kind, frozenset()).intersection(fields):
        fields[name] = as_value(fields[name])
    return kind(**fields)


def check_changes(changes: Mapping[str, Any]) -> None:
    """Raises ValueError for a name that is no column of an execution, or one that only the fence may set."""
    for name in changes:
        if name not in EXECUTION_FIELDS or name in FENCED_FIELDS:
            raise ValueError(f"AppendEvents cannot change {name!r} of an execution")
