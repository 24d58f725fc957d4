"""The hub hears of every end, in few calls, and of the last ones before the stop returns."""

from __future__ import annotations

import threading
from typing import Any, cast

import pytest

from flowray.runtime.on_ray import farewells as module
from flowray.runtime.on_ray.farewells import Farewells


class Hub:
    """Remembers what ``store_drop`` was called with."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.called = threading.Event()
        self.store_drop = self

    def remote(self, execution_ids: list[str]) -> None:
        self.calls.append(execution_ids)
        self.called.set()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setattr(module, "GATHER_S", 0.01)
    return Hub()


def test_ends_that_come_together_are_told_in_one_call(hub: Hub) -> None:
    farewells = Farewells(lambda: cast(Any, hub))
    for number in range(100):
        farewells.ended(f"e{number}")
    farewells.start()
    assert hub.called.wait(60)
    farewells.ended("late")
    farewells.stop()
    assert hub.calls[0] == [f"e{number}" for number in range(100)]
    assert hub.calls[1:] == [["late"]]


def test_without_a_hub_nothing_is_told_and_nothing_breaks(hub: Hub) -> None:
    farewells = Farewells(lambda: None)
    farewells.ended("e1")
    farewells.start()
    farewells.stop()
    assert hub.calls == []
