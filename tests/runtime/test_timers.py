"""Timers: order, moving, forgetting, bounded memory (R32)."""

from __future__ import annotations

from flowray.runtime.timers import Timers


def test_timers_fire_in_order_and_never_early() -> None:
    timers = Timers()
    timers.set("e1", "b", 20)
    timers.set("e1", "a", 10)
    timers.set("e2", "a", 15)
    assert timers.next_due() == 10
    assert timers.pop_due(9) == []
    assert timers.pop_due(15) == [("e1", "a"), ("e2", "a")]
    assert timers.pop_due(100) == [("e1", "b")]
    assert timers.next_due() is None


def test_setting_a_timer_again_moves_it() -> None:
    timers = Timers()
    timers.set("e1", "a", 10)
    timers.set("e1", "a", 30)
    timers.set("e1", "a", 20)
    assert timers._count == 1
    assert timers.pop_due(19) == []
    assert timers.pop_due(20) == [("e1", "a")]
    assert timers.pop_due(30) == []


def test_cancelled_and_dropped_timers_never_fire() -> None:
    timers = Timers()
    timers.set("e1", "a", 10)
    timers.set("e1", "b", 10)
    timers.set("e2", "a", 10)
    timers.cancel("e1", "a")
    timers.cancel("e1", "unknown")
    timers.cancel("e3", "a")
    timers.drop("e2")
    timers.drop("e2")
    assert timers.pop_due(10) == [("e1", "b")]
    assert timers._count == 0


def test_guards_that_are_cancelled_early_do_not_pile_up() -> None:
    """Ten thousand nodes that each end long before their timeout leave almost nothing behind."""
    timers = Timers()
    timers.set("e1", "kept", 5)
    for number in range(10_000):
        timers.set("e1", f"guard:{number}", 10**12)
        timers.cancel("e1", f"guard:{number}")
    assert timers._count == 1
    assert len(timers._heap) < 1_100
    assert timers.pop_due(5) == [("e1", "kept")]
