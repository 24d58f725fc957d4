"""The files of an execution, as handlers see them: by relative path, shared with all that it calls. Not where they lie.

A workspace is no cache: what was written is durable before ``write`` returns, and goes with its execution (retention).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn, Protocol

from flowray.errors import ErrorCode, FlowrayError

MIB = 1024 * 1024


@dataclass(frozen=True)
class FileInfo:
    """A file of a workspace. ``size`` in bytes; ``modified_at`` in ms since the epoch, UTC."""

    path: str
    size: int
    modified_at: int


@dataclass(frozen=True)
class WorkspaceLimits:
    """Bounds of one workspace. Writers that come at the same moment may pass the sums by what they write then."""

    file_bytes: int = 64 * MIB
    total_bytes: int = 1024 * MIB
    files: int = 10_000


class Workspace(Protocol):
    """Files by ``owner``, the execution or the first caller of its family (``NodeInput.files_of``), and relative path.

    Safe to repeat and to call concurrently: a reader sees a file whole, as it was before or after a write. All raise
    FORBIDDEN or INVALID_NODE_CONFIG for a path (``workspace_paths``) or a place that is no file, and
    DATABASE_UNAVAILABLE while the store fails.
    """

    async def write(self, owner: str, path: str, data: bytes, *, overwrite: bool = True) -> FileInfo:
        """Keep ``data``. Raises CONFLICT if another file is there and may not be overwritten, or one whose path differs
        in case only; FILE_LIMIT_EXCEEDED above a limit.
        """
        ...

    async def read(self, owner: str, path: str, *, limit_bytes: int | None = None) -> bytes:
        """Raises NOT_FOUND, and FILE_LIMIT_EXCEEDED for a file above ``limit_bytes``."""
        ...

    async def stat(self, owner: str, path: str) -> FileInfo | None:
        """None if there is no such file."""
        ...

    async def files_in(self, owner: str, folder: str = "") -> list[FileInfo]:
        """All files of a folder and the folders in it, by path; none where there is no such folder."""
        ...

    async def delete(self, owner: str, path: str) -> bool:
        """Whether there was such a file."""
        ...


class ReadRoots(Protocol):
    """Folders of the machine that the operator lets workflows read."""

    async def read(self, path: str, *, limit_bytes: int | None = None) -> bytes | None:
        """The file at an absolute path; None if it is in none of the folders.

        Raises NOT_FOUND, FORBIDDEN for what is no plain file or leads out of its folder, and FILE_LIMIT_EXCEEDED.
        """
        ...


class NoReadRoots:
    """Nothing outside of the workspace may be read."""

    async def read(self, path: str, *, limit_bytes: int | None = None) -> bytes | None:
        return None


class NoWorkspace:
    """Of a lane that was given none."""

    async def write(self, owner: str, path: str, data: bytes, *, overwrite: bool = True) -> FileInfo:
        self._refuse()

    async def read(self, owner: str, path: str, *, limit_bytes: int | None = None) -> bytes:
        self._refuse()

    async def stat(self, owner: str, path: str) -> FileInfo | None:
        self._refuse()

    async def files_in(self, owner: str, folder: str = "") -> list[FileInfo]:
        self._refuse()

    async def delete(self, owner: str, path: str) -> bool:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise FlowrayError(
            ErrorCode.CONFIGURATION, "this lane has no place for files",
            hint="set FLOWRAY_WORKSPACE_DIR to a folder that every machine of the cluster reaches, or "
            "FLOWRAY_WORKSPACE_URL to an object store such as s3://bucket/prefix",
        )  # fmt: skip


def missing_file(path: str) -> FlowrayError:
    """What is raised for a file that is not there."""
    return FlowrayError(
        ErrorCode.NOT_FOUND, f"there is no file {path[:200]!r} in the workspace of this execution",
        hint="write or download it in a node before this one",
    )  # fmt: skip


def file_exists(path: str) -> FlowrayError:
    """What is raised for a file that is there and may not be overwritten."""
    return FlowrayError(
        ErrorCode.CONFLICT, f"there is a file {path[:200]!r} already", hint="write with overwrite, or another name"
    )


def no_plain_file(path: str) -> FlowrayError:
    """What is raised for links, folders, pipes and devices in the place of a file."""
    return FlowrayError(ErrorCode.FORBIDDEN, f"{path[:200]!r} is no plain file, or lies behind a link")


def above_limit(what: str, size: int, limit: int, hint: str) -> FlowrayError:
    """A limit of files, in bytes, that was passed."""
    return FlowrayError(
        ErrorCode.FILE_LIMIT_EXCEEDED, f"{what} has {size} bytes; the limit is {limit} bytes ({limit / MIB:g} MiB)",
        details={"bytes": size, "limit": limit}, hint=hint,
    )  # fmt: skip
