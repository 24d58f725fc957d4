"""A workspace in memory, for unit tests of nodes that use files."""

from __future__ import annotations

from collections.abc import Mapping

from flowray.handlers.workspace import FileInfo, above_limit, file_exists, missing_file
from flowray.handlers.workspace_paths import path_parts


class MemoryWorkspace:
    """``files`` maps ``(owner, path)`` to bytes; every file was written at 0."""

    def __init__(self, given: Mapping[str, bytes] | None = None, owner: str = "e1") -> None:
        self.files = {(owner, path): data for path, data in (given or {}).items()}

    async def write(self, owner: str, path: str, data: bytes, *, overwrite: bool = True) -> FileInfo:
        key = owner, "/".join(path_parts(path))
        if not overwrite and self.files.get(key, data) != data:
            raise file_exists(path)
        self.files[key] = data
        return FileInfo(key[1], len(data), 0)

    async def read(self, owner: str, path: str, *, limit_bytes: int | None = None) -> bytes:
        key = owner, "/".join(path_parts(path))
        if key not in self.files:
            raise missing_file(path)
        data = self.files[key]
        if limit_bytes is not None and len(data) > limit_bytes:
            raise above_limit(f"the file {path!r}", len(data), limit_bytes, "")
        return data

    async def stat(self, owner: str, path: str) -> FileInfo | None:
        found = self.files.get((owner, "/".join(path_parts(path))))
        return None if found is None else FileInfo(path, len(found), 0)

    async def files_in(self, owner: str, folder: str = "") -> list[FileInfo]:
        prefix = "/".join(path_parts(folder)) + "/" if folder else ""
        found = sorted(path for whose, path in self.files if whose == owner and path.startswith(prefix))
        return [FileInfo(path, len(self.files[owner, path]), 0) for path in found]

    async def delete(self, owner: str, path: str) -> bool:
        return self.files.pop((owner, "/".join(path_parts(path))), None) is not None
