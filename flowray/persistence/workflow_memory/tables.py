"""The tables of the memory that all executions of a workflow share. No queries."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from flowray.persistence.database.tables import JsonText, metadata
from flowray.persistence.records import DEFAULT_WORKSPACE


def _workspace() -> Column[str]:
    return Column("workspace_id", Text, nullable=False, server_default=DEFAULT_WORKSPACE, primary_key=True)


workflow_memories = Table(
    "workflow_memories",
    metadata,
    _workspace(),
    Column("workflow_id", Text, primary_key=True),
    Column("entries", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
"""One row for each memory: what a commit locks before it changes entries, and how much there is."""

workflow_memory_entries = Table(
    "workflow_memory_entries",
    metadata,
    _workspace(),
    Column("workflow_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", JsonText),
    Column("bytes", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    # No foreign key: an entry outlives the execution that wrote it.
    Column("updated_by", Text, nullable=False),
)
