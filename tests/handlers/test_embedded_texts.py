"""Vectors that a process keeps."""

from __future__ import annotations

import pytest

from flowray.handlers.embedded_texts import EmbeddedTexts, cosine
from tests.fakes.knowledge import WordModels


async def test_only_unknown_texts_are_asked_for() -> None:
    models, embedded = WordModels(), EmbeddedTexts()
    first = await embedded.embed(models, ["a b", "c", "a b"], "m", "p")
    again = await embedded.embed(models, ["c", "d"], "m", "p")
    assert models.asked == [("p", "m", ["a b", "c"]), ("p", "m", ["d"])]
    assert first.vectors[0] is first.vectors[2]
    assert again.vectors[0] is first.vectors[1]
    assert first.usage is not None
    assert first.usage.input_tokens == 3
    assert (await embedded.embed(models, ["d"], "m", "p")).usage is None
    await embedded.embed(models, ["d"], "other", "p")
    assert len(models.asked) == 3


async def test_the_longest_unused_go_first() -> None:
    models, embedded = WordModels(), EmbeddedTexts(kept=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        await embedded.embed(models, [text])
    assert [texts for _, _, texts in models.asked] == [["a"], ["b"], ["c"], ["b"]]


async def test_vectors_have_length_one() -> None:
    embedded = await EmbeddedTexts().embed(WordModels(short=4), ["a b c", "", "a b c"], "short")
    one, nothing, same = embedded.vectors
    assert cosine(one, same) == pytest.approx(1, abs=1e-6)
    assert cosine(one, nothing) == 0
    assert cosine(one, one[:2]) == 0
