"""What a lane without files says, and the errors of files."""

from __future__ import annotations

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.workspace import NoReadRoots, NoWorkspace, above_limit, file_exists, missing_file, no_plain_file


async def test_a_lane_without_files_says_which_setting_brings_them() -> None:
    none = NoWorkspace()
    for call in (none.write("e", "a", b""), none.read("e", "a"), none.stat("e", "a"), none.files_in("e"),
                 none.delete("e", "a")):  # fmt: skip
        with pytest.raises(FlowrayError, match="no place for files") as raised:
            await call
        assert raised.value.code == ErrorCode.CONFIGURATION
        assert "FLOWRAY_WORKSPACE_DIR" in (raised.value.hint or "")
    assert await NoReadRoots().read("/etc/passwd") is None


def test_errors_name_the_file() -> None:
    assert missing_file("a/b").code == ErrorCode.NOT_FOUND
    assert "'a/b'" in missing_file("a/b").message
    assert (file_exists("a").code, no_plain_file("a").code) == (ErrorCode.CONFLICT, ErrorCode.FORBIDDEN)
    error = above_limit("the file 'a'", 3, 2, "hint")
    assert (error.code, error.details) == (ErrorCode.FILE_LIMIT_EXCEEDED, {"bytes": 3, "limit": 2})
