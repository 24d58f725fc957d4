"""Large values in whatever fsspec reaches; the memory file system stands for an object store."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.payloads.fsspec_store import FsspecPayloads
from flowray.persistence.payloads.ids import owner_of, payload_id
from flowray.persistence.payloads.store import PayloadFiles, Removed

LONG_AGO, LATER = 1_000, 2**62


@pytest.fixture(params=["memory", "local"])
def payloads(request: pytest.FixtureRequest, tmp_path: Path) -> FsspecPayloads:
    """``local``: any file system whose puts are not atomic."""
    return FsspecPayloads(f"memory://{uuid.uuid4().hex}" if request.param == "memory" else f"local://{tmp_path}/p")


def test_r34_blobs_are_kept_by_content_and_read_back(payloads: FsspecPayloads) -> None:
    put_id = payloads.put("e1", "a#1", b"data")
    assert put_id == payload_id("e1", b"data")
    assert payloads.put("e1", "b#1", b"data") == put_id
    assert payloads.put("e2", "a#1", b"data") != put_id
    assert payloads.get(put_id) == b"data"
    assert payloads.get(payloads.put("e1", "empty", b"")) == b""


@pytest.mark.parametrize("wanted", ["e1." + "0" * 64, "../x", "", "e1.zz", "e1./" + "0" * 63])
def test_what_is_not_there_is_missing(payloads: FsspecPayloads, wanted: str) -> None:
    with pytest.raises(FlowrayError) as caught:
        payloads.get(wanted)
    assert caught.value.code is ErrorCode.PAYLOAD_MISSING


def test_half_a_blob_is_not_taken_for_one(payloads: FsspecPayloads) -> None:
    put_id = payloads.put("e1", "a", b"data")
    payloads._fs.pipe_file(payloads._path(put_id), b"da")
    with pytest.raises(FlowrayError) as caught:
        payloads.get(put_id)
    assert caught.value.code is ErrorCode.PAYLOAD_MISSING


def test_r34_owners_their_bytes_and_what_is_removed_of_them(payloads: FsspecPayloads) -> None:
    assert isinstance(payloads, PayloadFiles)
    assert list(payloads.owners()) == []
    kept = payloads.put("e1", "a", b"12")
    payloads.put("e2", "a", b"123")
    payloads.put("e2", "b", b"4567")
    assert sorted(payloads.owners()) == ["e1", "e2"]
    assert (payloads.bytes_of("e1"), payloads.bytes_of("e2"), payloads.bytes_of("e3")) == (2, 7, 0)
    assert payloads.orphans("e2", LONG_AGO) == payloads.remove("e2", LONG_AGO) == Removed(0, 0)
    assert payloads.orphans("e2", LATER) == Removed(2, 7)
    assert payloads.remove("e2", LATER) == Removed(2, 7)
    assert payloads.remove("e2", LATER) == Removed(0, 0)
    assert sorted(payloads.owners()) == ["e1"]
    assert payloads.get(kept) == b"12"


def test_r34_what_was_left_half_written_is_removed(tmp_path: Path) -> None:
    payloads = FsspecPayloads(f"local://{tmp_path}")
    kept = payloads.put("e1", "a", b"12")
    for name in (".new-old", ".new-young"):
        (tmp_path / "e1" / name).write_bytes(b"half")
    os.utime(tmp_path / "e1" / ".new-old", (1, 1))
    assert payloads.bytes_of("e1") == 2
    assert payloads.remove_temporary(2_000) == 1
    assert sorted(path.name for path in (tmp_path / "e1").iterdir()) == [".new-young", kept.partition(".")[2]]
    assert FsspecPayloads("memory://x").remove_temporary(LATER) == 0


def test_a_store_that_tells_no_age_loses_nothing(payloads: FsspecPayloads) -> None:
    assert payloads._age({"name": "x"}) == 2**62
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    for told in ({"LastModified": moment}, {"mtime": moment.timestamp()}, {"updated": "2030-01-01T00:00:00Z"}):
        assert payloads._age(told) == 1_893_456_000_000


def test_what_does_not_answer_may_be_tried_again(payloads: FsspecPayloads, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_arguments: object, **_more: object) -> None:
        raise PermissionError("no")

    put_id = payloads.put("e1", "a", b"1")
    for name in ("pipe_file", "cat_file", "ls"):
        monkeypatch.setattr(payloads._fs, name, away)
    for call in (lambda: payloads.put("e1", "b", b"2"), lambda: payloads.get(put_id), lambda: payloads.bytes_of("e1")):
        with pytest.raises(FlowrayError) as caught:
            call()
        assert (caught.value.code, caught.value.retryable) == (ErrorCode.DATABASE_UNAVAILABLE, True)


def test_a_file_system_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FlowrayError) as caught:
        FsspecPayloads("nosuch://bucket")
    assert (caught.value.code, "nosuch" in caught.value.message) == (ErrorCode.CONFIGURATION, True)

    def not_installed(_url: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", not_installed)
    with pytest.raises(FlowrayError, match="s3fs") as caught:
        FsspecPayloads("s3://bucket/prefix")
    assert caught.value.code is ErrorCode.MISSING_EXTRA


def test_owners_of_payload_ids() -> None:
    assert owner_of("e1." + "a" * 64) == "e1"
    assert [owner_of(text) for text in ("", "e1", "e1.a", "../x." + "a" * 64)] == ["", "", "", ""]
