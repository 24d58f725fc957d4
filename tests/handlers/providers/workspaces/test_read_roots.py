"""Folders that the operator lets workflows read: nothing beside them, and nothing through links in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.providers.workspaces.read_roots import FolderReadRoots


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data" / "in").mkdir(parents=True)
    (tmp_path / "data" / "in" / "a.txt").write_bytes(b"a")
    (tmp_path / "secret").write_bytes(b"s")
    return tmp_path


async def test_what_is_in_a_root_is_read_and_nothing_else(folder: Path) -> None:
    roots = FolderReadRoots([folder / "data"])
    assert await roots.read(str(folder / "data/in/a.txt")) == b"a"
    assert await roots.read(str(folder / "secret")) is None
    assert await roots.read(str(folder / "data2")) is None
    assert await roots.read("data/in/a.txt") is None
    assert await roots.read(str(folder / "data")) is None
    assert await FolderReadRoots([]).read("/etc/passwd") is None
    assert await roots.read("/etc/pass\0wd") is None


@pytest.mark.parametrize(
    "path", ["data/../secret", "data/in/../../secret", "data/link", "data/out/secret", "data/in", "data/pipe"]
)
async def test_no_way_leads_out(folder: Path, path: str) -> None:
    (folder / "data" / "link").symlink_to("../secret")
    (folder / "data" / "out").symlink_to("..")
    os.mkfifo(folder / "data" / "pipe")
    with pytest.raises(FlowrayError) as raised:
        await FolderReadRoots([folder / "data"]).read(f"{folder}/{path}")
    assert raised.value.code == ErrorCode.FORBIDDEN


async def test_a_root_may_be_a_link_and_the_innermost_counts(folder: Path) -> None:
    (folder / "data" / "mounted").symlink_to("in")
    roots = FolderReadRoots([folder / "data", folder / "data" / "mounted"])
    assert await roots.read(str(folder / "data/mounted/a.txt")) == b"a"


async def test_what_is_missing_or_too_large(folder: Path) -> None:
    roots = FolderReadRoots([folder / "data"])
    with pytest.raises(FlowrayError) as raised:
        await roots.read(str(folder / "data/none"))
    assert raised.value.code == ErrorCode.NOT_FOUND
    with pytest.raises(FlowrayError) as raised:
        await roots.read(str(folder / "data/in/a.txt"), limit_bytes=0)
    assert raised.value.code == ErrorCode.FILE_LIMIT_EXCEEDED
