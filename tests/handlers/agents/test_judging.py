from __future__ import annotations

import pytest

from flowray.handlers.agents.judging import Criterion, read_reasoning, read_scores

TWO = [Criterion("Accuracy", low=0, high=10), Criterion("fluency", low=1, high=5)]


@pytest.mark.parametrize(
    ("reply", "scores"),
    [
        ('{"Accuracy": 7, "fluency": 3}', (7.0, 3.0)),
        ('Here: ```json\n{"accuracy": "8.5", "FLUENCY": 2}\n``` ok', (8.5, 2.0)),
        ('{"accuracy": 99, "fluency": -3}', (10.0, 1.0)),
        ('{"accuracy": 1, "fluency": invalid}', (1.0, None)),
        ("{accuracy: 4, fluency: 2}", (4.0, 2.0)),
        ('{"accuracy": true, "fluency": null}', (None, None)),
        ('{"accuracy": NaN}', (None, None)),
        ("sorry", (None, None)),
        ("", (None, None)),
    ],
)
def test_scores_are_read_with_patience_and_kept_within_their_bounds(
    reply: str, scores: tuple[float | None, ...]
) -> None:
    """As SIM's evaluator reads them."""
    assert tuple(read_scores(reply, TWO).values()) == scores


def test_names_with_signs_of_their_own() -> None:
    assert read_scores("{a.b (c): 3}", [Criterion("a.b (c)")]) == {"a.b (c)": 3.0}


def test_reasoning() -> None:
    assert read_reasoning('{"reasoning": "well said"}') == "well said"
    assert read_reasoning('{"score": 1}') == ""
    assert read_reasoning(" just words ") == "just words"
