"""The scripted model of the relay's benchmark: all its tokens, in order, each with a time."""

from __future__ import annotations

import time

import pytest

from benchmarks.token_node import NAME, TokenNode, read_tokens, token
from flowray.engine.stimuli import Stimulus, TokensProduced
from flowray.handlers.registry import NodeRegistry
from tests.handlers.running import output


async def test_it_emits_each_token_once_with_the_time_of_its_emission() -> None:
    began_us = time.time_ns() // 1000
    config = {"count": 50, "rate": 100_000, "startAt": 0}
    emitted: list[Stimulus] = []
    result = await output(NAME, config, registry=NodeRegistry([TokenNode()]), emitted=emitted, stream_id="llm-n1")
    text = "".join(batch.text for batch in emitted if isinstance(batch, TokensProduced))
    tokens = list(read_tokens(text))
    assert [number for number, _ in tokens] == list(range(50))
    times = [at_us for _, at_us in tokens]
    assert times == sorted(times)
    assert times[0] >= began_us
    assert result == 50


def test_a_token_is_read_as_it_was_written() -> None:
    assert list(read_tokens(token(0, 17) + token(1, 23))) == [(0, 17), (1, 23)]


def test_half_a_token_is_none() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        list(read_tokens("0@17 1@"))
