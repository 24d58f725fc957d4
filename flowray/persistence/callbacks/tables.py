"""The table of callbacks, on the metadata of ``database.tables``. No queries."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, text

from flowray.persistence.database.tables import JsonText, metadata
from flowray.persistence.records import DEFAULT_WORKSPACE

callbacks = Table(
    "callbacks",
    metadata,
    Column("workspace_id", Text, nullable=False, server_default=DEFAULT_WORKSPACE),
    Column("id", Text, primary_key=True),
    Column("execution_id", Text, ForeignKey("executions.id", ondelete="CASCADE"), nullable=False),
    Column("event", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("url", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("data", JsonText, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("leased_until", BigInteger),
    Column("claim_id", Text),
    Column("last_status", Integer),
    Column("last_error", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("delivered_at", BigInteger),
    Index("ix_callbacks_execution", "execution_id"),
    Index("ix_callbacks_page", "workspace_id", "created_at", "id"),
    # The sweep looks only at what is still to be delivered, of which there is little.
    Index(
        "ix_callbacks_due",
        "next_at",
        sqlite_where=text("status = 'pending'"),
        postgresql_where=text("status = 'pending'"),
    ),
    Index(
        "ix_callbacks_settled",
        "next_at",
        sqlite_where=text("status != 'pending'"),
        postgresql_where=text("status != 'pending'"),
    ),
)
