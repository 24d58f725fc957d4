"""The tables of named limits, on the metadata of ``database.tables``. No queries."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, Table, Text

from flowray.persistence.database.tables import metadata
from flowray.persistence.records import DEFAULT_WORKSPACE

limits = Table(
    "limits",
    metadata,
    Column("workspace_id", Text, primary_key=True, nullable=False, server_default=DEFAULT_WORKSPACE),
    Column("name", Text, primary_key=True),
    Column("rpm", BigInteger),
    Column("tpm", BigInteger),
    Column("concurrency", Integer),
    Column("requests", Float, nullable=False),
    Column("tokens", Float, nullable=False),
    Column("refilled_at", BigInteger, nullable=False),
    Column("served", BigInteger, nullable=False),
    Column("paused_until", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

# No foreign keys: a use may outlive its limit, and ends by itself with the lease of its owner.
limit_uses = Table(
    "limit_uses",
    metadata,
    Column("workspace_id", Text, nullable=False, server_default=DEFAULT_WORKSPACE),
    Column("id", Text, primary_key=True),
    Column("limit_name", Text, primary_key=True),
    Column("owner_id", Text, nullable=False),
    Column("execution_id", Text, nullable=False),
    Column("instance", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("granted_at", BigInteger),
    Index("ix_limit_uses_owner", "owner_id", "granted_at"),
    Index("ix_limit_uses_execution", "execution_id", "limit_name"),
    Index("ix_limit_uses_waiting", "limit_name", "granted_at", "place", "asked_at", "id"),
)
