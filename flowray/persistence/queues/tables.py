"""The table of queues, and the indexes by which executions wait in them. No queries."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text, and_, text
from sqlalchemy.sql.elements import ColumnElement

from flowray.persistence.database.tables import executions, is_active, metadata
from flowray.persistence.records import DEFAULT_WORKSPACE

queues = Table(
    "queues",
    metadata,
    Column("workspace_id", Text, nullable=False, server_default=DEFAULT_WORKSPACE, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("max_concurrent", Integer),
    Column("max_per_key", Integer),
    Column("paused", Boolean, nullable=False, server_default=text("false")),
    Column("overridden", Boolean, nullable=False, server_default=text("false")),
    Column("updated_at", BigInteger, nullable=False),
)

_e = executions.c

# Literals rather than parameters, as for ``is_active``: only then does a query imply them.
HOLDS_SLOT = and_(is_active(), _e.owner_id.is_not(None), _e.parent_id.is_(None))
"""A slot is such a row, so no crash can leak one. A child runs on its parent's (R13)."""

IN_LINE = and_(_e.status == text("'queued'"), _e.owner_id.is_(None), _e.parent_id.is_(None))
"""Not started, and nobody's."""

RESTING = and_(_e.status.in_(text("'paused', 'running', 'waiting'")), _e.owner_id.is_(None), _e.parent_id.is_(None))
"""Has run before, and is nobody's now."""

Index(
    "ix_executions_slots",
    _e.workspace_id,
    _e.queue,
    _e.concurrency_key,
    sqlite_where=HOLDS_SLOT,
    postgresql_where=HOLDS_SLOT,
)
Index(
    "ix_executions_line",
    _e.workspace_id,
    _e.queue,
    _e.concurrency_key,
    _e.queue_order,
    _e.id,
    sqlite_where=IN_LINE,
    postgresql_where=IN_LINE,
)
Index(
    "ix_executions_resting",
    _e.workspace_id,
    _e.queue,
    _e.queue_order,
    _e.id,
    sqlite_where=RESTING,
    postgresql_where=RESTING,
)


def was_served(columns: Any) -> ColumnElement[bool]:
    """It has a concurrency key, and was admitted: tells when a key was served last."""
    return and_(columns.admitted_at.is_not(None), columns.concurrency_key != text("''"))


Index(
    "ix_executions_served",
    _e.workspace_id,
    _e.queue,
    _e.concurrency_key,
    _e.admitted_at,
    sqlite_where=was_served(_e),
    postgresql_where=was_served(_e),
)
