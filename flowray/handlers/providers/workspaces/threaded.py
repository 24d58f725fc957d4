"""The Workspace of a lane: checks paths and limits, and keeps the slow file system away from the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.workspace import FileInfo, WorkspaceLimits, above_limit, no_plain_file
from flowray.handlers.workspace_paths import fold, path_parts

_T = TypeVar("_T")


class Workspaces(Protocol):
    """Where the files lie. Synchronous and thread-safe; paths as checked parts. Raises as ``Workspace`` says."""

    def write(self, owner: str, parts: tuple[str, ...], data: bytes, *, overwrite: bool) -> FileInfo: ...

    def read(self, owner: str, parts: tuple[str, ...], limit_bytes: int) -> bytes: ...

    def stat(self, owner: str, parts: tuple[str, ...]) -> FileInfo | None: ...

    def files_in(self, owner: str, parts: tuple[str, ...] = ()) -> list[FileInfo]: ...

    def delete(self, owner: str, parts: tuple[str, ...]) -> bool: ...


class OwnedWorkspaces(Workspaces, Protocol):
    """Workspaces that retention can look after: see ``runtime.retention``. Ages are ms since the epoch."""

    def owners(self) -> Iterator[str]: ...

    def orphans(self, owner: str, before_ms: int) -> tuple[int, int]: ...

    def remove(self, owner: str, before_ms: int) -> tuple[int, int]: ...

    def remove_temporary(self, before_ms: int) -> int: ...


class ThreadedWorkspace:
    """A Workspace in ``workspaces``, made at the first use: most lanes never see a file."""

    def __init__(self, workspaces: Callable[[], Workspaces], limits: WorkspaceLimits | None = None) -> None:
        self._make = workspaces
        self._made: Workspaces | None = None
        self._limits = limits or WorkspaceLimits()

    async def write(self, owner: str, path: str, data: bytes, *, overwrite: bool = True) -> FileInfo:
        parts = path_parts(path)
        if len(data) > self._limits.file_bytes:
            raise above_limit(
                f"the file {path!r}", len(data), self._limits.file_bytes, "FLOWRAY_WORKSPACE_FILE_BYTES sets the limit"
            )
        return await asyncio.to_thread(self._write, owner, parts, data, overwrite)

    async def read(self, owner: str, path: str, *, limit_bytes: int | None = None) -> bytes:
        parts, limit = path_parts(path), self._limits.file_bytes
        limit = limit if limit_bytes is None else min(limit, limit_bytes)
        return await self._in_thread(lambda files: files.read(owner, parts, limit))

    async def stat(self, owner: str, path: str) -> FileInfo | None:
        parts = path_parts(path)
        return await self._in_thread(lambda files: files.stat(owner, parts))

    async def files_in(self, owner: str, folder: str = "") -> list[FileInfo]:
        parts = path_parts(folder) if folder else ()
        return await self._in_thread(lambda files: files.files_in(owner, parts))

    async def delete(self, owner: str, path: str) -> bool:
        parts = path_parts(path)
        return await self._in_thread(lambda files: files.delete(owner, parts))

    def _write(self, owner: str, parts: tuple[str, ...], data: bytes, overwrite: bool) -> FileInfo:
        files, path = self._files(), "/".join(parts)
        others = {file.path: file for file in files.files_in(owner)}
        there = others.pop(path, None)
        self._check(path, data, others)
        try:
            return files.write(owner, parts, data, overwrite=overwrite)
        except FlowrayError as error:
            # The same bytes once more: what is asked for is done already, as after a lost acknowledgement.
            if error.code != ErrorCode.CONFLICT or there is None or there.size != len(data):
                raise
            if files.read(owner, parts, len(data)) != data:
                raise
            return there

    def _check(self, path: str, data: bytes, others: dict[str, FileInfo]) -> None:
        """The limits, and that no file system would take the new file for one of the ``others``."""
        limits, total = self._limits, sum(file.size for file in others.values()) + len(data)
        if total > limits.total_bytes:
            raise above_limit(
                "the workspace of this execution", total, limits.total_bytes,
                "delete what is not needed any more; FLOWRAY_WORKSPACE_BYTES sets the limit",
            )  # fmt: skip
        if len(others) >= limits.files:
            raise FlowrayError(
                ErrorCode.FILE_LIMIT_EXCEEDED, f"the workspace of this execution has {len(others)} files already",
                details={"files": len(others), "limit": limits.files}, hint="delete what is not needed any more",
            )  # fmt: skip
        new, folders = fold(path), {fold(path[:at]): path[:at] for at in _slashes(path)}
        for other in others:
            if fold(other) in folders or any(fold(other[:at]) == new for at in _slashes(other)):
                raise no_plain_file(path)
            if fold(other) == new or any(
                folders.get(fold(other[:at]), other[:at]) != other[:at] for at in _slashes(other)
            ):
                raise FlowrayError(
                    ErrorCode.CONFLICT, f"{path!r} and the file {other!r} differ in case only",
                    hint="on some systems both names mean one file; choose another",
                )  # fmt: skip

    def _files(self) -> Workspaces:
        if self._made is None:
            self._made = self._make()
        return self._made

    async def _in_thread(self, call: Callable[[Workspaces], _T]) -> _T:
        return await asyncio.to_thread(lambda: call(self._files()))


def _slashes(path: str) -> list[int]:
    return [at for at, letter in enumerate(path) if letter == "/"]
