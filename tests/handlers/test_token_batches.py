"""Batches of tokens: offsets, flushing, threads."""

from __future__ import annotations

import asyncio

from flowray.engine.stimuli import TokensProduced
from flowray.handlers.token_batches import TokenBatches


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
