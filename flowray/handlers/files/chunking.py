"""Cuts text into pieces that overlap, at paragraphs, sentences or words where it can. Pure."""

from __future__ import annotations

from collections.abc import Iterator

_BREAKS = ("\n\n", "\n", ". ", "! ", "? ", "; ", ", ", " ")


def chunks(text: str, size: int, overlap: int) -> Iterator[tuple[int, str]]:
    """``(start, piece)`` in characters: no piece is longer than ``size``, and each begins at most ``overlap``
    characters, fewer than ``size``, before the last one's end. None for text without anything in it.
    """
    start = 0
    while start < len(text):
        end = min(start + size, len(text))
        if end < len(text):
            end = _good_end(text, start, end)
        piece = text[start:end]
        if piece.strip():
            yield start, piece.strip()
        if end >= len(text):
            return
        start = max(end - overlap, start + 1)


def _good_end(text: str, start: int, end: int) -> int:
    """Behind the last break in the second half of the piece; its hard end if there is none."""
    middle = start + (end - start) // 2
    for mark in _BREAKS:
        at = text.rfind(mark, middle, end)
        if at >= 0:
            return at + len(mark)
    return end
