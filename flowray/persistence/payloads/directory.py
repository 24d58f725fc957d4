"""Large values as files in a directory of one machine.

Not a cache and not a collector: who may forget a blob, and when, is retention's business (R34).
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.payloads.ids import HASH, PAYLOAD_ID, SAFE_NAME, missing_payload, owner_of, payload_id
from flowray.persistence.payloads.store import Removed

_TEMPORARY = ".new-"


class DirectoryPayloads:
    """A PayloadStore in a local directory: ``<root>/<execution>/<sha-256>``. For one machine.

    A blob appears under its name only once it is whole and on disk, so a reader never sees half of one, and a name that
    exists needs no second writing. Raises FlowrayError DATABASE_UNAVAILABLE if the disk is full or fails.
    """

    def __init__(self, root: Path | str) -> None:
        self._root = Path(root)

    def put(self, execution_id: str, key: str, data: bytes) -> str:
        put_id = payload_id(execution_id, data)
        path = self._path(put_id)
        try:
            self._make_folder(path.parent)
            if path.exists():
                os.utime(path)  # Wanted again: it is as young as if it had been written now.
            else:
                _write_whole(path, data)
            # Also if the file was there: whoever renamed it may not have synced the folder yet.
            _sync_folder(path.parent)
        except OSError as error:
            raise FlowrayError(
                ErrorCode.DATABASE_UNAVAILABLE,
                f"could not keep a payload of {len(data)} bytes in {self._root}: {error.strerror}",
                retryable=True,
            ) from error
        return put_id

    def get(self, payload_id: str) -> bytes:
        path = self._path(payload_id)
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise missing_payload(payload_id) from error

    def owners(self) -> Iterator[str]:
        if self._root.is_dir():
            with os.scandir(self._root) as entries:
                yield from (entry.name for entry in entries if entry.is_dir(follow_symlinks=False))

    def bytes_of(self, owner: str) -> int:
        return sum(size for _, size, _ in self._blobs(owner))

    def orphans(self, owner: str, before_ms: int) -> Removed:
        return _sum_of(self._old(owner, before_ms))

    def remove(self, owner: str, before_ms: int) -> Removed:
        removed = _unlink_all(self._old(owner, before_ms))
        with contextlib.suppress(OSError):  # not empty: something young is in it
            (self._root / owner).rmdir()
        return removed

    def stored(self, owner: str, before_ms: int) -> dict[str, int]:
        return {f"{owner}.{path.name}": size for path, size in self._old(owner, before_ms)}

    def drop(self, payload_ids: Collection[str], before_ms: int) -> Removed:
        return _unlink_all(
            [
                (path, size)
                for owner in set(map(owner_of, payload_ids))
                for path, size in self._old(owner, before_ms)
                if f"{owner}.{path.name}" in payload_ids
            ]
        )

    def remove_temporary(self, before_ms: int) -> int:
        count = 0
        for owner in self.owners():
            for path in (self._root / owner).glob(f"{_TEMPORARY}*"):
                with contextlib.suppress(FileNotFoundError):
                    if _mtime_ms(path.stat()) < before_ms:
                        path.unlink()
                        count += 1
        return count

    def _blobs(self, owner: str) -> Iterator[tuple[Path, int, int]]:
        """Path, bytes and age (ms since the epoch) of each blob of an owner."""
        if not SAFE_NAME.fullmatch(owner) or not (self._root / owner).is_dir():
            return
        for path in (self._root / owner).iterdir():
            if HASH.fullmatch(path.name):
                with contextlib.suppress(FileNotFoundError):
                    found = path.stat()
                    yield path, found.st_size, _mtime_ms(found)

    def _old(self, owner: str, before_ms: int) -> list[tuple[Path, int]]:
        return [(path, size) for path, size, ts in self._blobs(owner) if ts < before_ms]

    def _path(self, wanted: str) -> Path:
        match = PAYLOAD_ID.fullmatch(wanted)
        if match is None:
            raise missing_payload(wanted)  # also whatever would lead out of the directory
        return self._root / match[1] / match[2]

    def _make_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            _sync_folder(self._root)


def _unlink_all(blobs: Sequence[tuple[Path, int]]) -> Removed:
    for path, _ in blobs:
        path.unlink(missing_ok=True)
    return _sum_of(blobs)


def _sum_of(blobs: Sequence[tuple[Path, int]]) -> Removed:
    return Removed(len(blobs), sum(size for _, size in blobs))


def _mtime_ms(found: os.stat_result) -> int:
    return found.st_mtime_ns // 1_000_000


def _write_whole(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
