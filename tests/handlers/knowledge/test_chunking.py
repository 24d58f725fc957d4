"""Chunks: sizes, overlap, where they are cut, nothing lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.knowledge import chunking
from flowray.handlers.knowledge.chunking import chunked, estimated_tokens, token_counter


def words(text: str) -> int:
    return len(text.split())


def test_a_short_text_is_one_chunk_and_an_empty_one_none() -> None:
    assert chunked("One. Two.", 10, 2, words) == ["One. Two."]
    assert chunked(" \n ", 10, 2, words) == []
    assert chunked("", 10, 2, words) == []


def test_it_cuts_at_sentences_and_lines() -> None:
    text = "One two three. Four five!\nSix seven\n\nEight nine ten."
    assert chunked(text, 5, 0, words) == ["One two three. Four five!", "Six seven\n\nEight nine ten."]
    assert chunked(text, 3, 0, words) == ["One two three.", "Four five!", "Six seven", "Eight nine ten."]


def test_a_chunk_begins_with_the_end_of_the_one_before() -> None:
    text = "A one. B two. C three. D four."
    assert chunked(text, 4, 2, words) == ["A one. B two.", "B two. C three.", "C three. D four."]
    assert chunked(text, 4, 1, words) == ["A one. B two.", "C three. D four."]


def test_long_sentences_are_cut_at_words_and_long_words_in_parts() -> None:
    assert chunked("a b c d e f g", 3, 1, words) == ["a b c", "c d e", "e f g"]
    assert chunked("x" * 10, 4, 0, len) == ["xx", "xxx", "xx", "xxx"]


@given(st.text(alphabet="ab .\n", max_size=200), st.integers(2, 9), st.integers(0, 4))
def test_nothing_is_lost_and_no_chunk_is_too_long(text: str, size: int, overlap: int) -> None:
    chunks = chunked(text, size, min(overlap, size - 1), words)
    assert all(chunk and words(chunk) <= size for chunk in chunks)
    remaining = iter(" ".join(chunks).split())
    assert all(word in remaining for word in text.split())  # each after the one before it


def test_tokens_are_counted_or_taken_by_length(monkeypatch: pytest.MonkeyPatch) -> None:
    assert estimated_tokens("12345") == 2

    def absent(module: str, extra: str) -> None:
        raise FlowrayError(ErrorCode.MISSING_EXTRA, "not here")

    monkeypatch.setattr(chunking, "load_extra", absent)
    assert token_counter() is estimated_tokens


def test_another_failure_of_the_extra_is_none_to_hide(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(module: str, extra: str) -> None:
        raise FlowrayError(ErrorCode.INTERNAL, "broken")

    monkeypatch.setattr(chunking, "load_extra", broken)
    with pytest.raises(FlowrayError, match="broken"):
        token_counter()


def test_exact_counts() -> None:
    pytest.importorskip("bpe_openai")
    assert token_counter()("Hello, world!") == 4
