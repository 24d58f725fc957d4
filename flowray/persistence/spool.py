"""Blobs by id while their owner lives: the first in memory, the rest in a file without a name. Never durable."""

from __future__ import annotations

import os
import tempfile
import weakref

from flowray.errors import ErrorCode, FlowrayError
from flowray.values import exactly

NEAR_BYTES = 16 * 1024 * 1024
"""Kept in memory before a file is opened at all: what small executions have fits, and costs no file."""


class Spool:
    """Not thread-safe: its owner has a lock. The file vanishes with the object, and with the process if that is killed.

    Raises FlowrayError DATABASE_UNAVAILABLE if the disk is full or fails.
    """

    def __init__(self, near_bytes: int = NEAR_BYTES) -> None:
        self._room = near_bytes
        self._near: dict[str, bytes] = {}
        self._far: dict[str, tuple[int, int]] = {}
        self._file: int | None = None
        self._end = 0

    def put(self, key: str, data: bytes) -> None:
        """Keep a blob. A key that is known keeps what it has."""
        if key in self._near or key in self._far:
            return
        if len(data) <= self._room:
            self._near[key] = exactly(data)
            self._room -= len(data)
            return
        try:
            self._append(data)
        except OSError as error:
            raise FlowrayError(
                ErrorCode.DATABASE_UNAVAILABLE,
                f"could not keep a payload of {len(data)} bytes in {tempfile.gettempdir()}: {error.strerror}",
                hint="TMPDIR names the folder for temporary files",
                retryable=True,
            ) from error
        self._far[key] = (self._end, len(data))
        self._end += len(data)

    def get(self, key: str) -> bytes | None:
        """The blob, or None if it was never put here."""
        found = self._near.get(key)
        if found is not None or key not in self._far or self._file is None:
            return found
        start, length = self._far[key]
        parts: list[bytes] = []
        while length > 0:
            # The kernel may return less than was asked for.
            part = os.pread(self._file, length, start)
            if not part:
                raise FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, f"the file that kept payload {key[:200]!r} was cut")
            parts.append(part)
            start, length = start + len(part), length - len(part)
        return b"".join(parts)

    def sizes(self) -> dict[str, int]:
        """Every blob that is kept, and its bytes."""
        far = {key: size for key, (_, size) in self._far.items()}
        return {key: len(data) for key, data in self._near.items()} | far

    def drop(self, key: str) -> int:
        """Forget a blob; returns its bytes. In the file its place stays taken."""
        if key in self._near:
            size = len(self._near.pop(key))
            self._room += size
            return size
        return self._far.pop(key, (0, 0))[1]

    def _append(self, data: bytes) -> None:
        if self._file is None:
            self._file, path = tempfile.mkstemp(prefix="flowray-")
            weakref.finalize(self, os.close, self._file)
            os.unlink(path)
        start, left = self._end, memoryview(data)
        while left:
            written = os.pwrite(self._file, left, start)
            start, left = start + written, left[written:]
