"""Workspaces as folders of a directory: of one machine, or on a file system that all machines share.

Every step of a path is opened relative to the one before and never through a link, so nothing that changes meanwhile
leads out. Checks no limits: see ``threaded``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.providers.workspaces.owners import folder_of, is_folder
from flowray.handlers.workspace import FileInfo, above_limit, file_exists, missing_file, no_plain_file
from flowray.handlers.workspace_paths import TEMPORARY

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_NOT_PLAIN = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO})
"""What the kernel says of links, and of files where folders are expected, and the reverse."""


class Removed(NamedTuple):
    """So many files with so many bytes."""

    blobs: int
    bytes: int


class DirectoryWorkspaces:
    """``<root>/<owner>/<path>``. Synchronous and thread-safe. Paths come as their parts, checked by ``path_parts``."""

    def __init__(self, root: Path | str) -> None:
        self._root = Path(root)

    def write(self, owner: str, parts: tuple[str, ...], data: bytes, *, overwrite: bool) -> FileInfo:
        path = "/".join(parts)
        with self._failing(path), self._folder(owner, parts[:-1], make=True) as folder:
            _refuse_other_kind(folder, parts[-1], path)
            aside = f"{TEMPORARY}{uuid.uuid4().hex}"
            try:
                found = _write_aside(folder, aside, data)
                if overwrite:
                    os.replace(aside, parts[-1], src_dir_fd=folder, dst_dir_fd=folder)
                else:
                    os.link(aside, parts[-1], src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(aside, dir_fd=folder)
            os.fsync(folder)
            return FileInfo(path, len(data), _mtime_ms(found))

    def read(self, owner: str, parts: tuple[str, ...], limit_bytes: int) -> bytes:
        path = "/".join(parts)
        with self._failing(path), self._folder(owner, parts[:-1]) as folder:
            return read_plain(os.open(parts[-1], _FILE, dir_fd=folder), path, limit_bytes)

    def stat(self, owner: str, parts: tuple[str, ...]) -> FileInfo | None:
        path = "/".join(parts)
        try:
            with self._failing(path), self._folder(owner, parts[:-1]) as folder:
                found = os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)
        except FlowrayError as error:
            if error.code == ErrorCode.NOT_FOUND:
                return None
            raise
        if not stat.S_ISREG(found.st_mode):
            raise no_plain_file(path)
        return FileInfo(path, found.st_size, _mtime_ms(found))

    def files_in(self, owner: str, parts: tuple[str, ...] = ()) -> list[FileInfo]:
        try:
            with self._failing("/".join(parts)), self._folder(owner, parts) as folder:
                return sorted(_walk(folder, "".join(f"{part}/" for part in parts)), key=lambda file: file.path)
        except FlowrayError as error:
            if error.code == ErrorCode.NOT_FOUND:
                return []
            raise

    def delete(self, owner: str, parts: tuple[str, ...]) -> bool:
        path = "/".join(parts)
        if self.stat(owner, parts) is None:
            return False
        with self._failing(path), self._folder(owner, parts[:-1]) as folder:
            try:
                os.unlink(parts[-1], dir_fd=folder)
            except FileNotFoundError:
                return False
            os.fsync(folder)
        return True

    # -- retention ------------------------------------------------------------------------------------------------

    def owners(self) -> Iterator[str]:
        """All that have a workspace here."""
        if self._root.is_dir():
            with os.scandir(self._root) as entries:
                yield from (entry.name for entry in entries if entry.is_dir(follow_symlinks=False))

    def orphans(self, owner: str, before_ms: int) -> Removed:
        """What ``remove`` would remove: all of it, or nothing if anything is as young as ``before_ms``."""
        files = self._all(owner)
        if not is_folder(owner) or any(file.modified_at >= before_ms for file in files):
            return Removed(0, 0)
        return Removed(len(files), sum(file.size for file in files))

    def remove(self, owner: str, before_ms: int) -> Removed:
        """Remove a workspace in which everything is older than ``before_ms``, in ms since the epoch."""
        removed = self.orphans(owner, before_ms)
        if removed.blobs or not self._all(owner):
            with contextlib.suppress(FileNotFoundError), self._folder(owner, ()) as folder:
                if _mtime_ms(os.fstat(folder)) < before_ms or removed.blobs:
                    _remove_all(folder)
                    os.rmdir(self._root / folder_of(owner))
        return removed

    def remove_temporary(self, before_ms: int) -> int:
        """Remove what writers left half written before ``before_ms``; returns how many."""
        count = 0
        for owner in self.owners():
            with contextlib.suppress(FileNotFoundError), self._folder(owner, ()) as top:
                for _, _, names, folder in os.fwalk(".", dir_fd=top, follow_symlinks=False):
                    for name in names:
                        if name.startswith(TEMPORARY) and _is_older(folder, name, before_ms):
                            os.unlink(name, dir_fd=folder)
                            count += 1
        return count

    # -- parts ----------------------------------------------------------------------------------------------------

    def _all(self, owner: str) -> list[FileInfo]:
        return self.files_in(owner) if is_folder(owner) else []

    @contextlib.contextmanager
    def _folder(self, owner: str, parts: tuple[str, ...], *, make: bool = False) -> Iterator[int]:
        """A descriptor of the folder, opened step by step from the root, which is the operator's and may be a link."""
        if make:
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in (folder_of(owner), *parts):
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, 0o700, dir_fd=folder)
                        os.fsync(folder)
                inner = os.open(part, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)

    @contextlib.contextmanager
    def _failing(self, path: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise missing_file(path) from error
        except FileExistsError as error:
            raise file_exists(path) from error
        except OSError as error:
            if error.errno in _NOT_PLAIN:
                raise no_plain_file(path) from error
            raise FlowrayError(
                ErrorCode.DATABASE_UNAVAILABLE, f"the folder of the workspace failed at {path!r}: {error.strerror}",
                retryable=True,
            ) from error  # fmt: skip


def read_plain(handle: int, path: str, limit_bytes: int) -> bytes:
    """All of an open file, which is closed. Raises FORBIDDEN for what is no plain one, FILE_LIMIT_EXCEEDED for more."""
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise no_plain_file(path)
        data = file.read(limit_bytes + 1)
        if len(data) > limit_bytes:
            size = max(os.fstat(handle).st_size, len(data))
            raise above_limit(f"the file {path!r}", size, limit_bytes, "raise the node's maxSize, or read a part")
        return data


def _write_aside(folder: int, name: str, data: bytes) -> os.stat_result:
    with os.fdopen(os.open(name, _NEW, 0o600, dir_fd=folder), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        return os.fstat(file.fileno())


def _refuse_other_kind(folder: int, name: str, path: str) -> None:
    """A link would be replaced, a folder would fail less clearly: neither is what the author means."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise no_plain_file(path)


def _walk(folder: int, prefix: str) -> Iterator[FileInfo]:
    for inside, _, names, inner in os.fwalk(".", dir_fd=folder, follow_symlinks=False):
        below = "" if inside == "." else inside.removeprefix("./") + "/"
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                found = os.stat(name, dir_fd=inner, follow_symlinks=False)
                if stat.S_ISREG(found.st_mode) and not name.startswith(TEMPORARY):
                    yield FileInfo(f"{prefix}{below}{name}", found.st_size, _mtime_ms(found))


def _remove_all(folder: int) -> None:
    """Everything in an open folder. Links go as links: what they lead to stays."""
    for _, folders, names, inner in os.fwalk(".", dir_fd=folder, topdown=False, follow_symlinks=False):
        for name in (*names, *folders):
            with contextlib.suppress(FileNotFoundError):
                if stat.S_ISDIR(os.stat(name, dir_fd=inner, follow_symlinks=False).st_mode):
                    os.rmdir(name, dir_fd=inner)
                else:
                    os.unlink(name, dir_fd=inner)


def _is_older(folder: int, name: str, before_ms: int) -> bool:
    try:
        return _mtime_ms(os.stat(name, dir_fd=folder, follow_symlinks=False)) < before_ms
    except FileNotFoundError:
        return False


def _mtime_ms(found: os.stat_result) -> int:
    return found.st_mtime_ns // 1_000_000
