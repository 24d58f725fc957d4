"""Worlds for the contracts of types that use files and documents: a workspace on disk, and real processes for work."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from flowray.engine.signals import NodeError
from flowray.handlers.providers.workspaces.directory import DirectoryWorkspaces
from flowray.handlers.providers.workspaces.threaded import ThreadedWorkspace
from flowray.runtime.sandbox.killable_processes import KillableProcesses
from tests.contracts.contract import Case, World
from tests.fakes.services import fake_services

OWNER = "contract"


@asynccontextmanager
async def on_disk(
    cases: Callable[[Path], Sequence[Case]], files: Mapping[str, bytes] | None = None, **services: Any
) -> AsyncIterator[World]:
    """A world with ``files`` in the workspace; ``cases`` gets its folder."""
    killable = KillableProcesses(workers=1)
    with tempfile.TemporaryDirectory() as folder:
        workspace = ThreadedWorkspace(lambda: DirectoryWorkspaces(folder))
        for path, data in (files or {}).items():
            await workspace.write(OWNER, path, data)
        yield World(
            fake_services(files=workspace, killable=killable, close=killable.aclose, **services),
            cases(Path(folder) / OWNER),
        )


def gives(**expected: Any) -> Callable[[Any], None]:
    """The output has these fields with these values."""

    def check(output: Any) -> None:
        assert {key: output.get(key) for key in expected} == expected

    return check


def has_code(code: str) -> Callable[[NodeError], None]:
    """The error has this code."""

    def check(error: NodeError) -> None:
        assert error.code == code, error

    return check
