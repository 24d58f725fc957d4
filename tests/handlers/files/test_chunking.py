"""Text in pieces: none too long, nothing lost, cut where a reader would."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flowray.handlers.files.chunking import chunks


def test_cuts_at_paragraphs_then_sentences_then_words() -> None:
    text = "First one. Second one.\n\nThird paragraph here."
    assert list(chunks(text, 30, 0)) == [(0, "First one. Second one."), (24, "Third paragraph here.")]
    assert [piece for _, piece in chunks("one two three four", 10, 0)] == ["one two", "three four"]
    assert [piece for _, piece in chunks("abcdefghij", 4, 1)] == ["abcd", "defg", "ghij"]
    assert list(chunks("  \n ", 10, 0)) == list(chunks("", 10, 0)) == []


@given(st.text(alphabet="ab .\n", max_size=300), st.integers(5, 50), st.integers(0, 4))
def test_nothing_is_lost_and_no_piece_is_too_long(text: str, size: int, overlap: int) -> None:
    covered = set()
    for start, piece in chunks(text, size, overlap):
        assert 0 < len(piece) <= size
        covered |= set(range(start, start + size))
    assert all(at in covered for at, letter in enumerate(text) if not letter.isspace())
