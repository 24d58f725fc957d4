"""How many tokens a node may spend, by length."""

from __future__ import annotations

from typing import Any

from flowray.engine.context import ContextSlice
from flowray.plan import ExecutableNode
from flowray.runtime.token_estimates import ANSWER_TOKENS, estimated_tokens
from flowray.values import StoredValue


def estimate(config: dict[str, Any], **context: Any) -> int:
    return estimated_tokens(ExecutableNode("n", "llm", config=config), ContextSlice(**context))


def test_the_prompt_counts_and_an_answer_of_the_usual_length() -> None:
    assert estimate({"prompt": "x" * 386}) == 100 + ANSWER_TOKENS


def test_the_author_may_bound_the_answer() -> None:
    assert estimate({"maxTokens": 7, "p": "xxx"}) == 7 + 7
    assert estimate({"maxTokens": "{{n}}"}) > ANSWER_TOKENS


def test_what_the_prompt_reads_counts_large_values_by_their_size() -> None:
    alone = estimate({"prompt": "{{a}} {{b}} {{name}}"})
    read = estimate(
        {"prompt": "{{a}} {{b}} {{name}}"},
        outputs={"a": "y" * 398, "b": StoredValue("p", 4_000, 4_000)},
        inputs={"name": "z" * 38, "unread": "w" * 9_999},
    )
    assert read - alone == 100 + 1_000 + 10
