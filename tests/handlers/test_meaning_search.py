"""Entries by what they mean."""

from __future__ import annotations

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.embedded_texts import EmbeddedTexts
from flowray.handlers.meaning_search import MAX_CHARS, is_not_set_up, search_by_meaning
from tests.fakes.knowledge import WordModels

ENTRIES = {"lamp": "red", "chair": ["oak", "wood"], "long": "x" * 20_000}


async def test_the_best_come_first_and_among_equals_the_first() -> None:
    models, embedded = WordModels(), EmbeddedTexts()
    found = await search_by_meaning(
        models, ENTRIES, "chair oak", 2, 0.0, model="m", provider="p", embedded=embedded
    )  # fmt: skip
    assert [match.key for match in found.matches] == ["chair", "lamp"]
    assert found.matches[0].value == ["oak", "wood"]
    assert found.matches[0].similarity > 0.5
    (provider, model, texts), *_ = models.asked
    assert (provider, model, len(texts[3])) == ("p", "m", MAX_CHARS)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (FlowrayError(ErrorCode.PROVIDER_AUTH, "no key"), True),
        (FlowrayError(ErrorCode.CONFIGURATION, "no models"), True),
        (FlowrayError(ErrorCode.PROVIDER_AUTH, "wrong key", details={"status": 401}), False),
        (FlowrayError(ErrorCode.PROVIDER_RATE_LIMITED, "slow down"), False),
    ],
)
def test_only_what_is_not_set_up_counts_as_that(error: FlowrayError, expected: bool) -> None:
    assert is_not_set_up(error) is expected
