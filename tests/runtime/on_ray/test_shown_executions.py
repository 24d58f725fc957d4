"""Who is shown in the dashboard, and that nobody stays there whose end came early."""

from __future__ import annotations

import asyncio

from flowray.runtime.on_ray.shown_executions import ShownExecutions


async def test_the_wait_ends_with_the_execution_whoever_tells_of_it() -> None:
    shown = ShownExecutions(10)
    assert shown.admit(["a"]) == ["a"]
    waiting = asyncio.ensure_future(shown.wait("a"))
    await asyncio.sleep(0)
    assert not waiting.done()
    await asyncio.to_thread(shown.ended, "a")
    await asyncio.wait_for(waiting, 60)


async def test_an_end_before_the_wait_is_not_missed() -> None:
    shown = ShownExecutions(10)
    shown.admit(["a"])
    assert shown.lasting(["a"]) == ["a"]
    shown.ended("a")
    shown.ended("a")
    await asyncio.wait_for(shown.wait("a"), 60)


async def test_what_has_ended_by_then_is_not_called_for_and_keeps_no_place() -> None:
    shown = ShownExecutions(1)
    assert shown.admit(["a"]) == ["a"]
    shown.ended("a")
    assert shown.lasting(["a"]) == []
    assert shown.admit(["b"]) == ["b"]


async def test_a_wait_that_is_given_up_ends_no_other() -> None:
    shown = ShownExecutions(10)
    shown.admit(["a"])
    waiting = asyncio.ensure_future(shown.wait("a"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    shown.ended("a")


async def test_a_start_that_is_repeated_shows_nothing_twice() -> None:
    shown = ShownExecutions(10)
    shown.admit(["a"])
    waiting = asyncio.ensure_future(shown.wait("a"))
    await asyncio.sleep(0)
    assert shown.admit(["a", "b"]) == ["b"]
    shown.ended("a")
    await asyncio.wait_for(waiting, 60)


async def test_no_more_than_the_limit_are_shown_at_a_time() -> None:
    shown = ShownExecutions(2)
    assert shown.admit(["a", "b", "c"]) == ["a", "b"]
    assert shown.admit(["c"]) == []
    shown.forget("a")
    assert shown.admit(["c"]) == ["c"]
    shown.lasting(["b"])
    shown.ended("b")
    await asyncio.wait_for(shown.wait("b"), 60)
    assert shown.admit(["d"]) == ["d"]


def test_the_end_of_what_is_not_shown_leaves_nothing() -> None:
    shown = ShownExecutions(1)
    shown.ended("a")
    assert shown.admit(["b"]) == ["b"]
