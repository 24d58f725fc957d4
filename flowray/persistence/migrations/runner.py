"""Runs alembic in process on a given connection. No configuration file and no env.py: both are these few lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from flowray.persistence.database.tables import metadata


def scripts() -> ScriptDirectory:
    """The revisions beside this module."""
    return ScriptDirectory(str(Path(__file__).parent))


def run(connection: Connection) -> None:
    """Apply what is missing, inside the caller's transaction: all of it commits, or nothing."""
    directory = scripts()

    def steps(revision: Any, _context: MigrationContext) -> Any:
        return directory._upgrade_revs("head", revision)

    with EnvironmentContext(Config(), directory, fn=steps, destination_rev="head") as environment:
        environment.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
        environment.run_migrations()
