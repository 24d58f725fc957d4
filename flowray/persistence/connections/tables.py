"""The table of connections, on the metadata of ``database.tables``. No queries."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from flowray.persistence.database.tables import JsonText, metadata
from flowray.persistence.records import DEFAULT_WORKSPACE

connections = Table(
    "connections",
    metadata,
    Column("workspace_id", Text, primary_key=True, nullable=False, server_default=DEFAULT_WORKSPACE),
    Column("name", Text, primary_key=True),
    Column("id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("provider", Text, nullable=False, server_default=""),
    Column("fields", JsonText, nullable=False),
    Column("secret_names", JsonText, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("expires_at", BigInteger),
    Column("renewing_until", BigInteger),
    Column("renewing_by", Text, nullable=False, server_default=""),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
