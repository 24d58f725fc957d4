"""What gathers is handed over in one call, in order, and nothing is left behind at the stop."""

from __future__ import annotations

import threading

from flowray.runtime.on_ray.gathered_calls import GatheredCalls


def test_what_gathers_during_a_call_goes_with_the_next() -> None:
    calls: list[list[int]] = []
    began, go_on = threading.Event(), threading.Event()

    def call(items: list[int]) -> None:
        calls.append(items)
        began.set()
        assert go_on.wait(60)

    gathered = GatheredCalls("test", call)
    gathered.start()
    gathered.put(1)
    assert began.wait(60)
    for item in (2, 3, 4):
        gathered.put(item)
    go_on.set()
    gathered.stop()
    assert calls == [[1], [2, 3, 4]]


def test_what_was_put_before_the_start_is_handed_over_at_the_stop() -> None:
    calls: list[list[int]] = []
    gathered = GatheredCalls("test", calls.append)
    gathered.put(1)
    gathered.put(2)
    gathered.start()
    gathered.stop()
    assert [item for call in calls for item in call] == [1, 2]


def test_without_anything_nothing_is_called() -> None:
    calls: list[list[int]] = []
    gathered = GatheredCalls("test", calls.append)
    gathered.start()
    gathered.stop()
    assert calls == []
