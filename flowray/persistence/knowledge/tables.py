"""The tables of knowledge bases. No queries.

Vectors are 32-bit floats: an array on PostgreSQL, which pgvector can compare where it is, and bytes on SQLite.
"""

from __future__ import annotations

import sys
from array import array
from typing import Any

from sqlalchemy import REAL, BigInteger, Column, Dialect, Integer, LargeBinary, Table, Text, TypeDecorator
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from flowray.persistence.database.tables import JsonText, metadata
from flowray.persistence.records import DEFAULT_WORKSPACE


class Vector(TypeDecorator[bytes]):
    """Little-endian 32-bit floats as bytes; in PostgreSQL ``real[]``."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.ARRAY(REAL))
        return dialect.type_descriptor(LargeBinary())

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> Any:
        return floats(value).tolist() if value is not None and dialect.name == "postgresql" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> bytes | None:
        return vector_bytes(value) if value is not None and dialect.name == "postgresql" else value


def floats(vector: bytes) -> array[float]:
    """The numbers of a stored vector."""
    numbers = array("f", vector)
    if sys.byteorder != "little":
        numbers.byteswap()
    return numbers


def vector_bytes(numbers: Any) -> bytes:
    """Undo ``floats``, of any sequence of numbers."""
    stored = array("f", numbers)
    if sys.byteorder != "little":
        stored.byteswap()
    return stored.tobytes()


def _base(name: str = "base_id") -> tuple[Column[str], Column[str]]:
    return (
        Column("workspace_id", Text, nullable=False, server_default=DEFAULT_WORKSPACE, primary_key=True),
        Column(name, Text, primary_key=True),
    )


knowledge_bases = Table(
    "knowledge_bases",
    metadata,
    *_base("id"),
    Column("name", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("dimensions", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

knowledge_documents = Table(
    "knowledge_documents",
    metadata,
    *_base(),
    Column("name", Text, primary_key=True),
    Column("hash", Text, nullable=False),
    Column("chunks", Integer, nullable=False),
    Column("metadata", JsonText),
    Column("updated_at", BigInteger, nullable=False),
)

knowledge_chunks = Table(
    "knowledge_chunks",
    metadata,
    *_base(),
    Column("document", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("content", Text, nullable=False),
    Column("vector", Vector, nullable=False),
)
"""``number`` counts from 0 within the document."""
