"""Blobs in a directory."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.database.engine import open_database
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.payloads.database import DatabasePayloads
from flowray.persistence.payloads.directory import DirectoryPayloads
from flowray.persistence.payloads.ids import payload_id
from flowray.persistence.payloads.store import Removed, file_bytes
from tests.persistence.samples import FaultyCommitter


@pytest.fixture
def store(tmp_path: Path) -> DirectoryPayloads:
    return DirectoryPayloads(tmp_path / "payloads")


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_r34_a_blob_is_one_file_named_by_its_content(store: DirectoryPayloads, tmp_path: Path) -> None:
    first = store.put("01ABC", "a", b"data")
    assert store.put("01ABC", "b", b"data") == first
    assert store.get(first) == b"data"
    assert files(tmp_path / "payloads") == [first.replace(".", "/")]
    assert DirectoryPayloads(tmp_path / "payloads").get(first) == b"data"


def test_r34_owners_their_bytes_and_what_is_removed_of_them(store: DirectoryPayloads, tmp_path: Path) -> None:
    root = tmp_path / "payloads"
    assert (list(store.owners()), store.bytes_of("e1"), store.remove_temporary(2**62)) == ([], 0, 0)
    old, young = store.put("e1", "a", b"123"), store.put("e1", "b", b"4567")
    os.utime(root / old.replace(".", "/"), (1, 1))
    assert (list(store.owners()), store.bytes_of("e1"), store.bytes_of("../payloads")) == (["e1"], 7, 0)
    assert store.orphans("e1", 2_000) == Removed(1, 3)
    assert store.bytes_of("e1") == 7
    assert store.remove("e1", 2_000) == Removed(1, 3)
    assert (store.remove("e1", 2_000), store.get(young)) == (Removed(0, 0), b"4567")
    assert store.remove("e1", 2**62) == Removed(1, 4)
    assert not (root / "e1").exists()


def test_r34_what_is_put_again_is_young_again(store: DirectoryPayloads, tmp_path: Path) -> None:
    put_id = store.put("e1", "a", b"123")
    os.utime(tmp_path / "payloads" / put_id.replace(".", "/"), (1, 1))
    store.put("e1", "b", b"123")
    assert store.remove("e1", 2_000) == Removed(0, 0)


def test_r34_what_was_left_half_written_is_removed_once_it_is_old(store: DirectoryPayloads, tmp_path: Path) -> None:
    put_id = store.put("e1", "a", b"123")
    for name in (".new-old", ".new-young"):
        (tmp_path / "payloads" / "e1" / name).write_bytes(b"half")
    os.utime(tmp_path / "payloads" / "e1" / ".new-old", (1, 1))
    assert store.bytes_of("e1") == 3
    assert store.remove_temporary(2_000) == 1
    assert files(tmp_path / "payloads") == ["e1/.new-young", put_id.replace(".", "/")]


def test_bytes_outside_of_the_database(store: DirectoryPayloads) -> None:
    store.put("e1", "a", b"123")
    store.put("an id / with signs", "a", b"12")
    assert (file_bytes(store, "e1"), file_bytes(store, "an id / with signs")) == (3, 2)
    assert file_bytes(MemoryStore().payloads, "e1") == 0


def test_empty_and_binary_blobs_are_kept(store: DirectoryPayloads) -> None:
    for data in (b"", b"\x00\xff" * 70_000):
        assert store.get(store.put("e1", "k", data)) == data


@pytest.mark.parametrize("execution_id", ["../../etc", "a/b", "", ".", "ü" * 300, "a.b", "nul\0"])
def test_ids_of_any_shape_stay_inside_the_directory(
    store: DirectoryPayloads, tmp_path: Path, execution_id: str
) -> None:
    put_id = store.put(execution_id, "../key", b"x")
    assert store.get(put_id) == b"x"
    [name] = files(tmp_path)
    assert name == "payloads/" + put_id.replace(".", "/")
    assert len(put_id) < 200


@pytest.mark.parametrize(
    "wanted", ["", "x", "../../etc/passwd", "e1." + "0" * 64, "e1/../x." + "0" * 64, payload_id("e2", b"data")]
)
def test_anything_else_is_missing(store: DirectoryPayloads, wanted: str) -> None:
    store.put("e1", "k", b"data")
    with pytest.raises(FlowrayError) as caught:
        store.get(wanted)
    assert caught.value.code == ErrorCode.PAYLOAD_MISSING


def test_r34_data_is_synced_before_it_gets_its_name_and_the_name_before_put_returns(
    store: DirectoryPayloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    sync, replace = os.fsync, os.replace

    def counted_sync(handle: int) -> None:
        calls.append("fsync")
        sync(handle)

    def counted_replace(old: str, new: str) -> None:
        calls.append("rename")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", counted_sync)
    monkeypatch.setattr(os, "replace", counted_replace)
    store.put("e1", "k", b"data")
    assert calls[-3:] == ["fsync", "rename", "fsync"]
    calls.clear()
    store.put("e1", "k", b"data")
    assert calls == ["fsync"]


def test_a_failed_write_leaves_nothing_behind(
    store: DirectoryPayloads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        store.put("e1", "k", b"folder")
        patched.setattr(os, "fsync", full)
        with pytest.raises(FlowrayError) as caught:
            store.put("e1", "k", b"data")
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.DATABASE_UNAVAILABLE, True)
    assert "No space left" in caught.value.message
    assert files(tmp_path) == ["payloads/" + payload_id("e1", b"folder").replace(".", "/")]


def test_writers_of_the_same_blob_at_once_agree(store: DirectoryPayloads, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: store.put("e1", "k", b"x" * 100_000), range(24)))
    assert len(ids) == 1
    assert len(files(tmp_path)) == 1


def test_the_database_store_raises_what_the_commit_raises(sqlite_url: str) -> None:
    engine = open_database(sqlite_url)
    payloads = DatabasePayloads(engine, FaultyCommitter(MemoryStore(), before=1).commit)
    with pytest.raises(FlowrayError) as caught:
        payloads.put("e1", "k", b"x")
    assert caught.value.code == ErrorCode.DATABASE_UNAVAILABLE
    engine.dispose()
