"""Tokens that nobody reported: counted for OpenAI's models, estimated for others."""

from __future__ import annotations

import sys

import pytest

from flowray.engine.signals import Usage
from flowray.handlers.ai.token_counts import counted_usage, encoding_of
from flowray.handlers.services import ChatRequest

REQUEST = ChatRequest(
    model="", messages=[{"role": "user", "content": "How many tokens?"}, {"role": "user", "content": [{"text": "x y"}]}]
)


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4o-mini", "o200k_base"), ("gpt-5", "o200k_base"), ("o3-mini", "o200k_base"), ("gpt-4", "cl100k_base"),
        ("gpt-4-0613", "cl100k_base"), ("openai/gpt-4.1", "o200k_base"), ("gpt-4ever", None), ("llama-3", None),
        ("o1", "o200k_base"), ("gpt-3.5-turbo", "cl100k_base"),
    ],
)  # fmt: skip
def test_the_encoding_of_a_model(model: str, encoding: str | None) -> None:
    assert encoding_of(model) == encoding


async def test_openais_models_are_counted() -> None:
    pytest.importorskip("bpe_openai")
    usage = await counted_usage(REQUEST, "hello world", "", (), "gpt-4o")
    # "How many tokens?" is 4 tokens, "x y" 2; each message costs 4 more, and the beginning of the answer 3.
    assert usage == Usage(4 + 2 + 2 * 4 + 3, 2, "gpt-4o")


async def test_others_are_estimated_by_length() -> None:
    call = {"function": {"name": "f", "arguments": "{}"}}
    usage = await counted_usage(REQUEST, "hello", "hm", (call,), "llama")
    assert usage == Usage(5, 3, "llama", estimated=True)


async def test_without_the_extra_all_are_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bpe_openai", None)
    assert (await counted_usage(REQUEST, "hello", "", (), "gpt-4o")).estimated
