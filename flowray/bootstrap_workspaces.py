"""Where files of executions lie, made of Settings: for lanes, which use them, and retention, which removes them."""

from __future__ import annotations

import importlib

from flowray.handlers.providers.workspaces.directory import DirectoryWorkspaces
from flowray.handlers.providers.workspaces.threaded import OwnedWorkspaces
from flowray.handlers.workspace import WorkspaceLimits
from flowray.settings import Settings


def open_workspaces(settings: Settings) -> OwnedWorkspaces:
    """A folder of the state folder, or where the settings say. Touches nothing yet."""
    url = settings.resolved_workspace_url
    if url is None or url.startswith("file://"):
        return DirectoryWorkspaces(settings.resolved_workspace_dir if url is None else url.removeprefix("file://"))
    # Loaded by name: only those who asked for it wait for fsspec to be imported.
    store: OwnedWorkspaces = importlib.import_module(
        "flowray.handlers.providers.workspaces.object_store"
    ).FsspecWorkspaces(url)
    return store


def workspace_limits(settings: Settings) -> WorkspaceLimits:
    """Bytes of one file, and of all files of an execution."""
    return WorkspaceLimits(file_bytes=settings.workspace_file_bytes, total_bytes=settings.workspace_bytes)
