"""Cosines by numpy and in plain Python are the same."""

from __future__ import annotations

import random

import pytest

from flowray.persistence.knowledge import similarity
from flowray.persistence.knowledge.similarity import most_similar
from flowray.persistence.knowledge.tables import vector_bytes

ROWS = [vector_bytes(row) for row in ([2, 0], [0, 3], [1, 1], [-1, 0], [0, 0])]


@pytest.mark.parametrize("plain", [False, True])
def test_the_best_come_first_and_the_zero_vector_is_like_nothing(plain: bool) -> None:
    query = vector_bytes([4, 0])
    assert most_similar(ROWS, query, 9, -1, plain=plain) == [(0, 1.0), (2, 0.707107), (1, 0.0), (4, 0.0), (3, -1.0)]
    assert most_similar(ROWS, query, 1, -1, plain=plain) == [(0, 1.0)]
    assert most_similar(ROWS, query, 9, 0.5, plain=plain) == [(0, 1.0), (2, 0.707107)]
    assert most_similar(ROWS, vector_bytes([0, 0]), 2, 0, plain=plain) == [(0, 0.0), (1, 0.0)]


@pytest.mark.parametrize("plain", [False, True])
def test_other_lengths_are_left_out(plain: bool) -> None:
    assert most_similar([vector_bytes([1]), *ROWS[:1]], vector_bytes([1, 0]), 5, -1, plain=plain) == [(1, 1.0)]
    assert most_similar([], vector_bytes([1]), 5, -1, plain=plain) == []


def test_both_ways_agree_on_many() -> None:
    chance = random.Random(7)
    rows = [vector_bytes([chance.uniform(-1, 1) for _ in range(32)]) for _ in range(50)]
    found, again = (most_similar(rows, rows[3], 10, -1, plain=plain) for plain in (False, True))
    assert [place for place, _ in found] == [place for place, _ in again]
    assert [value for _, value in found] == pytest.approx([value for _, value in again], abs=2e-6)
    assert found[0] == (3, 1.0)


def test_without_numpy_it_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "_numpy", lambda: None)
    assert most_similar(ROWS, vector_bytes([0, 2]), 1, -1) == [(1, 1.0)]
