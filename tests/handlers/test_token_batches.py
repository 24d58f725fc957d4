"""Batches of tokens: offsets, flushing, threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from flowray.engine.stimuli import TokensProduced
from flowray.handlers.token_batches import BATCH_S, TokenBatches


async def test_offsets_count_characters_and_flush_is_repeatable() -> None:
    got: list[TokensProduced] = []
    batches = TokenBatches("n", 2, "s", got.append, lambda: 7, asyncio.get_running_loop())
    assert not batches.streamed
    batches.add("añ")
    batches.add("")
    batches.flush()
    batches.flush()
    batches.add("b", tokens=3)
    batches.flush()
    assert [(b.offset, b.text, b.tokens, b.attempt, b.ts) for b in got] == [(0, "añ", 1, 2, 7), (2, "b", 3, 2, 7)]
    assert batches.streamed


async def test_other_threads_may_add() -> None:
    got: list[TokensProduced] = []
    batches = TokenBatches("n", 1, "s", got.append, lambda: 7, asyncio.get_running_loop())
    await asyncio.to_thread(batches.add, "x")
    await asyncio.sleep(0)
    batches.flush()
    assert [b.text for b in got] == ["x"]


class Clock:
    """A loop as far as batches need one. Its time is set by the test."""

    def __init__(self) -> None:
        self.now = 100.0
        self.due: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_soon_threadsafe(self, function: Callable[..., None], *arguments: Any) -> None:
        function(*arguments)

    def call_at(self, when: float, function: Callable[[], None]) -> Clock:
        self.due.append((when, function))
        return self

    def cancel(self) -> None:
        self.due.clear()

    def turn(self, now: float) -> None:
        """Call what is due."""
        self.now = now
        for when, function in list(self.due):
            if when <= now:
                function()


def test_what_comes_after_a_silence_leaves_at_once_with_what_comes_along() -> None:
    clock, got = Clock(), list[TokensProduced]()
    batches = TokenBatches("n", 1, "s", got.append, lambda: 7, clock)  # type: ignore[arg-type]
    for second in (0.0, 1.0, 2.0):
        clock.now = 100 + second
        batches.add("a")
        batches.add("b")
        assert len(got) == second
        clock.turn(clock.now)
    assert [(batch.offset, batch.text) for batch in got] == [(0, "ab"), (2, "ab"), (4, "ab")]


def test_a_fast_stream_sends_a_batch_each_20_ms_and_no_token_waits_longer() -> None:
    """R33."""
    clock, sent = Clock(), list[tuple[float, int]]()

    def emit(batch: TokensProduced) -> None:
        sent.append((clock.now, len(batch.text)))

    batches = TokenBatches("n", 1, "s", emit, lambda: 7, clock)  # type: ignore[arg-type]
    for ms in range(100):
        clock.turn(100 + ms / 1000)
        batches.add("x")
    clock.turn(101)
    assert [size for _, size in sent] == [1, 20, 20, 20, 20, 19]
    gaps = [after - before for (before, _), (after, _) in pairwise(sent)]
    assert gaps[:4] == [pytest.approx(BATCH_S)] * 4


async def test_a_stream_that_goes_on_begins_at_its_offset() -> None:
    got: list[TokensProduced] = []
    batches = TokenBatches("n", 2, "s", got.append, lambda: 7, asyncio.get_running_loop(), offset=5)
    assert not batches.streamed
    batches.add("ab")
    batches.flush()
    assert ([b.offset for b in got], batches.streamed) == ([5], True)
