"""Nothing leads out of a workspace: links of every kind, also ones that appear meanwhile; and no half-written files."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.providers.workspaces.directory import DirectoryWorkspaces, read_plain

LIMIT = 1_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"secret")
    (tmp_path / "w" / "e").mkdir(parents=True)
    return tmp_path / "w"


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(FlowrayError) as raised:
        call()
    return str(raised.value.code)


def _everything(files: DirectoryWorkspaces, parts: tuple[str, ...]) -> set[str]:
    return {
        code_of(lambda: files.read("e", parts, LIMIT)), code_of(lambda: files.stat("e", parts)),
        code_of(lambda: files.write("e", parts, b"x", overwrite=True)),
        code_of(lambda: files.write("e", parts, b"x", overwrite=False)), code_of(lambda: files.delete("e", parts)),
    }  # fmt: skip


def test_a_link_is_no_file_and_no_folder(root: Path) -> None:
    files = DirectoryWorkspaces(root)
    (root / "e" / "file").symlink_to("../../outside/secret")
    (root / "e" / "folder").symlink_to("../../outside")
    (root / "e" / "dangling").symlink_to("nowhere")
    (root / "e" / "loop").symlink_to("loop")
    for parts in (("file",), ("folder", "secret"), ("folder", "new"), ("dangling",), ("loop",), ("loop", "a")):
        assert _everything(files, parts) == {ErrorCode.FORBIDDEN}, parts
    assert files.files_in("e") == []
    assert code_of(lambda: files.files_in("e", ("folder",))) == ErrorCode.FORBIDDEN
    assert (root.parent / "outside" / "secret").read_bytes() == b"secret"
    assert os.listdir(root.parent / "outside") == ["secret"]


def test_a_workspace_that_is_a_link_is_none(root: Path) -> None:
    files = DirectoryWorkspaces(root)
    (root / "linked").symlink_to("../outside")
    assert code_of(lambda: files.read("linked", ("secret",), LIMIT)) == ErrorCode.FORBIDDEN
    assert code_of(lambda: files.write("linked", ("a",), b"", overwrite=True)) == ErrorCode.FORBIDDEN
    assert sorted(files.owners()) == ["e"]
    assert (root.parent / "outside" / "secret").exists()


def test_pipes_and_folders_are_refused_without_waiting(root: Path) -> None:
    files = DirectoryWorkspaces(root)
    os.mkfifo(root / "e" / "pipe")
    (root / "e" / "inner").mkdir()
    for parts in (("pipe",), ("inner",)):
        assert _everything(files, parts) == {ErrorCode.FORBIDDEN}, parts
    assert files.files_in("e") == []


def test_a_folder_that_becomes_a_link_meanwhile_leads_nowhere(root: Path) -> None:
    """Another process swaps the folder for a link to the outside, again and again, while files are written and read."""
    files, stopped = DirectoryWorkspaces(root), threading.Event()
    (root / "e" / "d").mkdir()

    def swap() -> None:
        # A writer makes the folder anew where it finds none, so any step may fail; the next round goes on.
        for count in itertools.count():
            if stopped.is_set():
                return
            for step, *paths in (
                (os.rename, root / "e" / "d", root / "e" / f"kept{count}"),
                (os.symlink, "../../outside", root / "e" / "d"),
                (os.unlink, root / "e" / "d"),
            ):
                with contextlib.suppress(OSError):
                    step(*paths)

    swapping = threading.Thread(target=swap)
    swapping.start()
    answers: set[str] = set()
    try:
        for _ in range(300):
            try:
                files.write("e", ("d", "f"), b"mine", overwrite=True)
                assert files.read("e", ("d", "f"), LIMIT) == b"mine"
                answers.add("written")
            except FlowrayError as error:
                answers.add(str(error.code))
            try:
                files.read("e", ("d", "secret"), LIMIT)
            except FlowrayError as error:
                answers.add(str(error.code))
            else:
                raise AssertionError("read through the link")
    finally:
        stopped.set()
        swapping.join()
    assert answers <= {"written", ErrorCode.FORBIDDEN, ErrorCode.NOT_FOUND}
    assert os.listdir(root.parent / "outside") == ["secret"]


def test_removing_a_workspace_leaves_what_its_links_lead_to(root: Path) -> None:
    files = DirectoryWorkspaces(root)
    files.write("e", ("a", "b"), b"1", overwrite=True)
    (root / "e" / "a" / "link").symlink_to("../../../outside")
    (root / "e" / "secret").symlink_to("../../outside/secret")
    assert files.remove("e", 2**60) == (1, 1)
    assert not (root / "e").exists()
    assert (root.parent / "outside" / "secret").read_bytes() == b"secret"


def test_an_empty_workspace_goes_once_it_is_old(root: Path) -> None:
    files = DirectoryWorkspaces(root)
    assert files.remove("e", 0) == (0, 0)
    assert (root / "e").exists()
    assert files.remove("e", 2**60) == (0, 0)
    assert not (root / "e").exists()


def test_files_are_whole_private_and_nothing_is_left_beside_them(root: Path) -> None:
    files = DirectoryWorkspaces(root)
    files.write("e", ("a", "b.txt"), b"1", overwrite=True)
    with pytest.raises(FlowrayError):
        files.write("e", ("a", "b.txt"), b"2", overwrite=False)
    assert os.listdir(root / "e" / "a") == ["b.txt"]
    assert stat.S_IMODE((root / "e" / "a" / "b.txt").stat().st_mode) == 0o600
    assert stat.S_IMODE((root / "e" / "a").stat().st_mode) == 0o700


def test_what_was_left_half_written_is_seen_by_nobody_and_goes_by_its_age(root: Path) -> None:
    files = DirectoryWorkspaces(root)
    (root / "e" / "a").mkdir()
    half = root / "e" / "a" / ".new-1"
    half.write_bytes(b"half")
    os.utime(half, (5, 5))
    assert files.files_in("e") == []
    assert files.remove_temporary(5_000) == 0
    assert files.remove_temporary(5_001) == 1
    assert not half.exists()


def test_a_file_that_grew_is_still_within_the_limit(root: Path) -> None:
    (root / "big").write_bytes(b"x" * 11)
    with pytest.raises(FlowrayError) as raised:
        read_plain(os.open(root / "big", os.O_RDONLY), "big", 10)
    assert (raised.value.code, raised.value.details) == (ErrorCode.FILE_LIMIT_EXCEEDED, {"bytes": 11, "limit": 10})


def test_a_disk_that_fails_may_be_asked_again(root: Path) -> None:
    """Root ignores permissions, so the folder of the workspaces is a file here."""
    (root / "file").write_bytes(b"")
    files = DirectoryWorkspaces(root / "file")
    assert code_of(lambda: files.read("e", ("a",), LIMIT)) == ErrorCode.FORBIDDEN
    with pytest.raises(FlowrayError) as raised:
        files.write("e", ("a",), b"", overwrite=True)
    assert raised.value.code in (ErrorCode.DATABASE_UNAVAILABLE, ErrorCode.CONFLICT)
