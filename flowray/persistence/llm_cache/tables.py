"""The table of answers that models gave before. No queries."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table, Text

from flowray.persistence.database.tables import JsonText, metadata
from flowray.persistence.records import DEFAULT_WORKSPACE

llm_cache = Table(
    "llm_cache",
    metadata,
    Column("workspace_id", Text, nullable=False, server_default=DEFAULT_WORKSPACE, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("answer", JsonText, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("ix_llm_cache_expires_at", "expires_at"),
)
"""With SQLite it lies in a file of its own, which every lane writes: the database itself has one writer (R26)."""
