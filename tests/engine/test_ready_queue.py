"""First in, first out, and linear."""

from __future__ import annotations

import pytest

from flowray.engine.ready_queue import ReadyQueue


def test_first_in_first_out() -> None:
    queue = ReadyQueue()
    for name in "abc":
        queue.push(name)
    assert (queue.first(), list(queue), len(queue)) == ("a", ["a", "b", "c"], 3)
    queue.take("a")
    assert (queue.first(), list(queue), len(queue)) == ("b", ["b", "c"], 2)


def test_take_from_the_middle() -> None:
    queue = ReadyQueue(items=["a", "b", "c"], head=1)
    queue.take("c")
    assert list(queue) == ["b"]
    with pytest.raises(ValueError):
        queue.take("a")


def test_an_empty_queue_has_no_first() -> None:
    assert ReadyQueue().first() is None


def test_what_was_taken_is_cut_off_now_and_then() -> None:
    queue = ReadyQueue()
    for number in range(1_000):
        queue.push(str(number))
    for number in range(1_000):
        queue.take(str(number))
        assert len(queue.items) <= 2 * len(queue) + 130
    assert len(queue) == 0
    assert len(queue.items) < 100
