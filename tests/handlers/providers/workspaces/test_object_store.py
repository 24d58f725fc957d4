"""What only a workspace behind a URL can say; all else is tested with the directory in ``test_threaded``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.providers.workspaces.object_store import FsspecWorkspaces, _age


@pytest.mark.parametrize(
    ("url", "code"), [("nosuch://a", ErrorCode.CONFIGURATION), ("gdrive://a", ErrorCode.MISSING_EXTRA)]
)
def test_a_url_that_cannot_be_used(url: str, code: str) -> None:
    with pytest.raises(FlowrayError) as raised:
        FsspecWorkspaces(url)
    assert raised.value.code == code


def test_half_written_files_are_not_shown_and_go_by_their_age(tmp_path: Path) -> None:
    files = FsspecWorkspaces(f"local://{tmp_path}")
    files.write("e", ("a.txt",), b"", overwrite=True)
    (tmp_path / "e" / ".new-1").write_bytes(b"half")
    assert [file.path for file in files.files_in("e")] == ["a.txt"]
    assert (files.remove_temporary(0), files.remove_temporary(2**60)) == (0, 1)


def test_ages_as_different_stores_say_them() -> None:
    at = datetime(2025, 1, 1, tzinfo=UTC)
    assert _age({"LastModified": at}) == _age({"updated": at.isoformat()}) == _age({"mtime": at.timestamp()})
    assert _age({}) == 2**62
