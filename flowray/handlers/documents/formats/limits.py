"""Bounds of reading one document, and the errors of passing them. Runs in the killable process with the readers."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass

from flowray.errors import ErrorCode, FlowrayError

MIB = 1024 * 1024


@dataclass(frozen=True)
class ReadLimits:
    """``chars`` of text put out; ``unpacked_bytes`` and ``entries`` of what is a ZIP archive inside (docx, xlsx)."""

    pages: int = 2_000
    chars: int = 10_000_000
    cells: int = 2_000_000
    unpacked_bytes: int = 256 * MIB
    entries: int = 10_000


def passed(what: str, limit: int, unit: str) -> FlowrayError:
    """A limit of documents that was passed."""
    return FlowrayError(
        ErrorCode.FILE_LIMIT_EXCEEDED, f"{what} has more than {limit} {unit}", details={"limit": limit, "unit": unit},
        hint="use a smaller document, or a part of it",
    )  # fmt: skip


def unreadable(kind: str, why: str) -> FlowrayError:
    """A file that is not what it should be, or is damaged."""
    return FlowrayError(
        ErrorCode.UNSUPPORTED_FORMAT, f"the file cannot be read as {kind}: {why[:300]}",
        hint="open it in the program that made it and save it again",
    )  # fmt: skip


def check_archive(data: bytes, kind: str, limits: ReadLimits) -> None:
    """Look at the table of a ZIP archive before anything is unpacked: a bomb is announced there, since no more than
    what is announced is ever unpacked. Raises UNSUPPORTED_FORMAT or FILE_LIMIT_EXCEEDED.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
        raise unreadable(kind, str(error)) from error
    if len(entries) > limits.entries:
        raise passed(f"the {kind} file", limits.entries, "entries")
    if sum(entry.file_size for entry in entries) > limits.unpacked_bytes:
        raise passed(f"the {kind} file, unpacked,", limits.unpacked_bytes, "bytes")


class Text:
    """Pieces of text up to a limit."""

    def __init__(self, limits: ReadLimits, what: str) -> None:
        self._limits, self._what = limits, what
        self._chars = 0
        self.pieces: list[str] = []

    def add(self, piece: str) -> None:
        """Raises FILE_LIMIT_EXCEEDED."""
        self._chars += len(piece)
        if self._chars > self._limits.chars:
            raise passed(f"the text of {self._what}", self._limits.chars, "characters")
        self.pieces.append(piece)

    def joined(self, separator: str = "\n") -> str:
        return separator.join(self.pieces)
