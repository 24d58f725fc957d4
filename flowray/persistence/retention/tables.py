"""The table that says up to when the stored values of an execution have been looked through. No queries."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Table, Text

from flowray.persistence.database.tables import metadata
from flowray.persistence.records import DEFAULT_WORKSPACE

value_sweeps = Table(
    "value_sweeps",
    metadata,
    Column("workspace_id", Text, nullable=False, server_default=DEFAULT_WORKSPACE),
    Column("execution_id", Text, ForeignKey("executions.id", ondelete="CASCADE"), primary_key=True),
    # Values that were put before this time, ms since the epoch, are named by something, or gone.
    Column("swept_before", BigInteger, nullable=False),
)
