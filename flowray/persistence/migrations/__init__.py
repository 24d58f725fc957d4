"""The schema's history, and how a database is brought to the present one. Packaged: an installed wheel can migrate.

A server that finds the present revision does not import alembic at all, which would cost half a second.
"""

from __future__ import annotations

import importlib
from typing import cast

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import OperationalError, ProgrammingError

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.database.engine import database_errors, is_postgresql, is_unavailable, reading, writing
from flowray.persistence.database.tables import settings

HEAD = "0002"
"""The newest revision in ``versions/``. Revisions are numbered, so that text order is their order."""

COMPATIBLE_FROM = "schema_compatible_from"
"""Key in ``settings``: the oldest HEAD whose programs can work on the present schema. A migration that contracts
raises it; one that only expands does not (R41)."""

INSTANCE_ID = "instance_id"
"""Key in ``settings``: names this installation, so that two on one cluster never share actors (R41)."""

# Any constant will do, as long as no other program on the database uses it.
_LOCK = 4_715_230_611


def upgrade(engine: Engine) -> str:
    """Bring the database to HEAD and return its revision. Safe when several servers start at once.

    A newer database is left alone if it says that this program can work on it. Raises FlowrayError
    UNSUPPORTED_VERSION if it cannot, DATABASE_UNAVAILABLE.
    """
    with database_errors("migrate the database"):
        with reading(engine).connect() as connection:
            revision = _stored_revision(connection)
        if revision == HEAD:
            return HEAD
        with writing(engine).begin() as connection:
            if is_postgresql(engine):
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            revision = _stored_revision(connection) if _exists(connection) else None
            if revision is None or revision < HEAD:
                importlib.import_module("flowray.persistence.migrations.runner").run(connection)
                return HEAD
            if revision > HEAD:
                _check_compatible(connection, revision)
            return revision


def _exists(connection: Connection) -> bool:
    return connection.dialect.has_table(connection, "alembic_version")


def _stored_revision(connection: Connection) -> str | None:
    """None for an empty database."""
    try:
        return cast("str | None", connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar())
    except (OperationalError, ProgrammingError) as error:
        if is_unavailable(error):
            raise
        return None  # no such table


def _check_compatible(connection: Connection, revision: str) -> None:
    oldest = connection.execute(select(settings.c.value).where(settings.c.key == COMPATIBLE_FROM)).scalar()
    if oldest is None or oldest > HEAD:
        raise FlowrayError(
            ErrorCode.UNSUPPORTED_VERSION,
            f"the database has schema {revision}, this program knows {HEAD} and the schema needs at least {oldest}",
            hint="start a newer flowray, or restore a backup from before the upgrade",
        )


def read_setting(engine: Engine, key: str) -> str | None:
    """One value of the table ``settings``."""
    with database_errors("read a setting"), reading(engine).connect() as connection:
        return connection.execute(select(settings.c.value).where(settings.c.key == key)).scalar()


def instance_id(engine: Engine) -> str:
    """The id of this installation, made by the first migration."""
    found = read_setting(engine, INSTANCE_ID)
    if found is None:
        raise FlowrayError(ErrorCode.INTERNAL, "the database has no instance id", hint="run upgrade() first")
    return found
