"""What every workspace does, on a directory and on an object store: the same answers, limits and refusals."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.providers.workspaces.directory import DirectoryWorkspaces
from flowray.handlers.providers.workspaces.object_store import FsspecWorkspaces
from flowray.handlers.providers.workspaces.threaded import OwnedWorkspaces, ThreadedWorkspace
from flowray.handlers.workspace import Workspace, WorkspaceLimits
from tests.fakes.workspace import MemoryWorkspace

Make = Callable[[WorkspaceLimits | None], ThreadedWorkspace]


@pytest.fixture(params=["directory", "object store", "file system of fsspec"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> OwnedWorkspaces:
    if request.param == "directory":
        return DirectoryWorkspaces(tmp_path / "workspaces")
    if request.param == "object store":
        return FsspecWorkspaces(f"memory://w{uuid.uuid4().hex}")
    return FsspecWorkspaces(f"local://{tmp_path}/workspaces")


@pytest.fixture
def make(store: OwnedWorkspaces) -> Make:
    return lambda limits: ThreadedWorkspace(lambda: store, limits)


@pytest.fixture
def workspace(make: Make) -> ThreadedWorkspace:
    return make(None)


async def code_of(call: object) -> str:
    with pytest.raises(FlowrayError) as raised:
        await call  # type: ignore[misc]
    return str(raised.value.code)


async def _plays(workspace: Workspace) -> None:
    written = await workspace.write("e1", "out/a.txt", b"one")
    assert (written.path, written.size) == ("out/a.txt", 3)
    assert await workspace.read("e1", "out/a.txt") == b"one"
    await workspace.write("e1", "b.bin", b"\0" * 10)
    assert [(file.path, file.size) for file in await workspace.files_in("e1")] == [("b.bin", 10), ("out/a.txt", 3)]
    assert [file.path for file in await workspace.files_in("e1", "out")] == ["out/a.txt"]
    assert await workspace.files_in("e1", "nowhere") == []
    assert await workspace.files_in("e2") == []
    assert await workspace.stat("e2", "out/a.txt") is None
    found = await workspace.stat("e1", "out/a.txt")
    assert found is not None
    assert found.size == 3
    assert await code_of(workspace.read("e2", "out/a.txt")) == ErrorCode.NOT_FOUND
    assert await code_of(workspace.read("e1", "b.bin", limit_bytes=9)) == ErrorCode.FILE_LIMIT_EXCEEDED
    assert await workspace.read("e1", "b.bin", limit_bytes=10) == b"\0" * 10
    await workspace.write("e1", "out/a.txt", b"two")
    assert await code_of(workspace.write("e1", "out/a.txt", b"three", overwrite=False)) == ErrorCode.CONFLICT
    assert await workspace.read("e1", "out/a.txt") == b"two"
    assert (await workspace.write("e1", "out/a.txt", b"two", overwrite=False)).size == 3  # safe to repeat
    assert await workspace.delete("e1", "out/a.txt") is True
    assert await workspace.delete("e1", "out/a.txt") is False
    assert [file.path for file in await workspace.files_in("e1")] == ["b.bin"]


async def test_what_is_written_is_read(workspace: ThreadedWorkspace) -> None:
    await _plays(workspace)


async def test_the_fake_of_the_unit_tests_does_the_same() -> None:
    await _plays(MemoryWorkspace())


async def test_no_path_leads_out(workspace: ThreadedWorkspace) -> None:
    await workspace.write("e1", "secret", b"s")
    for path in ("../e1/secret", "/etc/passwd", "a/../../e1/secret", "..\\e1\\secret", "C:\\a"):
        codes = {
            await code_of(workspace.write("e2", path, b"")), await code_of(workspace.read("e2", path)),
            await code_of(workspace.stat("e2", path)), await code_of(workspace.files_in("e2", path)),
            await code_of(workspace.delete("e2", path)),
        }  # fmt: skip
        assert codes <= {ErrorCode.FORBIDDEN, ErrorCode.INVALID_NODE_CONFIG}, path
    # An id that is no file name is hashed, never a way elsewhere.
    await workspace.write("../e1", "mine", b"")
    assert [file.path for file in await workspace.files_in("e1")] == ["secret"]


async def test_limits_are_named(make: Make) -> None:
    workspace = make(WorkspaceLimits(file_bytes=5, total_bytes=8, files=2))
    assert await code_of(workspace.write("e", "a", b"123456")) == ErrorCode.FILE_LIMIT_EXCEEDED
    await workspace.write("e", "a", b"12345")
    assert await code_of(workspace.write("e", "b", b"1234")) == ErrorCode.FILE_LIMIT_EXCEEDED
    await workspace.write("e", "a", b"54321")  # instead of what was there, not beside it
    await workspace.write("e", "b", b"123")
    assert await code_of(workspace.write("e", "c", b"")) == ErrorCode.FILE_LIMIT_EXCEEDED
    await workspace.write("other", "c", b"12345")


async def test_one_name_is_one_file_on_every_system(workspace: ThreadedWorkspace) -> None:
    await workspace.write("e", "Docs/A.txt", b"")
    await workspace.write("e", "Docs/b.txt", b"")
    for path in ("Docs/a.TXT", "docs/A.txt", "docs/c.txt"):
        assert await code_of(workspace.write("e", path, b"")) == ErrorCode.CONFLICT, path
    for path in ("Docs", "Docs/A.txt/c", "docs/a.txt/c"):
        assert await code_of(workspace.write("e", path, b"")) == ErrorCode.FORBIDDEN, path
    assert await code_of(workspace.read("e", "Docs")) == ErrorCode.FORBIDDEN
    assert await code_of(workspace.stat("e", "Docs")) == ErrorCode.FORBIDDEN


async def test_retention_removes_a_workspace_once_all_of_it_is_old(
    workspace: ThreadedWorkspace, store: OwnedWorkspaces
) -> None:
    await workspace.write("e1", "a/b.txt", b"12")
    await workspace.write("e2", "c.txt", b"3")
    assert sorted(store.owners()) == ["e1", "e2"]
    young, old = 0, 2**60
    assert tuple(store.orphans("e1", young)) == tuple(store.remove("e1", young)) == (0, 0)
    assert tuple(store.orphans("e1", old)) == tuple(store.remove("e1", old)) == (1, 2)
    assert sorted(store.owners()) == ["e2"]
    assert tuple(store.remove("nobody", old)) == (0, 0)
    assert store.remove_temporary(old) == 0
    assert await workspace.read("e2", "c.txt") == b"3"


async def test_nothing_is_opened_before_a_file_is_used() -> None:
    def fails() -> OwnedWorkspaces:
        raise AssertionError("opened")

    workspace = ThreadedWorkspace(fails)
    assert await code_of(workspace.read("e", "../a")) == ErrorCode.FORBIDDEN
    with pytest.raises(AssertionError, match="opened"):
        await workspace.read("e", "a")
