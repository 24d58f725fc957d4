"""The table of calls of shared children, on the metadata of ``database.tables``. No queries."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text

from flowray.persistence.database.tables import metadata
from flowray.persistence.records import DEFAULT_WORKSPACE

child_calls = Table(
    "child_calls",
    metadata,
    Column("workspace_id", Text, nullable=False, server_default=DEFAULT_WORKSPACE),
    Column("parent_id", Text, ForeignKey("executions.id", ondelete="CASCADE"), primary_key=True),
    Column("parent_key", Text, primary_key=True),
    Column("child_id", Text, ForeignKey("executions.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("ix_child_calls_child", "child_id"),
)
