"""Blobs that leave memory when there are many."""

from __future__ import annotations

import gc
import os
import tempfile
from pathlib import Path

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.spool import Spool


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def _open_files(folder: Path) -> list[str]:
    """What this process has open of ``folder``, also without a name."""
    links = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return [link for link in links if link.startswith(str(folder))]


def test_what_was_put_is_found_near_and_far(folder: Path) -> None:
    spool = Spool(near_bytes=10)
    blobs = {"a": b"1234", "b": b"12345678", "c": b"", "d": bytes(range(256)) * 1_000, "e": b"123456"}
    for key, data in blobs.items():
        spool.put(key, data)
    assert {key: spool.get(key) for key in blobs} == blobs
    assert spool.get("f") is None


def test_a_known_key_keeps_what_it_has(folder: Path) -> None:
    spool = Spool(near_bytes=4)
    for key in ("near", "far"):
        spool.put(key, b"1234")
        spool.put(key, b"other")
    assert (spool.get("near"), spool.get("far")) == (b"1234", b"1234")


def test_small_executions_open_no_file(folder: Path) -> None:
    spool = Spool(near_bytes=8)
    spool.put("a", b"12345678")
    assert _open_files(folder) == []


def test_the_file_has_no_name_and_goes_with_its_owner(folder: Path) -> None:
    spool = Spool(near_bytes=0)
    spool.put("a", b"1")
    assert list(folder.iterdir()) == []
    assert len(_open_files(folder)) == 1
    del spool
    gc.collect()
    assert _open_files(folder) == []


def test_a_disk_that_fails_is_named_and_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    spool = Spool(near_bytes=0)
    with pytest.raises(FlowrayError, match=r"could not keep a payload of 3 bytes in .*absent: No such file") as caught:
        spool.put("a", b"123")
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.DATABASE_UNAVAILABLE, True)
    assert spool.get("a") is None
