"""Large values in whatever fsspec reaches: an object store for several machines, or memory in tests.

A local directory has a store of its own, which syncs to disk: see ``payloads.directory``.
"""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import fsspec  # type: ignore[import-untyped]

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.payloads.ids import owner_of, payload_id
from flowray.persistence.payloads.store import Removed

_OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory"})
"""Where a put is atomic and durable by itself; elsewhere a blob is written aside and moved to its name."""

_TEMPORARY = ".new-"


class FsspecPayloads:
    """A PayloadStore under a URL: ``<url>/<execution>/<sha-256>``. Also PayloadFiles.

    The credentials are those that the file system finds by itself, in its environment. Raises FlowrayError
    CONFIGURATION for a URL that cannot be used, MISSING_EXTRA if its file system is not installed, and
    DATABASE_UNAVAILABLE while it does not answer.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        try:
            self._fs, self._root = fsspec.core.url_to_fs(url)
        except ImportError as error:
            raise FlowrayError(
                ErrorCode.MISSING_EXTRA, f"the payload store {url!r} needs a package: {error}",
                hint="install the fsspec implementation that it names",
            ) from error  # fmt: skip
        except ValueError as error:
            raise FlowrayError(ErrorCode.CONFIGURATION, f"no payload store at {url!r}: {error}") from error
        self._root = self._root.rstrip("/")
        self._is_object_store = url.partition("://")[0] in _OBJECT_STORES

    def put(self, execution_id: str, key: str, data: bytes) -> str:
        put_id = payload_id(execution_id, data)
        path = self._path(put_id)
        with self._answering(f"could not keep a payload of {len(data)} bytes"):
            # Written again if it is there: that makes it young, and no two stores agree on how to touch a blob.
            if self._is_object_store:
                self._fs.pipe_file(path, data)
            else:
                self._write_aside(path, data)
        return put_id

    def get(self, payload_id: str) -> bytes:
        path = self._path(payload_id)
        try:
            with self._answering(f"could not read the payload {payload_id[:200]!r}"):
                data: bytes = self._fs.cat_file(path)
        except FileNotFoundError as error:
            raise _missing(payload_id) from error
        # Not every file system moves whole files: half a blob must not be taken for one.
        if hashlib.sha256(data).hexdigest() != path.rpartition("/")[2]:
            raise _missing(payload_id)
        return data

    # -- PayloadFiles ---------------------------------------------------------------------------------------------

    def owners(self) -> Iterator[str]:
        for entry in self._listed(self._root):
            if entry["type"] == "directory":
                yield _name(entry)

    def bytes_of(self, owner: str) -> int:
        return sum(entry["size"] or 0 for entry in self._blobs(owner))

    def orphans(self, owner: str, before_ms: int) -> Removed:
        return _sum_of(self._old(owner, before_ms))

    def remove(self, owner: str, before_ms: int) -> Removed:
        removed = self._drop_all(self._old(owner, before_ms))
        with contextlib.suppress(OSError, NotImplementedError):  # not empty, or no folders there
            self._fs.rmdir(f"{self._root}/{owner}")
        return removed

    def stored(self, owner: str, before_ms: int) -> dict[str, int]:
        return {f"{owner}.{_name(entry)}": entry["size"] or 0 for entry in self._old(owner, before_ms)}

    def drop(self, payload_ids: Collection[str], before_ms: int) -> Removed:
        return self._drop_all(
            entry
            for owner in set(map(owner_of, payload_ids))
            for entry in self._old(owner, before_ms)
            if f"{owner}.{_name(entry)}" in payload_ids
        )

    def remove_temporary(self, before_ms: int) -> int:
        if self._is_object_store:
            return 0
        entries = [entry for owner in self.owners() for entry in self._listed(f"{self._root}/{owner}")]
        old = [e for e in entries if _name(e).startswith(_TEMPORARY) and self._age(e) < before_ms]
        for entry in old:
            self._drop(entry)
        return len(old)

    # -- parts ----------------------------------------------------------------------------------------------------

    def _blobs(self, owner: str) -> list[dict[str, Any]]:
        entries = self._listed(f"{self._root}/{owner}")
        return [entry for entry in entries if owner_of(f"{owner}.{_name(entry)}") == owner]

    def _old(self, owner: str, before_ms: int) -> list[dict[str, Any]]:
        return [entry for entry in self._blobs(owner) if self._age(entry) < before_ms]

    def _drop_all(self, entries: Iterable[dict[str, Any]]) -> Removed:
        dropped = list(entries)
        for entry in dropped:
            self._drop(entry)
        return _sum_of(dropped)

    def _listed(self, path: str) -> list[dict[str, Any]]:
        try:
            with self._answering(f"could not list {path}"):
                listed: list[dict[str, Any]] = self._fs.ls(path, detail=True, refresh=True)
        except FileNotFoundError:
            return []
        return listed

    def _age(self, entry: dict[str, Any]) -> int:
        """When it was put, ms since the epoch; now for a store that does not say, so that nothing is removed there."""
        for name in ("LastModified", "last_modified", "mtime", "updated", "created"):
            found = entry.get(name)
            if isinstance(found, datetime):
                return round(found.timestamp() * 1_000)
            if isinstance(found, int | float):
                return round(found * 1_000)
            if isinstance(found, str):
                return round(datetime.fromisoformat(found).timestamp() * 1_000)
        return 2**62

    def _drop(self, entry: dict[str, Any]) -> None:
        with contextlib.suppress(FileNotFoundError), self._answering(f"could not remove {entry['name']}"):
            self._fs.rm_file(entry["name"])

    def _write_aside(self, path: str, data: bytes) -> None:
        folder = path.rpartition("/")[0]
        self._fs.makedirs(folder, exist_ok=True)
        aside = f"{folder}/{_TEMPORARY}{uuid.uuid4().hex}"
        self._fs.pipe_file(aside, data)
        self._fs.mv(aside, path)

    def _path(self, wanted: str) -> str:
        owner = owner_of(wanted)
        if not owner:
            raise _missing(wanted)  # also whatever would lead elsewhere
        return f"{self._root}/{owner}/{wanted.rpartition('.')[2]}"

    @contextlib.contextmanager
    def _answering(self, problem: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise FlowrayError(
                ErrorCode.DATABASE_UNAVAILABLE, f"{problem} in {self._url}: {error}", retryable=True
            ) from error


def _name(entry: dict[str, Any]) -> str:
    return str(entry["name"]).rstrip("/").rpartition("/")[2]


def _sum_of(entries: Sequence[dict[str, Any]]) -> Removed:
    return Removed(len(entries), sum(entry["size"] or 0 for entry in entries))


def _missing(wanted: str) -> FlowrayError:
    return FlowrayError(
        ErrorCode.PAYLOAD_MISSING, f"there is no payload {wanted[:200]!r}", hint="it was removed by retention"
    )
