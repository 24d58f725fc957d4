"""Whether everything that is kept can be reached from every machine of a Ray cluster. Asks nobody."""

from __future__ import annotations

from collections.abc import Collection

from flowray.errors import ErrorCode, FlowrayError
from flowray.settings import Settings


def check_reach(settings: Settings, machines: Collection[str]) -> list[str]:
    """Raises CONFIGURATION if Ray has several machines but something is kept on one of them only (R34).

    Returns warnings: what only some workflows need.
    """
    if len(machines) < 2:
        return []
    if settings.uses_sqlite:
        raise FlowrayError(
            ErrorCode.CONFIGURATION,
            f"SQLite serves one machine, and this Ray has {len(machines)}",
            hint="set FLOWRAY_DATABASE_URL to a PostgreSQL that all of them reach",
        )
    if settings.payloads_are_local:
        raise FlowrayError(
            ErrorCode.CONFIGURATION,
            f"the payloads in {settings.payload_url} can be read on one machine, and this Ray has {len(machines)}",
            hint="leave FLOWRAY_PAYLOAD_URL out, or set it to an object store such as s3://bucket/prefix",
        )
    if settings.workspace_dir is None and settings.resolved_workspace_url is None:
        return [
            f"files of nodes stay on one of the {len(machines)} machines: set FLOWRAY_WORKSPACE_DIR to a folder "
            "that all of them share, or FLOWRAY_WORKSPACE_URL to an object store"
        ]
    return []
