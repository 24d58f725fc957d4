"""The tables agree with the migrations, and serve the queries that they were indexed for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, Select, and_, func, inspect, select, text

from flowray.persistence.database.engine import open_database
from flowray.persistence.database.tables import JsonText, executions, metadata
from flowray.persistence.llm_cache.sql import SqlAnswers
from flowray.persistence.migrations import upgrade
from flowray.persistence.queues.tables import HOLDS_SLOT, IN_LINE, was_served
from flowray.persistence.sql.committer import SqlCommitter
from flowray.persistence.sql.owners import candidates
from flowray.persistence.writes import ClaimExecutions

WRITE_ALL_TABLES = (SqlCommitter, SqlAnswers)
"""Importing them is importing every module that adds tables."""

LINE = (executions.c.workspace_id, executions.c.queue, executions.c.concurrency_key)
IN_QUEUE = and_(executions.c.workspace_id == "default", executions.c.queue == "q")
ONE_KEY = executions.c.concurrency_key == "k"


def described(engine: Engine) -> dict[str, Any]:
    """Tables, columns, keys and indexes as the database knows them; later revisions add columns at the end."""
    inspector = inspect(engine)
    if engine.dialect.name == "sqlite":
        indexes = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type = 'index'"
    else:
        indexes = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    with engine.connect() as connection:
        rows = connection.execute(text(indexes)).all()
    found: dict[str, Any] = {name: " ".join(sql.split()) for name, sql in rows if "alembic" not in name}
    for table in inspector.get_table_names():
        if table != "alembic_version":
            columns = sorted(
                (c["name"], str(c["type"]), c["nullable"], c["default"]) for c in inspector.get_columns(table)
            )
            keys = sorted(inspector.get_foreign_keys(table), key=lambda key: str(key["name"]))
            found[table] = (columns, keys, inspector.get_pk_constraint(table))
    return found


def test_migrations_lead_to_exactly_these_tables_on_sqlite(tmp_path: Path) -> None:
    migrated, created = open_database(f"sqlite:///{tmp_path / 'a.db'}"), open_database(f"sqlite:///{tmp_path / 'b.db'}")
    upgrade(migrated)
    metadata.create_all(created)
    assert described(migrated) == described(created)
    migrated.dispose()
    created.dispose()


@pytest.mark.postgres
def test_migrations_lead_to_exactly_these_tables_on_postgresql(postgres_url: str) -> None:
    engine = open_database(postgres_url)
    upgrade(engine)
    migrated = described(engine)
    metadata.drop_all(engine)
    metadata.create_all(engine)
    assert migrated == described(engine)
    engine.dispose()


def test_every_table_has_a_workspace() -> None:
    assert len(metadata.tables) >= 12
    for table in metadata.tables.values():
        assert not table.c.workspace_id.nullable, table.name


def test_the_sweep_reads_only_executions_that_have_not_ended(sqlite_url: str) -> None:
    engine = open_database(sqlite_url)
    upgrade(engine)
    statement = candidates(ClaimExecutions(owner_id="o1"), now=5)
    compiled = str(statement.compile(engine, compile_kwargs={"literal_binds": True}))
    with engine.connect() as connection:
        plan = " ".join(row[-1] for row in connection.execute(text("EXPLAIN QUERY PLAN " + compiled)))
    assert "executions USING INDEX ix_executions_active_owner" in plan
    engine.dispose()


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (select(*LINE, func.count()).where(HOLDS_SLOT, IN_QUEUE).group_by(*LINE), "ix_executions_slots"),
        (
            select(*LINE, func.min(executions.c.queue_order)).where(IN_LINE, IN_QUEUE).group_by(*LINE),
            "ix_executions_line",
        ),
        (
            select(func.max(executions.c.admitted_at)).where(was_served(executions.c), IN_QUEUE, ONE_KEY),
            "ix_executions_served",
        ),
    ],
)
def test_queues_are_counted_by_their_indexes(sqlite_url: str, statement: Select[Any], index: str) -> None:
    engine = open_database(sqlite_url)
    upgrade(engine)
    compiled = str(statement.compile(engine, compile_kwargs={"literal_binds": True}))
    with engine.connect() as connection:
        plan = " ".join(row[-1] for row in connection.execute(text("EXPLAIN QUERY PLAN " + compiled)))
    assert f"INDEX {index} (workspace_id=? AND queue=?" in plan
    engine.dispose()


def test_json_text_keeps_none_as_null_and_nul_characters_as_escapes() -> None:
    column = JsonText()
    dialect: Any = None
    assert column.process_bind_param(None, dialect) is None
    assert column.process_bind_param({"a": "\x00"}, dialect) == '{"a":"\\u0000"}'
    assert column.process_result_value('{"a":"\\u0000"}', dialect) == {"a": "\x00"}
