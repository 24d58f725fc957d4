"""Workspaces under a URL of fsspec: an object store that all machines reach, or memory in tests.

A local directory has an implementation of its own, which follows no links: see ``directory``.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import fsspec  # type: ignore[import-untyped]

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.providers.workspaces.directory import Removed
from flowray.handlers.providers.workspaces.owners import folder_of, is_folder
from flowray.handlers.workspace import FileInfo, above_limit, file_exists, missing_file, no_plain_file
from flowray.handlers.workspace_paths import TEMPORARY

_OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory"})
"""Where a put is atomic by itself; elsewhere a file is written aside and moved."""

_AGES = ("LastModified", "last_modified", "mtime", "updated", "created")


class FsspecWorkspaces:
    """``<url>/<owner>/<path>``. Raises CONFIGURATION or MISSING_EXTRA for a URL that cannot be used.

    Not overwriting is checked, then done: of two that write one new file at the same moment, both succeed.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        try:
            self._fs, root = fsspec.core.url_to_fs(url)
        except ImportError as error:
            raise FlowrayError(
                ErrorCode.MISSING_EXTRA, f"the workspaces at {url!r} need a package: {error}",
                hint="install the fsspec implementation that it names",
            ) from error  # fmt: skip
        except ValueError as error:
            raise FlowrayError(ErrorCode.CONFIGURATION, f"no workspaces at {url!r}: {error}") from error
        self._root = root.rstrip("/")
        self._is_object_store = url.partition("://")[0] in _OBJECT_STORES

    def write(self, owner: str, parts: tuple[str, ...], data: bytes, *, overwrite: bool) -> FileInfo:
        path, key = "/".join(parts), self._key(owner, parts)
        with self._answering(path):
            if self._fs.isdir(key):
                raise no_plain_file(path)
            if not overwrite and self._fs.exists(key):
                raise file_exists(path)
            if self._is_object_store:
                self._fs.pipe_file(key, data)
            else:
                folder = key.rpartition("/")[0]
                self._fs.makedirs(folder, exist_ok=True)
                aside = f"{folder}/{TEMPORARY}{uuid.uuid4().hex}"
                self._fs.pipe_file(aside, data)
                self._fs.mv(aside, key)
        return FileInfo(path, len(data), time.time_ns() // 1_000_000)

    def read(self, owner: str, parts: tuple[str, ...], limit_bytes: int) -> bytes:
        path = "/".join(parts)
        found = self.stat(owner, parts)
        if found is None:
            raise missing_file(path)
        if found.size > limit_bytes:
            raise above_limit(f"the file {path!r}", found.size, limit_bytes, "raise the node's maxSize, or read a part")
        with self._answering(path):
            data: bytes = self._fs.cat_file(self._key(owner, parts))
        return data

    def stat(self, owner: str, parts: tuple[str, ...]) -> FileInfo | None:
        path = "/".join(parts)
        try:
            with self._answering(path):
                found = self._fs.info(self._key(owner, parts), refresh=True)
        except FlowrayError as error:
            if error.code == ErrorCode.NOT_FOUND:
                return None
            raise
        if found["type"] != "file":
            raise no_plain_file(path)
        return FileInfo(path, found["size"] or 0, _age(found))

    def files_in(self, owner: str, parts: tuple[str, ...] = ()) -> list[FileInfo]:
        top, base = self._key(owner, parts), len(self._key(owner, ())) + 1
        found = self._found(top)
        return sorted(
            (
                FileInfo(name[base:], entry["size"] or 0, _age(entry))
                for name, entry in found.items()
                if entry["type"] == "file" and not name.rpartition("/")[2].startswith(TEMPORARY)
            ),
            key=lambda file: file.path,
        )

    def delete(self, owner: str, parts: tuple[str, ...]) -> bool:
        if self.stat(owner, parts) is None:
            return False
        with contextlib.suppress(FileNotFoundError), self._answering("/".join(parts)):
            self._fs.rm_file(self._key(owner, parts))
        return True

    # -- retention ------------------------------------------------------------------------------------------------

    def owners(self) -> Iterator[str]:
        """All that have a workspace here."""
        try:
            entries = self._fs.ls(self._root, detail=True, refresh=True)
        except FileNotFoundError:
            return
        yield from (entry["name"].rstrip("/").rpartition("/")[2] for entry in entries if entry["type"] == "directory")

    def orphans(self, owner: str, before_ms: int) -> Removed:
        """What ``remove`` would remove: all of it, or nothing if anything is as young as ``before_ms``."""
        files = self.files_in(owner) if is_folder(owner) else []
        if any(file.modified_at >= before_ms for file in files):
            return Removed(0, 0)
        return Removed(len(files), sum(file.size for file in files))

    def remove(self, owner: str, before_ms: int) -> Removed:
        """Remove a workspace in which everything is older than ``before_ms``, in ms since the epoch."""
        removed = self.orphans(owner, before_ms)
        if removed.blobs:
            with contextlib.suppress(FileNotFoundError), self._answering(owner):
                self._fs.rm(self._key(owner, ()), recursive=True)
        return removed

    def remove_temporary(self, before_ms: int) -> int:
        """Remove what writers left half written before ``before_ms``; returns how many."""
        if self._is_object_store:
            return 0
        old = [
            name
            for owner in self.owners()
            for name, entry in self._found(self._key(owner, ())).items()
            if name.rpartition("/")[2].startswith(TEMPORARY) and _age(entry) < before_ms
        ]
        for name in old:
            with contextlib.suppress(FileNotFoundError):
                self._fs.rm_file(name)
        return len(old)

    # -- parts ----------------------------------------------------------------------------------------------------

    def _key(self, owner: str, parts: tuple[str, ...]) -> str:
        return "/".join((self._root, folder_of(owner), *parts))

    def _found(self, top: str) -> dict[str, dict[str, Any]]:
        try:
            with self._answering(top):
                found: dict[str, dict[str, Any]] = self._fs.find(top, detail=True, refresh=True)
        except FlowrayError as error:
            if error.code == ErrorCode.NOT_FOUND:
                return {}
            raise
        return found

    @contextlib.contextmanager
    def _answering(self, path: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise missing_file(path) from error
        except OSError as error:
            raise FlowrayError(
                ErrorCode.DATABASE_UNAVAILABLE, f"the workspaces at {self._url} failed: {error}", retryable=True
            ) from error


def _age(entry: dict[str, Any]) -> int:
    """When it was put, ms since the epoch; far ahead where a store does not say, so that nothing is removed there."""
    for name in _AGES:
        found = entry.get(name)
        if isinstance(found, datetime):
            return round(found.timestamp() * 1_000)
        if isinstance(found, int | float):
            return round(found * 1_000)
        if isinstance(found, str):
            return round(datetime.fromisoformat(found).timestamp() * 1_000)
    return 2**62
