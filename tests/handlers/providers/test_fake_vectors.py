"""The fake embedding model: near is what shares words."""

from __future__ import annotations

import math

import pytest

from flowray.handlers.providers.fake_vectors import fake_vector


def cosine(one: str, other: str) -> float:
    return sum(a * b for a, b in zip(fake_vector(one), fake_vector(other), strict=True))


def test_near_is_what_shares_words() -> None:
    question = "how do I return a broken lamp"
    assert cosine(question, "returning broken lamps") > 0.4 > cosine(question, "our office opens at nine") + 0.2
    assert cosine("Lamp", "lamp!") == pytest.approx(1.0, abs=1e-4)


def test_vectors_are_of_length_one_and_of_the_size_asked_for() -> None:
    vector = fake_vector("one two three", 8)
    assert len(vector) == 8
    assert math.hypot(*vector) == pytest.approx(1.0, abs=1e-4)
    assert fake_vector("?!", 3) == [0.0, 0.0, 0.0]
