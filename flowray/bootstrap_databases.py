"""The databases that nodes may use, made of Settings. A URL of the environment is read in the process that uses it."""

from __future__ import annotations

from flowray.handlers.providers.sql_databases import SqlDatabases
from flowray.settings import Settings, secret_from_environment


def build_databases(settings: Settings) -> SqlDatabases:
    """The operator's connections by name; opens none."""
    connections = {}
    for name, database in settings.database_connections.items():
        url = secret_from_environment(database.url_env) if database.url_env else database.url
        if url:
            connections[name] = url
    return SqlDatabases(connections, allow_private=settings.allow_private_targets)
