"""What kind of file something is, and whether it is allowed."""

from __future__ import annotations

import pytest

from flowray.handlers.file_types import is_allowed, kind_of, media_type, suffix_of


@pytest.mark.parametrize(
    ("name", "declared", "data", "found"),
    [
        ("a.pdf", "", b"", "application/pdf"),
        ("a", "pdf", b"", "application/pdf"),
        ("a", ".TXT", b"", "text/plain"),
        ("a.bin", "text/csv; charset=x", b"", "text/csv"),
        ("a.txt", "text/plain", b"%PDF-1.4", "application/pdf"),
        ("a.md", "application/octet-stream", b"", "text/markdown"),
        ("a", "", b"", "application/octet-stream"),
        ("a.mp3", "", b"", "audio/mpeg"),
        ("x", "", b"\x89PNG\r\n\x1a\nrest", "image/png"),
        ("a.png", "", b"BMtext", "image/png"),
    ],
)
def test_media_type(name: str, declared: str, data: bytes, found: str) -> None:
    assert media_type(name, declared, data) == found


@pytest.mark.parametrize(
    ("name", "declared", "data", "kind"),
    [
        ("a.docx", "", b"", "docx"),
        ("a.tsv", "", b"", "csv"),
        ("a.htm", "", b"", "html"),
        ("a.jpeg", "", b"", "image"),
        ("a.svg", "", b"", "txt"),
        ("a.py", "", b"", "txt"),
        ("a", "application/ld+json", b"", "txt"),
        ("a", "", b"plain words", "txt"),
        ("a", "", b"\0\1", None),
        ("a.zip", "", b"", None),
        ("a.mp3", "", b"", None),
    ],
)
def test_kind(name: str, declared: str, data: bytes, kind: str | None) -> None:
    assert kind_of(name, declared, data) == kind


@pytest.mark.parametrize(
    ("allowed", "said"),
    [
        ([], True),
        (["pdf"], True),
        ([".PDF"], True),
        (["application/pdf"], True),
        (["application/*"], True),
        (["*"], True),
        (["image", "docx"], False),
        (["image/*"], False),
        (["text/plain"], False),
    ],
)
def test_allowed(allowed: list[str], said: bool) -> None:
    assert is_allowed("a.pdf", "application/pdf", allowed) is said


def test_groups_and_suffixes_that_only_the_system_knows() -> None:
    assert is_allowed("photo", "image/png", ["image"])
    assert is_allowed("a", "audio/mpeg", ["mp3"])
    assert (suffix_of("a/b.tar.GZ"), suffix_of(".hidden"), suffix_of("a.b/c")) == ("gz", "", "")
