"""Folders of the machine that the operator lets workflows read (``FLOWRAY_READ_ROOTS``). Nothing is written there."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.providers.workspaces.directory import read_plain
from flowray.handlers.workspace import MIB, missing_file, no_plain_file

LIMIT_BYTES = 64 * MIB

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class FolderReadRoots:
    """A root itself may be a link, which is the operator's; nothing below it is read through one."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = [root.absolute() for root in roots]

    async def read(self, path: str, *, limit_bytes: int | None = None) -> bytes | None:
        root = self._root_of(path)
        if root is None:
            return None
        limit = LIMIT_BYTES if limit_bytes is None else min(limit_bytes, LIMIT_BYTES)
        return await asyncio.to_thread(self._read, root, Path(path), limit)

    def _root_of(self, path: str) -> Path | None:
        if not path.startswith("/") or "\0" in path:
            return None
        parts = Path(path).parts
        # The longest: a root in a root may be a link, which only its own operator's word makes passable.
        inside = [
            root for root in self._roots if parts[: len(root.parts)] == root.parts and len(parts) > len(root.parts)
        ]
        return max(inside, key=lambda root: len(root.parts), default=None)

    def _read(self, root: Path, path: Path, limit: int) -> bytes:
        names = path.relative_to(root).parts
        if ".." in names:
            raise FlowrayError(ErrorCode.FORBIDDEN, f"the path {str(path)[:200]!r} leads out of its folder")
        try:
            with _opened(root, names[:-1]) as folder:
                return read_plain(os.open(names[-1], _FILE, dir_fd=folder), str(path), limit)
        except FileNotFoundError as error:
            raise missing_file(str(path)) from error
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.EISDIR):
                raise no_plain_file(str(path)) from error
            raise FlowrayError(
                ErrorCode.NOT_FOUND, f"the file {str(path)[:200]!r} cannot be read: {error.strerror}"
            ) from error


@contextlib.contextmanager
def _opened(root: Path, names: Sequence[str]) -> Iterator[int]:
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            inner = os.open(name, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)
