"""The context store, with objects that only look like Ray's."""

from __future__ import annotations

import pytest

from flowray.runtime.on_ray.context_store import LATE_S, ContextStore


class Clock:
    """Seconds, moved by the test."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> ContextStore:
    monkeypatch.setattr("flowray.runtime.on_ray.context_store.ray.put", lambda data: ("object", data))
    return ContextStore(capacity_bytes=10, clock_s=clock)


def _held(store: ContextStore) -> tuple[int, int]:
    found = store.statistics()
    return found["values"], found["bytes"]


def test_values_are_found_until_they_are_pruned_or_dropped(store: ContextStore) -> None:
    store.put("e", "p1", b"123")
    store.put("e", "p1", b"123")
    store.put("e", "p2", b"45")
    assert store.refs(["p1", "p3"]) == [("object", b"123"), None]
    assert _held(store) == (2, 5)
    store.prune(["p1", "p3"])
    assert _held(store) == (1, 2)
    store.drop(["e"])
    assert _held(store) == (0, 0)


def test_the_least_recently_read_value_goes_first(store: ContextStore) -> None:
    store.put("e", "old", b"1234")
    store.put("e", "new", b"1234")
    store.refs(["old"])
    store.put("f", "big", b"123456")
    assert [found is not None for found in store.refs(["old", "new", "big"])] == [True, False, True]


def test_a_value_that_comes_after_its_executions_end_is_refused(store: ContextStore, clock: Clock) -> None:
    """L8: lane and orchestrator speak to the store each for itself."""
    store.drop(["e"])
    store.put("e", "late", b"1")
    store.put("f", "other", b"1")
    assert _held(store) == (1, 1)
    clock.now += LATE_S
    store.put("e", "of one that goes on", b"1")
    assert _held(store) == (2, 2)


def test_who_was_dropped_long_ago_is_forgotten(store: ContextStore, clock: Clock) -> None:
    store.drop(["e"])
    clock.now += LATE_S
    store.drop(["f"])
    assert list(store._dropped) == ["f"]
