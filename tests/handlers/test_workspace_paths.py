"""Which paths name a file of a workspace: the same on every system, and none that leads out."""

from __future__ import annotations

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.workspace_paths import MAX_NAME_BYTES, as_file_name, as_workspace_path, fold, path_parts


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("a.txt", ("a.txt",)),
        ("out/2024/é.pdf", ("out", "2024", "é.pdf")),
        ("e\u0301.pdf", ("\u00e9.pdf",)),
        (".hidden/..data", (".hidden", "..data")),
        ("{{timestamp}}.mp3", ("{{timestamp}}.mp3",)),
        ("コン/console.txt", ("コン", "console.txt")),
    ],
)
def test_what_is_a_path(path: str, parts: tuple[str, ...]) -> None:
    assert path_parts(path) == parts


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "//host/share",
        "\\\\host\\share",
        "\\a",
        "C:\\a",
        "c:a",
        "..",
        "../a",
        "a/../b",
        "a/..",
        "a/../../b",
    ],
)
def test_what_leads_out_is_forbidden(path: str) -> None:
    with pytest.raises(FlowrayError) as raised:
        path_parts(path)
    assert raised.value.code == ErrorCode.FORBIDDEN


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".", "a//b",
        "a/./b", "a/", "a\0b", "a\nb", "a\x7f", "a\\b", "a\\..\\b", "ab:c", "ab:$DATA", "a?", "a*", 'a"', "a|b",
        "<a",
        "con", "CON.txt", "a/Nul", "com1.log", "LPT9", "COM¹.txt", "conin$", "aux .txt", "a.", "a ", " a", "a/b./c",
        ".new-a", "a" * (MAX_NAME_BYTES + 1), "é" * 101, "/".join("a" * 33), "/".join(["a" * 100] * 11), "\ud800",
    ],
)  # fmt: skip
def test_what_some_system_reads_differently_is_refused(path: str) -> None:
    with pytest.raises(FlowrayError) as raised:
        path_parts(path)
    assert raised.value.code == (ErrorCode.INVALID_NODE_CONFIG)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/outputs/voice/2024-01-01T10:20:30.mp3", "outputs/voice/2024-01-01T10_20_30.mp3"),
        ("  ./a//b/./c.txt ", "a/b/c.txt"),
        ("What now? A study.pdf", "What now_ A study.pdf"),
        ("docs\\a.txt", "docs/a.txt"),
        ("C:\\a.txt", "C_/a.txt"),
        ("a/../../b", "a/../../b"),
        ("/..", ".."),
        ("a. /b", "a/b"),
        ("...", "_"),
        ("", ""),
    ],
)
def test_what_an_author_means_by_a_path(text: str, path: str) -> None:
    assert as_workspace_path(text) == path


@pytest.mark.parametrize(
    ("text", "name"),
    [("report", "report"), ("../../etc/passwd", "etc_passwd"), ("a/b.pdf", "a_b.pdf"), ("con", "file_con"),
     ("", "file"), ("??", "file"), ("x" * 300 + ".pdf", "x" * (MAX_NAME_BYTES - 4) + ".pdf")],
)  # fmt: skip
def test_one_name_of_any_text(text: str, name: str) -> None:
    assert as_file_name(text) == name
    assert path_parts(name) == (name,)


def test_what_two_names_share() -> None:
    assert fold("A/E\u0301.TXT") == fold("a/\u00e9.txt")
    assert fold("a") != fold("b")
